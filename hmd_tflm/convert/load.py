"""What the command line names: a Keras model's file, and calibration data."""

from __future__ import annotations

from pathlib import Path

import keras
from numpy.typing import NDArray

from hmd_tflm.errors import UserError, reason
from hmd_tflm.files import read_input


def load_model(path: str) -> keras.Model:
    """Read a `.keras` file.

    Raises:
        UserError: it is missing or Keras cannot read it.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; give a model saved by `model.save('NAME.keras')`")
    try:
        return keras.saving.load_model(path)
    except Exception as error:  # Keras raises what its layers raise
        raise UserError(f"{path}: Keras cannot read the model ({reason(error)})") from error


def load_calibration(name: str) -> NDArray:
    """Some training inputs of a named data set, or all rows of a file.

    Args:
        name: a data set's name, or a path that ends in .npy or .npz.

    Raises:
        UserError: there is no such data set, or as `read_input`.
    """
    if not name.endswith((".npy", ".npz")):
        from hmd_tflm.datasets import load

        return load(name).calibration()
    return read_input(name)
