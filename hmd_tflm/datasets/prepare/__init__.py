"""From the files that the authors of a data set publish to the one that `datasets.load` reads.

A module each, of the data set's name: its `arrays` gives the contents of the .npz file.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hmd_tflm import datasets
from hmd_tflm.datasets.prepare.source import Source, open_source, sha256
from hmd_tflm.errors import UserError
from hmd_tflm.files import make_folder, write_whole


def prepare(name: str, path: Path, output: Path | None = None) -> dict[str, Any]:
    """Prepare a data set; a run that was killed is continued by the next one.

    Args:
        name: of the data set.
        path: what its authors publish, packed or not. Archives must be the official ones, as
            far as their SHA-256 is known; folders are not checked.
        output: .npz file to write, whole or not at all. Default: where `datasets.load` looks.

    Returns:
        What was written: name, output, bytes, what is known of the source, seconds, and the
        sequences (of a text: symbols) of each split.

    Raises:
        UserError: an unknown name, one with nothing to prepare, or something wrong with `path`.
    """
    begin = time.monotonic()
    description = datasets.describe(name)
    if (archive := description.get("archive")) is None:
        raise UserError(f"{name}: there is nothing to prepare, it comes with a package")
    output = datasets.folder() / description["source"]["file"] if output is None else output
    if output.suffix != ".npz":
        raise UserError(f"{output}: expected a name that ends in .npz")
    make_folder(output.parent)
    checked = _check(path, archive)
    source = open_source(path, archive["marker"])
    parts = output.with_name(f".{output.name}.{_fingerprint(source)}.parts")
    arrays = import_module(f"{__name__}.{name}").arrays(source, parts)
    content = BytesIO()
    np.savez_compressed(content, **arrays)
    write_whole(output, content.getvalue())
    shutil.rmtree(parts, ignore_errors=True)
    counted = "{}" if "train" in arrays else "y_{}"
    return {
        "name": name,
        "output": str(output),
        "bytes": output.stat().st_size,
        "source": checked,
        "seconds": round(time.monotonic() - begin, 1),
        **{split: len(arrays[counted.format(split)]) for split in datasets.SPLITS},
    }


def _check(path: Path, archive: dict[str, Any]) -> str:
    """What the SHA-256 of the source says of it."""
    if path.is_dir():
        return "a folder, not checked"
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; {archive['page']} has the data set")
    if not archive["sha256"]:
        return "not checked, no official SHA-256 is known"
    if (received := sha256(path)) not in archive["sha256"]:
        raise UserError(
            f"{path}: received SHA-256 {received}, expected {' or '.join(archive['sha256'])}; "
            f"download it again from {archive['page']}, or unpack it and give the folder, which "
            "is not checked"
        )
    return "the official one by its SHA-256"


def _fingerprint(source: Source) -> str:
    """Tells sources apart, so that the parts of one are not taken for those of another."""
    return hashlib.sha256(repr(sorted(source.sizes.items())).encode()).hexdigest()[:12]
