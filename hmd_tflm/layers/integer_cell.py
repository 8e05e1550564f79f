"""A time step of HMD_LSTM and of HMD_GRU (docs/op.md), to train by: from real to real values.

Forward the values are those of `hmd_tflm.op.reference`, to the bit; backward see
`hmd_tflm.layers.straight_through`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from hmd_tflm.layers.integer_products import H_STEPS, Floats, phases
from hmd_tflm.layers.straight_through import (
    ONE,
    double,
    half_up,
    saturate,
    sigmoid,
    straight_through,
    tanh_of_half,
)
from hmd_tflm.op.cells import GRU, LSTM, Cell
from hmd_tflm.op.options import Options

CELL_STEPS = 2**12  # of an LSTM's c without a shift, in 1.0


class IntegerCell:
    """What `keras.layers.RNN` takes for a cell; the weights are rounded when it is made.

    Args:
        cell: a built `FactoredCell`.
        options: of its op.
        projected: largest magnitude of each projected value, ``[projection_sets, blocks, rank]``.
    """

    def __init__(self, cell: Any, options: Options, projected: Floats) -> None:
        self.options = options
        self.phases = phases(cell, options, projected)
        self.state_size = [options.structure.units for _ in options.cell.states]

    def call(self, x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """y and the new states, float32, from x ``[batch, inputs]`` and the states."""
        step = _STEPS[self.options.cell]
        y, states = step(self, self._x_columns(x), *(double(state) for state in states))
        return ops.cast(y, "float32"), [ops.cast(state, "float32") for state in states]

    __call__ = call

    def _x_columns(self, x: Any) -> Any:
        options = self.options
        scaled, zero = double(x) / options.x_scale, options.x_zero_point
        steps = saturate(straight_through(scaled, ops.round(scaled)) + zero, 8)
        return (steps - zero) * 2**options.x_shift

    def h_columns(self, h: Any) -> Any:
        """Integers of the columns of a real h."""
        return half_up(h * (H_STEPS << self.options.h_shift))


def _lstm(cell: IntegerCell, x: Any, h: Any, c: Any) -> tuple[Any, list[Any]]:
    (gates,) = cell.phases
    pre = gates.pre_activations(x, cell.h_columns(h))
    i, f, o = (sigmoid(pre[:, gate]) for gate in (0, 1, 3))
    shift = cell.options.cell_shift
    steps = CELL_STEPS / 2**shift
    old, new = f * c * steps, i * tanh_of_half(pre[:, 2]) * steps
    rounded = ops.floor(old + ops.floor(new * ONE) / ONE + 0.5)
    c = saturate(straight_through(old + new, rounded), 16)
    tanh = tanh_of_half(saturate(c * 2 ** (1 + shift), 16))
    h = saturate(half_up(o * tanh * H_STEPS), 8) / H_STEPS
    return h, [h, c / steps]


def _gru(cell: IntegerCell, x: Any, h: Any) -> tuple[Any, list[Any]]:
    gates, candidate = cell.phases
    pre = gates.pre_activations(x, cell.h_columns(h))
    z, r = (sigmoid(pre[:, gate]) for gate in (0, 1))
    g = tanh_of_half(candidate.pre_activations(x, cell.h_columns(r * h))[:, 0])
    h = half_up((z * h + (1 - z) * g) * ONE) / ONE
    return saturate(half_up(h * H_STEPS), 8) / H_STEPS, [h]


_STEPS: dict[Cell, Callable[..., tuple[Any, list[Any]]]] = {LSTM: _lstm, GRU: _gru}
