"""A data set as its authors publish it: a folder, a .zip, a .tar or .tar.gz, or a single file.

Nothing is unpacked to disk: members are read into memory, by name.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from hmd_tflm.errors import UserError
from hmd_tflm.files import read_whole

BLOCK = 1 << 20

Reader = Callable[[Collection[str]], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a data set, by their names below the data set's own root.

    Args:
        path: where they come from, for messages.
        sizes: bytes of each file, by name ("/" between folders).
        reader: yields name and content of the files asked for, in the order in which they lie.
    """

    path: Path
    sizes: dict[str, int]
    reader: Reader

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Name and content of some files, in the order in which the source holds them.

        Raises:
            UserError: a file is not there or cannot be read.
        """
        for name in names:
            if name not in self.sizes:
                raise UserError(
                    f"{self.path}: received no {name}, expected it; give the complete data set"
                )
        return self.reader(frozenset(names))

    def file(self, name: str) -> bytes:
        """The content of one file; errors as in `read`."""
        return dict(self.read([name]))[name]


def open_source(path: Path, marker: str) -> Source:
    """Open a data set, whatever it is packed in.

    Args:
        path: a folder, an archive (also one that holds nothing but another .zip), or a file.
        marker: a file that every copy of the data set has, named from the data set's root; the
            root may lie in any folder of `path`. "" for a data set of a single file.

    Raises:
        UserError: there is no such path, it cannot be read, it has no marker, or an archive has
            a member outside of its own folder.
    """
    members, reader = _members(path)
    inner = [name for name in members if name.endswith(".zip")]
    if marker and _root(members, marker) is None and len(inner) == 1:
        content = BytesIO(dict(reader(inner))[inner[0]])
        members, reader = _zip(content, path)
    root = _root(members, marker)
    if root is None:
        raise UserError(
            f"{path}: received no {marker or 'file'} in it, expected the data set as its authors "
            "publish it"
        )
    if not marker and len(members) > 1:
        raise UserError(f"{path}: received {len(members)} files, expected a single one")
    sizes = {n[len(root) :]: size for n, size in members.items() if n.startswith(root)}

    def read_below(names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        return ((n[len(root) :], content) for n, content in reader({root + n for n in names}))

    return Source(path, sizes, read_below)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; progress is shown on stderr.

    Raises:
        UserError: it cannot be read.
    """
    digest = hashlib.sha256()
    with _readable(path), _shown(path, "SHA-256") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _root(members: Collection[str], marker: str) -> str | None:
    """What stands before the marker in the name of the member that it is, the shortest first."""
    if not marker:
        return "" if members else None
    roots = [n.removesuffix(marker) for n in members if n == marker or n.endswith(f"/{marker}")]
    return min(roots, key=len, default=None)


def _members(path: Path) -> tuple[dict[str, int], Reader]:
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; check the path")
    with _readable(path):
        if path.suffix == ".zip" or zipfile.is_zipfile(path):
            return _zip(path, path)
        if path.suffix in (".tar", ".gz", ".tgz") or tarfile.is_tarfile(path):
            return _tar(path)
    return {path.name: path.stat().st_size}, lambda _: iter([(path.name, read_whole(path))])


def _folder(path: Path) -> tuple[dict[str, int], Reader]:
    files = {f.relative_to(path).as_posix(): f for f in sorted(path.rglob("*")) if f.is_file()}

    def read(names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        return ((name, read_whole(file)) for name, file in files.items() if name in names)

    return {name: file.stat().st_size for name, file in files.items()}, read


def _zip(file: Path | IO[bytes], path: Path) -> tuple[dict[str, int], Reader]:
    with _readable(path):
        archive = zipfile.ZipFile(file)
    infos = {_safe(i.filename, path): i for i in archive.infolist() if not i.is_dir()}

    def read(names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        with _readable(path):
            for name, info in infos.items():
                if name in names:
                    yield name, archive.read(info)

    return {name: info.file_size for name, info in infos.items()}, read


def _tar(path: Path) -> tuple[dict[str, int], Reader]:
    """Read from its begin to its end each time: a .tar.gz has no table of contents."""

    def read(names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        with _readable(path), path.open("rb") as file, _stream(file) as archive:
            for member in archive:
                if member.isfile() and (name := _safe(member.name, path)) in names:
                    content = archive.extractfile(member)
                    assert content is not None
                    yield name, content.read()

    with _readable(path), _shown(path, "contents") as file, _stream(file) as archive:
        return {_safe(m.name, path): m.size for m in archive if m.isfile()}, read


@contextmanager
def _stream(file: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """An archive to be read in order; tarfile's own stream of a .gz takes an early end for its end."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    with (
        gzip.GzipFile(fileobj=file, mode="rb") if packed else nullcontext(file) as content,
        tarfile.open(fileobj=content, mode="r|") as archive,
    ):
        yield archive


def _safe(name: str, path: Path) -> str:
    """The name without "./"."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise UserError(
            f"{path}: received a member {name!r} outside of the archive's own folder, expected the "
            "official archive; do not trust this one"
        )
    return str(parts)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (
        OSError,
        EOFError,
        RuntimeError,  # zipfile: a password is needed
        zlib.error,
        tarfile.TarError,
        zipfile.BadZipFile,
    ) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); if it is a download, it is incomplete or "
            "damaged: download it again"
        ) from error


@contextmanager
def _shown(path: Path, what: str) -> Iterator[IO[bytes]]:
    """The open file; how much of it has been read is shown on stderr."""
    with (
        path.open("rb") as file,
        tqdm.wrapattr(
            file, "read", total=path.stat().st_size, desc=f"{path.name} {what}", delay=1
        ) as shown,
    ):
        yield shown
