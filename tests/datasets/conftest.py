"""Small archives in the layouts of the official ones, declared to be the official ones."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hmd_tflm import datasets


def zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def unpacked(files: Mapping[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write the files of a data set as one kind of source; an archive becomes the official one."""
    describe = datasets.describe

    def write(files: Mapping[str, bytes], kind: str) -> Path:
        if kind == "folder":
            return unpacked(files, tmp_path / "unpacked")
        path = tmp_path / {"zip": "a.zip", "zip in zip": "b.zip", "tar.gz": "c.tar.gz"}[kind]
        data = tarred(files) if kind == "tar.gz" else zipped(files)
        path.write_bytes(zipped({"inner.zip": data, "notes": b""}) if "in" in kind else data)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()

        def declared(name: str) -> dict:
            description = describe(name)
            description.get("archive", {})["sha256"] = [digest]
            return description

        monkeypatch.setattr(datasets, "describe", declared)
        return path

    return write
