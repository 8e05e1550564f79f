"""The products of a step in integers: from columns to pre-activations (docs/op.md)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.op.bounds import PROJECTION_BITS
from hmd_tflm.op.layer import IntegerLayer, Requantization

PRE_ACTIVATION_BITS = 16


def columns(
    layer: IntegerLayer, x: NDArray[np.int8], shifted_h: NDArray[np.int64]
) -> NDArray[np.int64]:
    """What the matrices multiply, ``[batch, columns]``, from x ``[batch, inputs]`` and h's part."""
    shifted_x = (x.astype(np.int64) - layer.options.x_zero_point) << layer.options.x_shift
    return np.concatenate([shifted_x, shifted_h], axis=1)


def pre_activations(layer: IntegerLayer, gates: range, v: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of some gates ``[gates, batch, units]`` from columns ``[batch, columns]``."""
    s = layer.options.structure
    pre = np.zeros((len(gates), len(v), s.units), np.int64)
    sums = _dot(v, layer.dense[gates])
    pre[:, :, : s.rows] = _requantize(sums, _some(layer.dense_out, gates), PRE_ACTIVATION_BITS)
    if s.lower:
        sets = range(1) if s.shared else gates
        projected = np.zeros((len(sets), len(v), s.blocks, s.rank), np.int64)
        for j, (begin, end) in enumerate(pairwise(s.boundaries)):
            sums = _dot(v[:, begin:end], layer.projection[sets, :, begin:end])
            out = _some(layer.projection_out, sets)
            block = Requantization(out.multiplier[:, j], out.bias[:, j])
            projected[:, :, j] = _requantize(sums, block, PROJECTION_BITS)
        expansion = layer.expansion[gates].reshape(len(gates), s.lower, -1)
        sums = _dot(projected.reshape(len(sets), len(v), -1), expansion)
        out = _some(layer.expansion_out, gates)
        pre[:, :, s.rows :] = _requantize(sums, out, PRE_ACTIVATION_BITS)
    return pre


def _some(out: Requantization, gates: range) -> Requantization:
    return Requantization(out.multiplier[gates], out.bias[gates])


def _dot(v: NDArray[np.int64], weights: NDArray[np.int8]) -> NDArray[np.int64]:
    """``[..., batch, columns]`` by ``[gates, rows, columns]``: ``[gates, batch, rows]``.

    In float64, which is exact here (below 2**53) and faster than NumPy's integer product.
    """
    return (v.astype(float) @ weights.astype(float).swapaxes(1, 2)).astype(np.int64)


def _requantize(sums: NDArray[np.int64], out: Requantization, bits: int) -> NDArray[np.int64]:
    """``clamp(floor(sums * multiplier / 2**16) + bias)`` to signed ``bits``.

    ``sums`` is ``[gates, batch, rows]``, the entries of ``out`` are ``[gates, rows]``.
    """
    limit = 1 << (bits - 1)
    multiplier, bias = out.multiplier[:, None].astype(np.int64), out.bias[:, None]
    return np.clip((sums * multiplier >> 16) + bias, -limit, limit - 1)
