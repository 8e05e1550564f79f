"""The products of a step in the op's integers, from weights rounded as `hmd_tflm.op.quantize` does.

The integers are floats, and exact: float64, or float32 where they and their sums stay below 2**24.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from hmd_tflm.layers.straight_through import double, saturate, straight_through
from hmd_tflm.op.bounds import PROJECTION_BITS, SUM_LIMIT, column_limits
from hmd_tflm.op.options import Options
from hmd_tflm.op.products import PRE_ACTIVATION_BITS
from hmd_tflm.op.quantize import HEADROOM, LARGEST_MULTIPLIER, LARGEST_WEIGHT
from hmd_tflm.structure import Structure

Floats = NDArray[np.float64]

H_STEPS = 128  # of h without a shift, in 1.0


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rounded rows and how their sums become results: `_rows` of `hmd_tflm.op.quantize`.

    Attributes:
        weights: integers, float32 ``[gates or sets, ..., columns]``.
        factor: of the sums, to steps of the result; float64, without the columns.
        bias: in steps of the result; as factor.
    """

    weights: Any
    factor: Any
    bias: Any

    @classmethod
    def rounded(cls, weights: Any, step: Any, limit: Any, scale: Any, bias: Any = None) -> _Rows:
        """From real rows.

        Args:
            weights: float64 ``[..., rows, columns]``.
            step: the real value of a step of each column, broadcast to the weights.
            limit: the largest integer in each column.
            scale: steps of the result in 1.0, broadcast to the rows.
            bias: real, ``[..., rows]``, or None.
        """
        stepped = weights * step
        magnitude = ops.stop_gradient(ops.absolute(stepped))
        room = SUM_LIMIT - 1 - 0.5 * limit.sum(-1)
        finest = ops.maximum(
            ops.max(magnitude, axis=-1) / LARGEST_WEIGHT, ops.sum(magnitude * limit, axis=-1) / room
        )
        multiplier = ops.clip(ops.ceil(finest * scale * 2**16), 1, LARGEST_MULTIPLIER)
        integers = stepped / ops.expand_dims(multiplier / (scale * 2**16), -1)
        integers = saturate(straight_through(integers, ops.round(integers)), 8)
        if bias is None:
            steps = ops.zeros_like(multiplier)
        else:
            steps = saturate(straight_through(bias * scale, ops.floor(bias * scale + 1)), 16)
        return cls(ops.cast(integers, "float32"), multiplier / 2**16, steps)

    def some(self, gates: range) -> _Rows:
        """Those of some gates."""
        chosen = slice(gates.start, gates.stop)
        return _Rows(self.weights[chosen], self.factor[chosen], self.bias[chosen])

    def requantize(self, sums: Any, bits: int) -> Any:
        """Of sums ``[batch, gates or sets, ...]``, the results in steps, float64."""
        real = double(sums) * self.factor
        return saturate(straight_through(real, ops.floor(real)) + self.bias, bits)


class Phase:
    """Gates that see the same columns.

    Args:
        s: the layer's.
        gates: how many.
        dense: their rows, or None if there are none.
        lower: their projections and expansions, or None.
    """

    def __init__(
        self, s: Structure, gates: int, dense: _Rows | None, lower: tuple[_Rows, _Rows] | None
    ) -> None:
        self._structure, self._gates, self._dense, self._lower = s, gates, dense, lower
        first = [rows for rows in (dense, lower and lower[0]) if rows]
        flat = ops.concatenate([ops.reshape(rows.weights, (-1, s.columns)) for rows in first])
        self._first = ops.transpose(flat)

    def pre_activations(self, x: Any, h: Any) -> Any:
        """In steps of docs/op.md, float64 ``[batch, gates, units]``.

        Args:
            x, h: integers of the columns, ``[batch, inputs]`` and ``[batch, units]``.
        """
        s = self._structure
        v = ops.cast(ops.concatenate([x, h], axis=1), "float32")
        sums = ops.matmul(v, self._first)  # exact: no partial sum of integers reaches 2**24
        count, parts = self._gates * s.rows, []
        if self._dense:
            dense = ops.reshape(sums[:, :count], (-1, self._gates, s.rows))
            parts.append(self._dense.requantize(dense, PRE_ACTIVATION_BITS))
        if self._lower:
            projection, expansion = self._lower
            sets = 1 if s.shared else self._gates
            blocks = ops.reshape(sums[:, count:], (-1, sets, s.blocks, s.rank))
            projected = projection.requantize(blocks, PROJECTION_BITS)
            projected = ops.cast(ops.reshape(projected, (-1, sets, s.projections)), "float32")
            if s.shared:
                lower = ops.einsum("bp,glp->bgl", projected[:, 0], expansion.weights)
            else:
                lower = ops.einsum("bgp,glp->bgl", projected, expansion.weights)
            parts.append(expansion.requantize(lower, PRE_ACTIVATION_BITS))
        return ops.concatenate(parts, axis=2)


def phases(cell: Any, options: Options, projected: Floats) -> list[Phase]:
    """Those of a cell, one after the other, its weights rounded.

    Args:
        cell: a built `FactoredCell`.
        options: of its op.
        projected: largest magnitude of each projected value, ``[projection_sets, blocks, rank]``.
    """
    s, columns = options.structure, _columns(options)
    gate_scale = np.exp2(options.cell.pre_activation_bits)[:, None]
    bias = np.zeros((s.gates, s.units)) if cell.bias is None else cell.bias
    bias = ops.reshape(double(bias), (s.gates, s.units))
    dense = lower = None
    if s.rows:
        dense = _Rows.rounded(double(cell.dense), *columns, gate_scale, bias[:, : s.rows])
    if s.lower:
        projection, scale = _projection(cell, s, projected, gate_scale, *columns)
        expansion = ops.reshape(double(cell.expansion), (s.gates, s.lower, s.projections))
        step = ops.reshape(1 / scale, (s.projection_sets, 1, s.projections))
        limit = np.full(s.projections, 2.0 ** (PROJECTION_BITS - 1))
        lower = projection, _Rows.rounded(expansion, step, limit, gate_scale, bias[:, s.rows :])
    return [
        Phase(
            s,
            len(gates),
            dense and dense.some(gates),
            lower and (lower[0].some(range(1) if s.shared else gates), lower[1].some(gates)),
        )
        for gates in options.cell.phases
    ]


def _columns(options: Options) -> tuple[Floats, Floats]:
    """Of each column of ``[x | h]``, the real value of a step, and the largest integer."""
    s = options.structure
    steps = [options.x_scale / (1 << options.x_shift), 1 / (H_STEPS << options.h_shift)]
    return np.repeat(steps, [s.inputs, s.units]), column_limits(options).astype(float)


def _projection(
    cell: Any, s: Structure, projected: Floats, gate_scale: Floats, step: Floats, limit: Floats
) -> tuple[_Rows, Any]:
    """Rows ``[sets, blocks, rank, columns]``, and the results' scale: `_lower` of `quantize`."""
    inside = np.zeros((s.blocks, 1, s.columns))
    for j, (begin, end) in enumerate(pairwise(s.boundaries)):
        inside[j, :, begin:end] = 1
    weights = ops.expand_dims(double(cell.projection), 1) * inside
    expansion = ops.absolute(double(cell.expansion)) * gate_scale[:, :, None, None]
    largest = ops.max(expansion, axis=(0, 1) if s.shared else 1)
    wanted = 2.0 ** (PROJECTION_BITS - 1) / np.maximum(projected * HEADROOM, 1e-9)
    finest_expansion = LARGEST_WEIGHT * LARGEST_MULTIPLIER / 2**16 * 0.999
    wanted = ops.maximum(wanted, largest / finest_expansion)
    finest = ops.maximum(ops.max(ops.absolute(weights * step), axis=-1), 1e-30) / LARGEST_WEIGHT
    scale = ops.minimum(wanted, LARGEST_MULTIPLIER / 2**16 / finest * 0.999)
    scale = ops.stop_gradient(scale)
    return _Rows.rounded(weights, step, limit * inside, scale), scale
