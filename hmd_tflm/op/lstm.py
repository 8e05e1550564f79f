"""A step of HMD_LSTM in integers, slow and obvious: docs/op.md line by line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.op.activation import sigmoid, tanh_of_half
from hmd_tflm.op.cells import LSTM
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.products import columns, pre_activations


def step(
    layer: IntegerLayer, x: NDArray[np.int8], state: dict[str, NDArray]
) -> tuple[dict[str, NDArray], NDArray[np.int8]]:
    """New state and y ``[batch, units]`` from x ``[batch, inputs]`` and the old state."""
    options = layer.options
    v = columns(layer, x, state["h"].astype(np.int64) << options.h_shift)
    pre = pre_activations(layer, LSTM.phases[0], v)
    i, f, o = (sigmoid(pre[gate]) for gate in (0, 1, 3))
    g = tanh_of_half(pre[2])
    cell = (f * state["c"] + (i * g >> (3 + options.cell_shift)) + 2**14) >> 15
    cell = np.clip(cell, -(2**15), 2**15 - 1)
    twice = np.clip(cell << (1 + options.cell_shift), -(2**15), 2**15 - 1)
    hidden = (o * tanh_of_half(twice) + 2**22) >> 23
    h = np.clip(hidden, -128, 127).astype(np.int8)
    return {"h": h, "c": cell.astype(np.int16)}, h
