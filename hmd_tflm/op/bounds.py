"""The bound that every dot product of a layer must keep, for any input: 2**23."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hmd_tflm.errors import UserError
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import Options

PROJECTION_BITS = 12  # of a projected value
SUM_LIMIT = 2**23  # of the magnitudes' sum: packed pairs carry 24 bits of the upper row


def column_limits(options: Options) -> np.ndarray:
    """The largest magnitude of each column as it enters the dot products, int64 ``[columns]``."""
    s = options.structure
    x_limit = max(127 - options.x_zero_point, 128 + options.x_zero_point) << options.x_shift
    return np.repeat([x_limit, 128 << options.h_shift], [s.inputs, s.units])


def check_bounds(layer: IntegerLayer) -> None:
    """Raise UserError if some input could make a dot product reach `SUM_LIMIT`."""
    s = layer.options.structure
    limits = column_limits(layer.options)
    sums = [_largest(layer.dense, limits)]
    for begin, end in pairwise(s.boundaries) if s.lower else ():
        sums.append(_largest(layer.projection[:, :, begin:end], limits[begin:end]))
    projected = np.full(s.projections, 1 << (PROJECTION_BITS - 1))
    sums.append(_largest(layer.expansion.reshape(s.gates, s.lower, s.projections), projected))
    if max(sums) >= SUM_LIMIT:
        raise UserError(
            f"{layer.options.cell.name} weights: received sums up to {max(sums)}, expected less than {SUM_LIMIT}, "
            "so that no accumulator overflows; convert the model again"
        )


def _largest(weights: np.ndarray, limits: np.ndarray) -> int:
    return int((np.abs(weights.astype(np.int64)) * limits).sum(-1).max(initial=0))
