"""Named data sets: each is described by one TOML file beside this one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.files import cache_folder, read_arrays

VARIABLE = "HMD_TFLM_DATA"
CALIBRATION_ROWS = 200
SPLITS = ("train", "val", "test")
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a data set's network is trained.

    Args:
        units: hidden units of the recurrent layer.
        epochs: passes over the training sequences.
        batch: sequences a step.
        learning_rate: of Adam, at the start.

    Raises:
        UserError: a value is not positive.
    """

    units: int
    epochs: int
    batch: int
    learning_rate: float

    def __post_init__(self) -> None:
        for field in fields(self):
            if not (value := getattr(self, field.name)) > 0:
                raise UserError(f"{field.name}: received {value!r}, expected a positive number")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Sequences with one label each, or with one label for each of their steps.

    Args:
        name: as in `load`.
        recipe: how to train on it.
        class_names: what the class ids stand for.
        x_train, x_val, x_test: float32 ``[sequences, steps, features]``; uint8 where the
            features are a one-hot code.
        y_train, y_val, y_test: class ids, int32 ``[sequences]`` or ``[sequences, steps]``.
    """

    name: str
    recipe: Recipe
    class_names: tuple[str, ...]
    x_train: NDArray
    y_train: NDArray[np.int32]
    x_val: NDArray
    y_val: NDArray[np.int32]
    x_test: NDArray
    y_test: NDArray[np.int32]

    def calibration(self) -> NDArray:
        """A few hundred training inputs, evenly spread, since sets are often sorted by class."""
        return self.x_train[:: max(1, len(self.x_train) // CALIBRATION_ROWS)]


def names() -> list[str]:
    """The names that `load` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def describe(name: str) -> dict[str, Any]:
    """The tables of a data set's TOML file: shape, source, archive (if any) and recipe.

    Raises:
        UserError: the name is unknown.
    """
    if name not in names():
        raise UserError(f"data set: received {name!r}, expected one of {', '.join(names())}")
    return tomllib.loads((FOLDER / f"{name}.toml").read_text())


def folder() -> Path:
    """Where prepared files are: what HMD_TFLM_DATA names, or else the user's cache folder."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    return cache_folder()


def load(name: str) -> Dataset:
    """Load a data set by its name.

    ``digits`` comes with scikit-learn. The others are files of `folder`, which
    ``hmd-tflm datasets prepare`` makes.

    Raises:
        UserError: the name is unknown, or the file is not there or another one.
    """
    description = describe(name)
    arrays, class_names = FORMATS[description["source"]["format"]](description["source"])
    for split in SPLITS:
        arrays[f"y_{split}"] = arrays[f"y_{split}"].astype(np.int32)
    return Dataset(name, Recipe(**description["recipe"]), tuple(map(str, class_names)), **arrays)


Loaded = tuple[dict[str, NDArray], Any]


def _sequences(source: dict[str, Any]) -> Loaded:
    """Labelled sequences; features standardised over the training sequences where asked."""
    splits = [f"{kind}_{split}" for kind in "xy" for split in SPLITS]
    arrays = _read(source["file"], *splits, "x_scale", "class_names")
    x = {s: arrays[f"x_{s}"].astype(np.float32) * arrays["x_scale"] for s in SPLITS}
    if source["standardise"]:
        mean, deviation = (f(x["train"], axis=(0, 1), dtype=np.float64) for f in (np.mean, np.std))
        x = {s: ((x[s] - mean) / deviation).astype(np.float32) for s in SPLITS}
    y = {f"y_{s}": arrays[f"y_{s}"] for s in SPLITS}
    return {f"x_{s}": x[s] for s in SPLITS} | y, arrays["class_names"]


def _text(source: dict[str, Any]) -> Loaded:
    """Windows of one-hot symbols, each step labelled with the symbol that follows it."""
    arrays, steps = _read(source["file"], *SPLITS, "charset"), source["steps"]
    one_hot = np.eye(len(arrays["charset"]), dtype=np.uint8)
    windows: dict[str, NDArray] = {}
    for split in SPLITS:
        ids = arrays[split]
        count = (len(ids) - 1) // steps
        windows[f"x_{split}"] = one_hot[ids[: count * steps].reshape(count, steps)]
        windows[f"y_{split}"] = ids[1 : count * steps + 1].reshape(count, steps)
    return windows, arrays["charset"]


def _digits(source: dict[str, Any]) -> Loaded:
    """scikit-learn's 8 x 8 images, a row a step; every tenth image of a class is held out."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UserError(
            "digits: scikit-learn is not installed, which has this data set; run "
            "pip install 'hmd-tflm[train]'"
        ) from error
    images, y = load_digits(return_X_y=True)
    x = (images.reshape(-1, 8, 8) / 16).astype(np.float32)
    order = np.argsort(y, kind="stable")
    turn = np.arange(len(y)) % 10  # within a class, all turns are (nearly) equally frequent
    chosen = {"train": turn < 7, "val": turn == 7, "test": turn > 7}
    split = {s: np.sort(order[chosen[s]]) for s in SPLITS}
    return (
        {f"x_{s}": x[split[s]] for s in SPLITS} | {f"y_{s}": y[split[s]] for s in SPLITS},
        range(10),
    )


FORMATS: dict[str, Callable[[dict[str, Any]], Loaded]] = {
    "sequences": _sequences,
    "text": _text,
    "digits": _digits,
}


def _read(file: str, *names: str) -> dict[str, NDArray]:
    path = folder() / file
    advice = (
        f"prepare it with hmd-tflm datasets prepare {path.stem} --from PATH, or set {VARIABLE} to "
        "the folder that holds it"
    )
    if not path.is_file():
        raise UserError(f"{path}: no such file; {advice}")
    arrays = read_arrays(path)
    if missing := [name for name in names if name not in arrays]:
        raise UserError(
            f"{path}: has no {', '.join(missing)}, expected {', '.join(names)}; {advice}"
        )
    return arrays
