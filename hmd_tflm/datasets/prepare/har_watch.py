"""SP-SW-HAR: activities from a phone and a watch (Matey-Sanz et al. 2023, Data in Brief 109809).

Both devices' samples are interpolated on one grid of 20 ms and cut into windows of 2 s every 0.5 s. A
window's class is the most frequent label of the phone's samples; subjects are split 17 / 2 / 4.
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.datasets.prepare.source import Source
from hmd_tflm.errors import UserError

CLASSES = ("SEATED", "STANDING_UP", "WALKING", "TURNING", "SITTING_DOWN")
CHANNELS = tuple(f"{axis}_{sensor}" for sensor in ("acc", "gyro") for axis in "xyz")
FEATURES = tuple(
    f"{device}_{sensor}_{axis}"
    for device in ("phone", "watch")
    for sensor in ("acc", "gyro")
    for axis in "xyz"
)
HEADER = ",".join([*CHANNELS, "timestamp", "label"])
ROW = np.dtype([("values", float, len(CHANNELS)), ("time", np.int64), ("label", "U16")])
SUBJECTS = {"train": range(1, 18), "val": range(18, 20), "test": range(20, 24)}
GRID_MS, STEPS, HOP = 20, 100, 25
PHONE = re.compile(r"s(\d+)/s\1_\d+_sp\.csv")


def arrays(source: Source, _: Path) -> dict[str, NDArray]:
    """The prepared arrays: float16 windows in m/s^2 and rad/s.

    Args:
        source: of the official folder or .zip, opened by ``executions_info.csv``.

    Raises:
        UserError: a recording is missing, or is not a table of the expected columns.
    """
    phones = [name for name in sorted(source.sizes) if PHONE.fullmatch(name)]
    names = [name for phone in phones for name in (phone, _watch(phone))]
    read = tqdm(source.read(names), source.path.name, len(names), unit="file")
    tables = {name: _table(f"{source.path}: {name}", content) for name, content in read}
    result: dict[str, NDArray] = {}
    for split, subjects in SUBJECTS.items():
        windows, labels = [], []
        for phone in phones:
            if int(PHONE.fullmatch(phone)[1]) in subjects:  # type: ignore[index]
                x, y = _windows(tables[phone], tables[_watch(phone)])
                windows += x
                labels += y
        if not windows:
            raise UserError(
                f"{source.path}: received no recording of 2 s of the subjects {subjects[0]} to "
                f"{subjects[-1]}, expected the complete data set"
            )
        result[f"x_{split}"] = np.stack(windows).astype(np.float16)
        result[f"y_{split}"] = np.array(labels, np.uint8)
    return result | {
        "x_scale": np.array(1, np.float32),
        "class_names": np.array(CLASSES),
        "feature_names": np.array(FEATURES),
    }


def _watch(phone: str) -> str:
    return phone.replace("_sp.csv", "_sw.csv")


def _table(name: str, content: bytes) -> NDArray:
    """The rows by time; of several at the same millisecond, the first."""
    header, _, body = content.decode(errors="replace").partition("\n")
    if header.strip() != HEADER:
        raise UserError(f"{name}: received the columns {header.strip()}, expected {HEADER}")
    try:
        table = np.loadtxt(StringIO(body), ROW, delimiter=",", ndmin=1)
    except ValueError as error:
        raise UserError(f"{name}: {error}, expected a table of {HEADER}") from error
    if not len(table) or not np.isin(table["label"], CLASSES).all():
        received = sorted(set(table["label"].tolist()))
        raise UserError(f"{name}: received the labels {received}, expected some of {CLASSES}")
    return table[np.unique(table["time"], return_index=True)[1]]


def _windows(phone: NDArray, watch: NDArray) -> tuple[list[NDArray], list[int]]:
    """Windows ``[100, 12]`` of the time that both devices recorded, and their classes."""
    begin = max(phone["time"][0], watch["time"][0])
    end = min(phone["time"][-1], watch["time"][-1])
    grid = np.arange(begin, end + 1, GRID_MS)
    samples = np.stack(
        [
            np.interp(grid, device["time"], device["values"][:, channel])
            for device in (phone, watch)
            for channel in range(len(CHANNELS))
        ],
        axis=1,
    )
    latest = np.searchsorted(phone["time"], grid, side="right") - 1
    labels = np.array([CLASSES.index(label) for label in phone["label"]])[latest]
    begins = range(0, len(grid) - STEPS + 1, HOP)
    return (
        [samples[i : i + STEPS] for i in begins],
        [int(np.bincount(labels[i : i + STEPS]).argmax()) for i in begins],
    )
