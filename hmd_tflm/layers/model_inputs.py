"""What goes into a model: whether that is known, and calibration data in its shape and type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError


def check_built(model: Any) -> None:
    """Raise UserError unless a model is Sequential or functional, and built."""
    if not isinstance(model, keras.Sequential | keras.Function) or not model.built:
        raise UserError(
            f"model {getattr(model, 'name', model)}: received a {type(model).__name__}, expected a "
            "Sequential or functional model that is built; give it a keras.Input"
        )


def checked_rows(model: keras.Model, calibration: Any) -> Any:
    """Calibration data in the types of a model's inputs.

    Args:
        model: built.
        calibration: ``[n, ...]``; for a model of several inputs an array for each, in their order
            or by their names.

    Returns:
        The array; or a list of them in the order of the inputs, if there are several.

    Raises:
        UserError: data of another shape or type, none, or not finite.
    """
    inputs, given = model.inputs, calibration
    if isinstance(given, Mapping):
        given = [given.get(source.name, ()) for source in inputs]
    elif len(inputs) == 1:
        given = [given]
    if not isinstance(given, list | tuple) or len(given) != len(inputs):
        names = ", ".join(source.name for source in inputs)
        raise UserError(f"calibration data: expected an array for each input, {names}")
    rows = [_checked(source, values) for source, values in zip(inputs, given, strict=True)]
    if len(set(map(len, rows))) > 1:
        raise UserError(
            f"calibration data: received {', '.join(str(len(one)) for one in rows)} rows for the "
            "inputs, expected as many for each"
        )
    return rows[0] if len(rows) == 1 else rows


def _checked(source: Any, values: Any) -> NDArray:
    """Rows for one input."""
    data, shape, dtype = np.asarray(values), source.shape[1:], np.dtype(source.dtype)
    fits = data.ndim == len(shape) + 1 and all(
        want in (None, got) for want, got in zip(shape, data.shape[1:], strict=True)
    )
    if not fits or not len(data):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise UserError(
            f"calibration data: received shape {list(data.shape)}, expected [n, {expected}]"
        )
    if data.dtype.kind not in "fiu" or (dtype.kind in "iu" and data.dtype.kind == "f"):
        raise UserError(f"calibration data: received {data.dtype}, expected {dtype}")
    if not np.isfinite(data).all():
        raise UserError("calibration data: received NaN or infinite values, expected finite ones")
    return data.astype(dtype)
