"""UCI HAR: activities from a smartphone at the waist (Anguita et al., ESANN 2013).

Training and test subjects are the official ones; the last three training subjects, who have 15 % of
the official training windows, are for validation.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.datasets.prepare.source import Source
from hmd_tflm.errors import UserError

CLASSES = (
    "WALKING",
    "WALKING_UPSTAIRS",
    "WALKING_DOWNSTAIRS",
    "SITTING",
    "STANDING",
    "LAYING",
)
SIGNALS = tuple(f"{s}_{axis}" for s in ("body_acc", "body_gyro", "total_acc") for axis in "xyz")
STEPS = 128
VALIDATION_SUBJECTS = (28, 29, 30)


def arrays(source: Source, _: Path) -> dict[str, NDArray]:
    """The prepared arrays: float16 windows in g and rad/s.

    Args:
        source: of the official folder or .zip, opened by ``train/y_train.txt``.

    Raises:
        UserError: a file is missing, is not a table of the expected shape, or has other classes.
    """
    x, y, subjects = _read(source, "train")
    held_out = np.isin(subjects, VALIDATION_SUBJECTS)
    x_test, y_test, _subjects = _read(source, "test")
    return {
        "x_train": x[~held_out],
        "y_train": y[~held_out],
        "x_val": x[held_out],
        "y_val": y[held_out],
        "x_test": x_test,
        "y_test": y_test,
        "x_scale": np.array(1, np.float32),
        "class_names": np.array(CLASSES),
        "feature_names": np.array(SIGNALS),
    }


def _read(source: Source, part: str) -> tuple[NDArray, NDArray, NDArray]:
    """Windows, class ids and subjects of the official training or test part."""
    files = {signal: f"{part}/Inertial Signals/{signal}_{part}.txt" for signal in SIGNALS}
    files |= {what: f"{part}/{what}_{part}.txt" for what in ("y", "subject")}
    read = tqdm(source.read(files.values()), f"{source.path.name} {part}", len(files), unit="file")
    tables = {}
    for name, content in read:
        try:
            tables[name] = np.loadtxt(BytesIO(content), ndmin=2)
        except ValueError as error:
            raise UserError(f"{source.path}: {name}: {error}, expected a table") from error
    rows = len(tables[files["y"]])
    for what, name in files.items():
        received, expected = tables[name].shape, (rows, STEPS if what in SIGNALS else 1)
        if received != expected:
            raise UserError(f"{source.path}: {name}: received {received}, expected {expected}")
    y = tables[files["y"]][:, 0]
    if not np.isin(y, range(1, len(CLASSES) + 1)).all():
        raise UserError(f"{source.path}: {files['y']}: expected classes 1 to {len(CLASSES)}")
    x = np.stack([tables[files[signal]] for signal in SIGNALS], axis=2).astype(np.float16)
    return x, (y - 1).astype(np.uint8), tables[files["subject"]][:, 0]
