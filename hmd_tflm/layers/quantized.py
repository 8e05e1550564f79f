"""`QuantizedHMDLSTM`: an HMDLSTM that trains with the integers of the op (docs/op.md).

Forward it computes the op's integers, from weights rounded anew in each call as
`hmd_tflm.op.quantize` rounds them. Backward, a rounding is the identity (a straight-through
estimator, Bengio et al. 2013, arXiv 1308.3432), a saturated value has no gradient, and a table is
the function that it stands for. The integers are float64 numbers: exact, since none reaches 2**53.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.layers import recurrence
from hmd_tflm.layers.lstm import HMDLSTM
from hmd_tflm.op.activation import ENTRIES, STEPS_PER_ENTRY, sigmoid_table
from hmd_tflm.op.bounds import PROJECTION_BITS, SUM_LIMIT, column_limits
from hmd_tflm.op.cells import LSTM
from hmd_tflm.op.options import Options
from hmd_tflm.op.products import PRE_ACTIVATION_BITS
from hmd_tflm.op.quantize import HEADROOM, LARGEST_MULTIPLIER, LARGEST_WEIGHT
from hmd_tflm.structure import Structure

Floats = NDArray[np.float64]

GATE_SCALE = np.exp2(LSTM.pre_activation_bits)  # steps of pre-activations in 1.0
H_STEPS = 128  # of h, in 1.0
CELL_STEPS = 2**12  # of the cell without a shift, and of a table's argument, in 1.0
ONE = 2**15  # of a gate


@dataclass(frozen=True, slots=True)
class Ranges:
    """What quantisation takes from calibration, fixed while the weights are trained.

    Attributes:
        x_scale, x_zero_point, x_shift, h_shift, cell_shift: as in `hmd_tflm.op.options.Options`.
        projected: largest magnitude of each projected value, ``[projection_sets, blocks, rank]``.
    """

    x_scale: float
    x_zero_point: int
    x_shift: int
    h_shift: int
    cell_shift: int
    projected: list[list[list[float]]]

    @property
    def shifts(self) -> tuple[int, int, int]:
        """Of x, of h and of the cell."""
        return self.x_shift, self.h_shift, self.cell_shift


@keras.saving.register_keras_serializable("hmd_tflm")
class QuantizedHMDLSTM(HMDLSTM):
    """`HMDLSTM` whose outputs are those of the int8 op, and whose gradients are those of floats.

    The weights stay float, and the multipliers of docs/op.md follow them: only `ranges` are
    fixed. The converter takes the layer for an HMDLSTM. Dropout is not applied inside.

    Args:
        units: see `HMDLSTM`, also for the arguments that follow it.
        ranges: of the calibration.

    Raises:
        UserError: a compute dtype other than float32.
    """

    def __init__(self, *args: Any, ranges: Ranges | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ranges = Ranges(**ranges) if isinstance(ranges, dict) else ranges
        if self.compute_dtype != "float32":
            raise UserError(
                f"dtype: received compute dtype {self.compute_dtype}, expected float32, which "
                "holds the op's integers"
            )

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """The time loop in integers, or what `recurrence.override` has put in its place."""
        if recurrence.replacement() is not None:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        loop = keras.layers.RNN(
            _IntegerCell(self.cell, self.ranges),
            return_sequences=self.return_sequences,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        return loop.inner_loop(sequences, initial_state, mask)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"ranges": asdict(self.ranges)}


class _IntegerCell:
    """One time step from real to real values; the weights are rounded when it is made."""

    def __init__(self, cell: Any, ranges: Ranges) -> None:
        self.structure = s = cell.structure
        self.ranges = ranges
        self.state_size = [s.units, s.units]
        bias = np.zeros((s.gates, s.units)) if cell.bias is None else cell.bias
        bias = ops.reshape(_double(bias), (s.gates, s.units))
        columns = _columns(s, ranges)
        gate_scale = GATE_SCALE[:, None]
        first, self.dense = [], None
        if s.rows:
            self.dense = _Rows(_double(cell.dense), *columns, gate_scale, bias[:, : s.rows])
            first.append(ops.reshape(self.dense.weights, (-1, s.columns)))
        if s.lower:
            self.projection, scale = _projection(cell, ranges, *columns)
            first.append(ops.reshape(self.projection.weights, (-1, s.columns)))
            flat = ops.reshape(_double(cell.expansion), (s.gates, s.lower, s.projections))
            step = ops.reshape(1 / scale, (s.projection_sets, 1, s.projections))
            limit = np.full(s.projections, 2.0 ** (PROJECTION_BITS - 1))
            self.expansion = _Rows(flat, step, limit, gate_scale, bias[:, s.rows :])
        self.first = ops.transpose(ops.concatenate(first))

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:
        """h and the new states, from x ``[batch, inputs]`` and the states h and c."""
        h, c = (_double(state) for state in states)
        shift = self.ranges.cell_shift
        pre = self._pre_activations(self._input(x), h * (H_STEPS << self.ranges.h_shift))
        i, f, o = (_sigmoid(pre[:, gate]) for gate in (0, 1, 3))
        g = 2 * _sigmoid(pre[:, 2]) - 1
        steps = CELL_STEPS / 2**shift
        old, new = c * steps, i * g * steps
        rounded = ops.floor(f * old + ops.floor(new * ONE) / ONE + 0.5)
        cell = _saturate(_straight_through(f * old + new, rounded), 16)
        tanh = 2 * _sigmoid(_saturate(cell * 2 ** (1 + shift), 16)) - 1
        hidden = o * tanh * H_STEPS
        hidden = _saturate(_straight_through(hidden, ops.floor(hidden + 0.5)), 8)
        h, c = (ops.cast(v, "float32") for v in (hidden / H_STEPS, cell / steps))
        return h, [h, c]

    __call__ = call

    def _input(self, x: Any) -> Any:
        scaled, zero = _double(x) / self.ranges.x_scale, self.ranges.x_zero_point
        steps = _saturate(_straight_through(scaled, ops.round(scaled)) + zero, 8)
        return (steps - zero) * 2**self.ranges.x_shift

    def _pre_activations(self, x: Any, h: Any) -> Any:
        """In steps of docs/op.md, ``[batch, gates, units]``."""
        s = self.structure
        v = ops.cast(ops.concatenate([x, h], axis=1), "float32")
        sums = ops.matmul(v, self.first)  # exact: no partial sum of integers reaches 2**24
        count, parts = s.gates * s.rows, []
        if self.dense is not None:
            dense = ops.reshape(sums[:, :count], (-1, s.gates, s.rows))
            parts.append(self.dense.requantize(dense, PRE_ACTIVATION_BITS))
        if s.lower:
            shape = (-1, s.projection_sets, s.blocks, s.rank)
            projected = self.projection.requantize(
                ops.reshape(sums[:, count:], shape), PROJECTION_BITS
            )
            projected = ops.cast(projected, "float32")
            projected = ops.reshape(projected, (-1, s.projection_sets, s.projections))
            if s.shared:
                lower = ops.einsum("bp,glp->bgl", projected[:, 0], self.expansion.weights)
            else:
                lower = ops.einsum("bgp,glp->bgl", projected, self.expansion.weights)
            parts.append(self.expansion.requantize(lower, PRE_ACTIVATION_BITS))
        return ops.concatenate(parts, axis=2)


class _Rows:
    """Rounded rows and how their sums become results: `_rows` of `hmd_tflm.op.quantize`.

    Args:
        weights: float64 ``[..., rows, columns]``.
        step: the real value of a step of each column, broadcast to the weights.
        limit: the largest integer in each column.
        scale: steps of the result in 1.0, broadcast to the rows.
        bias: real, ``[..., rows]``, or None.

    Attributes:
        weights: integers, float32.
    """

    def __init__(self, weights: Any, step: Any, limit: Any, scale: Any, bias: Any = None) -> None:
        stepped = weights * step
        magnitude = ops.stop_gradient(ops.absolute(stepped))
        room = SUM_LIMIT - 1 - 0.5 * limit.sum(-1)
        finest = ops.maximum(
            ops.max(magnitude, axis=-1) / LARGEST_WEIGHT, ops.sum(magnitude * limit, axis=-1) / room
        )
        multiplier = ops.clip(ops.ceil(finest * scale * 2**16), 1, LARGEST_MULTIPLIER)
        integers = stepped / ops.expand_dims(multiplier / (scale * 2**16), -1)
        integers = _saturate(_straight_through(integers, ops.round(integers)), 8)
        self.weights = ops.cast(integers, "float32")
        self.factor = multiplier / 2**16
        self.bias = None
        if bias is not None:
            steps = bias * scale
            self.bias = _saturate(_straight_through(steps, ops.floor(steps + 1)), 16)

    def requantize(self, sums: Any, bits: int) -> Any:
        """Of sums ``[batch, ..., rows]``, the results in steps, float64."""
        real = _double(sums) * self.factor
        result = _straight_through(real, ops.floor(real))
        return _saturate(result if self.bias is None else result + self.bias, bits)


def _columns(s: Structure, ranges: Ranges) -> tuple[Floats, Floats]:
    """Of each column of ``[x | h]``, the real value of a step, and the largest integer."""
    options = Options(
        structure=s,
        x_scale=ranges.x_scale,
        x_zero_point=ranges.x_zero_point,
        x_shift=ranges.x_shift,
        h_shift=ranges.h_shift,
    )
    steps = [ranges.x_scale / (1 << ranges.x_shift), 1 / (H_STEPS << ranges.h_shift)]
    return np.repeat(steps, [s.inputs, s.units]), column_limits(options).astype(float)


def _projection(cell: Any, ranges: Ranges, step: Floats, limit: Floats) -> tuple[_Rows, Any]:
    """Rows ``[sets, blocks, rank, columns]``, and the results' scale: `_lower` of `quantize`."""
    s = cell.structure
    inside = np.zeros((s.blocks, 1, s.columns))
    for j, (begin, end) in enumerate(pairwise(s.boundaries)):
        inside[j, :, begin:end] = 1
    weights = ops.expand_dims(_double(cell.projection), 1) * inside
    expansion = ops.absolute(_double(cell.expansion)) * GATE_SCALE[:, None, None, None]
    largest = ops.max(expansion, axis=(0, 1) if s.shared else 1)
    wanted = 2.0 ** (PROJECTION_BITS - 1) / np.maximum(np.array(ranges.projected) * HEADROOM, 1e-9)
    finest_expansion = LARGEST_WEIGHT * LARGEST_MULTIPLIER / 2**16 * 0.999
    wanted = ops.maximum(wanted, largest / finest_expansion)
    finest = ops.maximum(ops.max(ops.absolute(weights * step), axis=-1), 1e-30) / LARGEST_WEIGHT
    scale = ops.minimum(wanted, LARGEST_MULTIPLIER / 2**16 / finest * 0.999)
    scale = ops.stop_gradient(scale)
    return _Rows(weights, step, limit * inside, scale), scale


def _double(values: Any) -> Any:
    return ops.cast(values, "float64")


def _saturate(values: Any, bits: int) -> Any:
    return ops.clip(values, -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)


@ops.custom_gradient
def _straight_through(smooth: Any, rounded: Any) -> Any:
    """What is rounded forward; backward, what is smooth."""
    return rounded, lambda upstream: (upstream, ops.zeros_like(upstream))


@ops.custom_gradient
def _sigmoid(steps: Any) -> Any:
    """The table at a Q3.12 argument, 0..1."""
    entry = ops.cast(ops.floor(steps / STEPS_PER_ENTRY), "int32") + ENTRIES // 2
    value = ops.take(ops.convert_to_tensor(sigmoid_table() / ONE, "float64"), entry)
    return value, lambda upstream: upstream * value * (1 - value) / CELL_STEPS
