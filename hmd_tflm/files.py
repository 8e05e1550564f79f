"""Files in and out: whole or not at all, and with errors that say what to do."""

from __future__ import annotations

import os
import tempfile
import tokenize
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError

_UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError),
    *(BadZipFile, zlib.error, tokenize.TokenError),
)


def check_output(path: str | os.PathLike[str], suffix: str = "") -> None:
    """Raise UserError unless a file can be written there: before the work that makes its content.

    Args:
        path: what the user gave as --output.
        suffix: with which the name must end.
    """
    path = Path(path)
    if suffix and path.suffix != suffix:
        raise UserError(f"--output: received {path}, expected a name that ends in {suffix}")
    if path.exists() and not path.is_file():
        raise UserError(f"--output: received {path}, which is no file; give a file's name")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(
            f"--output: received {path}, which cannot be written; give a path in a folder that "
            "exists and that you may write to"
        )


def write_whole(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file under a temporary name beside its place, then rename it.

    Raises:
        UserError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    data = data.encode() if isinstance(data, str) else data
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); give a path in a folder that "
            "exists and that you may write to"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def save_model(model: Any, path: Path) -> None:
    """Write a Keras model as a `.keras` file.

    Raises:
        UserError: as `write_whole`.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, path.name)
        model.save(saved)
        write_whole(path, saved.read_bytes())


def cache_folder() -> Path:
    """Where files lie that can be made again: a folder of the user's, which may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "hmd_tflm")


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made with those above it unless it is there.

    Raises:
        UserError: it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be made ({error.strerror}); give another") from error
    return folder


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """A file's bytes.

    Raises:
        UserError: it does not exist or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray]:
    """The arrays of an `.npy` (under the name "x") or `.npz` file, without unpickling.

    Raises:
        UserError: the file is missing, of another kind, or holds objects.
    """
    path = Path(path)
    if path.suffix not in (".npy", ".npz"):
        raise UserError(
            f"{path}: received a {path.suffix or 'suffixless'} file, expected .npy/.npz"
        )
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the path")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except _UNREADABLE as error:
        raise UserError(
            f"{path}: not a readable {path.suffix} file ({error}); write it with numpy.save or "
            "numpy.savez"
        ) from error


def read_input(path: str | os.PathLike[str]) -> NDArray:
    """The rows to feed a model: an `.npy`, or of an `.npz` its array "x", "x_train" or its only one.

    Raises:
        UserError: as `read_arrays`, or it is not clear which array to take.
    """
    arrays = read_arrays(path)
    for name in ("x", "x_train", *(arrays if len(arrays) == 1 else ())):
        if name in arrays:
            return arrays[name]
    raise UserError(f"{path}: received the arrays {', '.join(arrays)}, expected one named x")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
