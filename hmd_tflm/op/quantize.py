"""From float factors and what calibration saw to the integers of an op (docs/op.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import PROJECTION_BITS, SUM_LIMIT, column_limits
from hmd_tflm.op.layer import IntegerLayer, Requantization
from hmd_tflm.op.options import LARGEST_SHIFT, Options
from hmd_tflm.structure import Structure

Floats = NDArray[np.float64]

LARGEST_WEIGHT = 127
LARGEST_MULTIPLIER = 2**15 - 1
CELL_LIMIT = 8.0  # of the cell without a shift
HEADROOM = 1.25  # projected values and the cell may exceed what calibration saw by this


@dataclass(frozen=True, slots=True)
class Factors:
    """Float weights; shapes as in `hmd_tflm.structure.Structure.effective`, bias ``[gates, units]``."""

    dense: Floats
    projection: Floats
    expansion: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Observed:
    """What calibration saw of a layer.

    Attributes:
        x_power: mean square of each input, ``[inputs]``.
        h_power: mean square of each unit's output, ``[units]``.
        projected: largest magnitude of each projected value,
            ``[projection_sets, blocks, rank]``.
        cell: largest magnitude of an LSTM's cell.
        shifts: of x, h and the cell, if the weights were trained with them; None to choose them.
    """

    x_power: Floats
    h_power: Floats
    projected: Floats
    cell: float = 0.0
    shifts: tuple[int, int, int] | None = None


def quantize(factors: Factors, observed: Observed, options: Options) -> IntegerLayer:
    """Choose the shifts with the least loss, and round the weights.

    Args:
        factors: the layer's weights.
        observed: what calibration saw.
        options: sizes, flags and the input's quantisation; shifts are chosen here.

    Raises:
        UserError: a weight is NaN or infinite, or no shifts serve (weights far too large).
    """
    _check_finite(factors)
    cell_bits = np.ceil(np.log2(max(observed.cell * HEADROOM, 1.0) / CELL_LIMIT))
    cell_shift = int(np.clip(cell_bits, 0, LARGEST_SHIFT))
    pairs = list(product(range(LARGEST_SHIFT + 1), repeat=2))
    if observed.shifts is not None:
        pairs, cell_shift = [observed.shifts[:2]], observed.shifts[2]
    options = replace(options, cell_shift=cell_shift)
    gate_scale = np.exp2(options.cell.pre_activation_bits)  # steps of pre-activations in 1.0
    best: tuple[float, int] = (np.inf, 0)
    chosen = None
    for x_shift, h_shift in pairs:
        shifted = replace(options, x_shift=x_shift, h_shift=h_shift)
        columns = _Columns.of(shifted, observed)
        upper = _rows(factors.dense, columns, gate_scale[:, None])
        lower = _lower(factors, observed, columns, shifted.structure, gate_scale)
        if upper is None or lower is None:
            continue
        rank = (upper.loss.sum() + lower.loss, x_shift + h_shift)
        if rank < best:
            best, chosen = rank, (shifted, upper, lower)
    if chosen is None:
        raise UserError(
            "recurrent weights: received a largest magnitude of "
            f"{max(np.abs(f).max(initial=0) for f in (factors.dense, factors.projection)):.3g}, "
            "which int8 with this input scale cannot hold; scale the inputs to about -1..1 or "
            "regularise the layer"
            + ("" if observed.shifts is None else "; quantize_aware chooses new shifts")
        )
    options, upper, lower = chosen
    rows = options.structure.rows
    return IntegerLayer(
        options,
        dense=upper.weights,
        projection=lower.projection,
        expansion=lower.expansion.weights.reshape(factors.expansion.shape),
        dense_out=_requantization(upper, factors.bias[:, :rows]),
        projection_out=lower.projection_out,
        expansion_out=_requantization(lower.expansion, factors.bias[:, rows:]),
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Of each column: the real value of one step, the largest integer, the mean square."""

    step: Floats
    limit: Floats
    power: Floats

    @classmethod
    def of(cls, options: Options, observed: Observed) -> _Columns:
        s = options.structure
        steps = [options.x_scale / (1 << options.x_shift), 1 / (128 << options.h_shift)]
        return cls(
            np.repeat(steps, [s.inputs, s.units]),
            column_limits(options).astype(float),
            np.concatenate([observed.x_power, observed.h_power]),
        )

    def block(self, begin: int, end: int) -> _Columns:
        return _Columns(self.step[begin:end], self.limit[begin:end], self.power[begin:end])


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rounded rows ``[..., columns]``; multiplier, scale of the result and loss ``[...]``."""

    weights: NDArray[np.int8]
    multiplier: NDArray[np.int16]
    scale: Floats
    loss: Floats


def _rows(weights: Floats, columns: _Columns, scale: Floats) -> _Rows | None:
    """Round rows with the finest multipliers that keep every limit, or None if none does.

    ``scale``, steps of the result in 1.0, broadcasts to the rows. A sum's step is worth
    ``multiplier / (2**16 scale)``. The loss is the mean square error of the real sums.
    """
    stepped = weights * columns.step
    scale = np.broadcast_to(scale, stepped.shape[:-1])
    room = SUM_LIMIT - 1 - 0.5 * columns.limit.sum()  # rounding adds up to half a step a column
    if room <= 0:
        return None
    magnitude = np.abs(stepped)
    finest = np.maximum(
        magnitude.max(-1, initial=0) / LARGEST_WEIGHT, (magnitude * columns.limit).sum(-1) / room
    )
    multiplier = np.maximum(np.ceil(finest * scale * 2**16), 1)
    if (multiplier > LARGEST_MULTIPLIER).any():
        return None
    unit = (multiplier / (scale * 2**16))[..., None]
    rounded = np.rint(stepped / unit)
    loss = (np.square((rounded * unit - stepped) / columns.step) * columns.power).sum(-1)
    return _Rows(rounded.astype(np.int8), multiplier.astype(np.int16), scale, loss)


@dataclass(frozen=True, slots=True)
class _Lower:
    """The rounded rows of low rank."""

    projection: NDArray[np.int8]
    projection_out: Requantization
    expansion: _Rows
    loss: float


def _lower(
    factors: Factors, observed: Observed, columns: _Columns, s: Structure, gate_scale: Floats
) -> _Lower | None:
    """Projections to `PROJECTION_BITS`, then the expansions that take them in."""
    shape = (s.projection_sets, s.blocks, s.rank)
    limit = 2.0 ** (PROJECTION_BITS - 1)
    expansion = factors.expansion * gate_scale[:, None, None, None]  # [gates, lower, blocks, rank]
    over = (0, 1) if s.shared else 1
    largest = np.abs(expansion).max(over, initial=0).reshape(shape)
    influence = np.square(factors.expansion).sum(over).reshape(shape)
    weights = np.zeros(factors.projection.shape, np.int8)
    multiplier = np.ones(shape, np.int16)
    scale = np.ones(shape)
    loss = 0.0
    for j, (begin, end) in enumerate(pairwise(s.boundaries) if s.lower else ()):
        part, block = factors.projection[:, :, begin:end], columns.block(begin, end)
        # What calibration saw fills the range; but an expansion's weight must fit its multiplier,
        finest_expansion = LARGEST_WEIGHT * LARGEST_MULTIPLIER / 2**16 * 0.999
        wanted = limit / np.maximum(observed.projected[:, j] * HEADROOM, 1e-9)
        wanted = np.maximum(wanted, largest[:, j] / finest_expansion)
        # and so must the projection itself.
        finest = np.abs(part * block.step).max(-1, initial=1e-30) / LARGEST_WEIGHT
        scale[:, j] = np.minimum(wanted, LARGEST_MULTIPLIER / 2**16 / finest * 0.999)
        rows = _rows(part, block, scale[:, j])
        if rows is None:
            return None
        weights[:, :, begin:end], multiplier[:, j] = rows.weights, rows.multiplier
        loss += float((rows.loss * influence[:, j]).sum())
    step = (1 / scale).reshape(s.projection_sets, 1, -1)
    projected = _Columns(step, np.full(s.blocks * s.rank, limit), np.zeros_like(step))
    flat = factors.expansion.reshape(s.gates, s.lower, s.blocks * s.rank)
    rounded = _rows(flat, projected, gate_scale[:, None])
    if rounded is None:
        return None
    out = Requantization(multiplier, np.zeros(shape, np.int16))
    return _Lower(weights, out, rounded, loss)


def _requantization(rows: _Rows, bias: Floats) -> Requantization:
    """Half a step is added to the rounded bias, since the product is rounded down."""
    steps = np.clip(np.floor(bias * rows.scale + 1), -(2**15), 2**15 - 1)
    return Requantization(rows.multiplier, steps.astype(np.int16))


def _check_finite(factors: Factors) -> None:
    for name in ("dense", "projection", "expansion", "bias"):
        bad = ~np.isfinite(getattr(factors, name))
        if bad.any():
            raise UserError(
                f"{name} weights: received {int(bad.sum())} NaN or infinite values, expected "
                "finite ones; train the model again (a lower learning rate, clipped gradients)"
            )
