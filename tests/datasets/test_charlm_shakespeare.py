"""A text's ids, and the official text against the file made from it before."""

import string
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm import datasets
from hmd_tflm.datasets.prepare import prepare
from hmd_tflm.errors import UserError


@given(st.text(string.printable, min_size=20).filter(lambda text: len(set(text)) > 1))
def test_ids_spell_the_text(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text", "input.txt")
        path.parent.mkdir()
        path.write_bytes(text.encode())
        prepare("charlm_shakespeare", path.parent, Path(folder, "out.npz"))
        with np.load(Path(folder, "out.npz")) as out:
            parts = [out[split] for split in datasets.SPLITS]
            spelt = "".join(out["charset"][np.concatenate(parts)])
            assert out["charset"].tolist() == sorted(set(text))
    assert spelt == text and {p.dtype for p in parts} == {np.dtype(np.uint8)}
    assert len(parts[0]) == int(0.9 * len(text))
    assert 0 <= len(parts[2]) - len(parts[1]) <= 1


def test_the_official_text_gives_the_known_file(tmp_path: Path) -> None:
    known = datasets.folder() / "charlm_shakespeare.npz"
    if not known.is_file():
        pytest.skip(f"needs {known.name}: set {datasets.VARIABLE} to its folder")
    with np.load(known) as file:
        expected = dict(file)
    ids = np.concatenate([expected[split] for split in datasets.SPLITS])
    (tmp_path / "input.txt").write_bytes("".join(expected["charset"][ids]).encode())
    result = prepare("charlm_shakespeare", tmp_path / "input.txt", tmp_path / "out.npz")
    assert result["source"] == "the official one by its SHA-256"
    with np.load(tmp_path / "out.npz") as out:
        assert out.files == list(expected)
        for name, array in expected.items():
            assert out[name].dtype == array.dtype
            np.testing.assert_array_equal(out[name], array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "expected a UTF-8 text"),
        (b"", "received 0 different symbols"),
        ("".join(map(chr, range(300))).encode(), "received 300 different symbols"),
    ],
)
def test_other_files_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text/input.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        prepare("charlm_shakespeare", tmp_path / "text", tmp_path / "out.npz")
