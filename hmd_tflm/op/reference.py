"""The op's integer arithmetic, slow and obvious: docs/op.md line by line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.op.activation import sigmoid, tanh_of_half
from hmd_tflm.op.bounds import PROJECTION_BITS
from hmd_tflm.op.lstm import IntegerLSTM, Requantization

PRE_ACTIVATION_BITS = 16


@dataclass(slots=True)
class State:
    """What a layer remembers: ``h`` int8 and ``c`` int16, ``[batch, units]``."""

    h: NDArray[np.int8]
    c: NDArray[np.int16]

    @classmethod
    def zeros(cls, lstm: IntegerLSTM, batch: int) -> State:
        units = lstm.options.structure.units
        return cls(np.zeros((batch, units), np.int8), np.zeros((batch, units), np.int16))


def run(lstm: IntegerLSTM, x: NDArray[np.int8], state: State | None = None) -> NDArray[np.int8]:
    """One invocation of the op.

    Args:
        lstm: the layer.
        x: int8 ``[batch, steps, inputs]``.
        state: carried over and updated if the layer is stateful; without it, zeros.

    Returns:
        int8 ``[batch, steps, units]``, or ``[batch, units]`` without return_sequences.
    """
    options = lstm.options
    if state is None or not options.stateful:
        state = State.zeros(lstm, len(x))
    steps = x.shape[1]
    outputs = np.zeros((len(x), steps, options.structure.units), np.int8)
    for step in range(steps):
        source = steps - 1 - step if options.go_backwards else step
        pre = pre_activations(lstm, x[:, source], state.h)
        state.h, state.c = update(pre, state.c, options.cell_shift)
        outputs[:, source if options.input_order else step] = state.h
    return outputs if options.return_sequences else state.h


def pre_activations(
    lstm: IntegerLSTM, x: NDArray[np.int8], h: NDArray[np.int8]
) -> NDArray[np.int64]:
    """From ``[batch, inputs]`` and ``[batch, units]`` to ``[4, batch, units]``.

    In Q3.12, gate c in Q2.13.
    """
    options, s = lstm.options, lstm.options.structure
    shifted_x = (x.astype(np.int64) - options.x_zero_point) << options.x_shift
    v = np.concatenate([shifted_x, h.astype(np.int64) << options.h_shift], axis=1)
    pre = np.zeros((s.gates, len(x), s.units), np.int64)
    sums = _dot(v, lstm.dense)
    pre[:, :, : s.rows] = requantize(sums, lstm.dense_out, PRE_ACTIVATION_BITS)
    if s.lower:
        projected = np.zeros((s.projection_sets, len(x), s.blocks, s.rank), np.int64)
        for j, (begin, end) in enumerate(pairwise(s.boundaries)):
            sums = _dot(v[:, begin:end], lstm.projection[:, :, begin:end])
            out = lstm.projection_out
            block = Requantization(out.multiplier[:, j], out.bias[:, j])
            projected[:, :, j] = requantize(sums, block, PROJECTION_BITS)
        expansion = lstm.expansion.reshape(s.gates, s.lower, -1)
        sums = _dot(projected.reshape(s.projection_sets, len(x), -1), expansion)
        pre[:, :, s.rows :] = requantize(sums, lstm.expansion_out, PRE_ACTIVATION_BITS)
    return pre


def _dot(v: NDArray[np.int64], weights: NDArray[np.int8]) -> NDArray[np.int64]:
    """``[..., batch, columns]`` by ``[gates, rows, columns]``: ``[gates, batch, rows]``.

    In float64, which is exact here (below 2**53) and faster than NumPy's integer product.
    """
    return (v.astype(float) @ weights.astype(float).swapaxes(1, 2)).astype(np.int64)


def requantize(sums: NDArray[np.int64], out: Requantization, bits: int) -> NDArray[np.int64]:
    """``clamp(floor(sums * multiplier / 2**16) + bias)`` to signed ``bits``.

    ``sums`` is ``[gates, batch, rows]``, the entries of ``out`` are ``[gates, rows]``.
    """
    limit = 1 << (bits - 1)
    multiplier, bias = out.multiplier[:, None].astype(np.int64), out.bias[:, None]
    return np.clip((sums * multiplier >> 16) + bias, -limit, limit - 1)


def update(
    pre: NDArray[np.int64], c: NDArray[np.int16], cell_shift: int
) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """New h and c from the gates' pre-activations and the old c."""
    i, f, o = (sigmoid(pre[gate]) for gate in (0, 1, 3))
    g = tanh_of_half(pre[2])
    cell = (f * c + (i * g >> (3 + cell_shift)) + 2**14) >> 15
    cell = np.clip(cell, -(2**15), 2**15 - 1)
    twice = np.clip(cell << (1 + cell_shift), -(2**15), 2**15 - 1)
    hidden = (o * tanh_of_half(twice) + 2**22) >> 23
    return np.clip(hidden, -128, 127).astype(np.int8), cell.astype(np.int16)
