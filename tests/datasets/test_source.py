"""The same files from a folder, a .zip and a .tar.gz; archives that are damaged or hostile."""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm.datasets.prepare.source import open_source, sha256
from hmd_tflm.errors import UserError

from .conftest import tarred, unpacked, zipped

FILES = {"marker.txt": b"m", "one/a.bin": bytes(range(256)) * 40, "one/b.bin": b"", "two": b"2"}
WRITERS: dict[str, Callable] = {
    "folder": lambda files, path: unpacked(files, path),
    "a.zip": lambda files, path: path.write_bytes(zipped(files)),
    "nested.zip": lambda files, path: path.write_bytes(zipped({"x/in.zip": zipped(files)})),
    "a.tar.gz": lambda files, path: path.write_bytes(tarred(files)),
}
names = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}\.bin)?", fullmatch=True)


@pytest.mark.parametrize("kind", WRITERS)
@given(
    files=st.dictionaries(names, st.binary(max_size=50), max_size=6), root=st.sampled_from("/AB")
)
def test_every_kind_gives_the_same_files(kind: str, files: dict[str, bytes], root: str) -> None:
    files = {name: data for name, data in files.items() if name.endswith(".bin")}
    files["marker.txt"] = b""
    below = {(f"{root} c/{n}" if root != "/" else n): data for n, data in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, kind)
        WRITERS[kind](below, path)
        source = open_source(path, "marker.txt")
        assert source.sizes == {name: len(data) for name, data in files.items()}
        assert dict(source.read(list(files))) == files
        assert source.file("marker.txt") == b""
        assert list(source.read([])) == []


@pytest.mark.parametrize("kind", ["a.zip", "nested.zip", "a.tar.gz"])
def test_an_archive_that_ends_early_is_an_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    WRITERS[kind](FILES, path)
    whole = path.read_bytes()
    for length in (0, 1, 30, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="incomplete or damaged"):
            dict(open_source(path, "marker.txt").read(list(FILES)))


def test_a_damaged_member_is_an_error(tmp_path: Path) -> None:
    content = bytearray(zipped(FILES))
    content[content.index(b"one/a.bin") + 40] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    source = open_source(tmp_path / "a.zip", "marker.txt")
    with pytest.raises(UserError, match=r"a\.zip: cannot be read"):
        source.file("one/a.bin")


@pytest.mark.parametrize("name", ["../evil.txt", "one/../../evil.txt", "/tmp/evil.txt"])
def test_a_member_outside_of_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(FILES | {name: b"evil"}))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for member in (*FILES, name):
            archive.addfile(tarfile.TarInfo(member), io.BytesIO())
    for path in (tmp_path / "a.zip", tmp_path / "a.tar.gz"):
        with pytest.raises(UserError, match="outside of the archive's own folder"):
            open_source(path, "marker.txt")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = unpacked(FILES, tmp_path / "set")
    with pytest.raises(UserError, match="none: no such file or folder"):
        open_source(tmp_path / "none", "marker.txt")
    with pytest.raises(UserError, match=r"set: received no lost\.txt in it, expected"):
        open_source(folder, "lost.txt")
    with pytest.raises(UserError, match=r"set: received no one/c\.bin, expected it"):
        open_source(folder, "marker.txt").read(["one/c.bin"])
    with pytest.raises(UserError, match="set: received 4 files, expected a single one"):
        open_source(folder, "")


def test_the_checksum_is_hashlibs(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(data)
    assert sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()
