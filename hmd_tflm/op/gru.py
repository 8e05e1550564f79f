"""A step of HMD_GRU in integers, slow and obvious: docs/op.md line by line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.op.activation import sigmoid, tanh_of_half
from hmd_tflm.op.cells import GRU
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.products import columns, pre_activations


def step(
    layer: IntegerLayer, x: NDArray[np.int8], state: dict[str, NDArray]
) -> tuple[dict[str, NDArray], NDArray[np.int8]]:
    """New state and y ``[batch, units]`` from x ``[batch, inputs]`` and the old state."""
    h = state["h"].astype(np.int64)
    gates, candidate = GRU.phases
    fine = 8 - layer.options.h_shift  # bits of h beyond those of a column
    v = columns(layer, x, _rounded(h, fine))
    z, r = sigmoid(pre_activations(layer, gates, v))
    v = columns(layer, x, _rounded(r * h, 15 + fine))
    g = tanh_of_half(pre_activations(layer, candidate, v)[0])
    h = _rounded(z * h + (2**15 - z) * g, 15)
    y = np.clip(_rounded(h, 8), -128, 127).astype(np.int8)
    return {"h": h.astype(np.int16)}, y


def _rounded(value: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """``value / 2**bits``, halves up."""
    return (value + (1 << (bits - 1))) >> bits
