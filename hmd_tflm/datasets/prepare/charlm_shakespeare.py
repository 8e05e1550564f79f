"""A text as ids of its symbols, split in order 90 / 5 / 5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.datasets.prepare.source import Source
from hmd_tflm.errors import UserError

SYMBOLS = 256  # that a uint8 can tell apart


def arrays(source: Source, _: Path) -> dict[str, NDArray]:
    """The prepared arrays: uint8 ids, and the symbols in the order of their ids.

    Args:
        source: of a text file.

    Raises:
        UserError: it is not UTF-8, is too short, or has too many different symbols.
    """
    (name,) = source.sizes
    try:
        text = source.file(name).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{source.path}: received {error}, expected a UTF-8 text") from error
    charset, ids = np.unique(np.array(list(text)), return_inverse=True)
    if not 1 < len(charset) <= SYMBOLS:
        raise UserError(
            f"{source.path}: received {len(charset)} different symbols, expected 2 to {SYMBOLS}"
        )
    train = len(ids) * 9 // 10
    val = (train + len(ids)) // 2
    parts = np.split(ids.astype(np.uint8), [train, val])
    return dict(zip(("train", "val", "test"), parts, strict=True)) | {"charset": charset}
