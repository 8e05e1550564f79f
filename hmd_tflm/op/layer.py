"""A layer in integers: what quantisation makes, packing stores and the reference runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.op.options import Options


@dataclass(frozen=True, slots=True)
class Requantization:
    """Per row: ``clamp(floor(sum * multiplier / 2**16) + bias)``.

    Attributes:
        multiplier: int16, 0..32767.
        bias: int16, in units of the result.
    """

    multiplier: NDArray[np.int16]
    bias: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class IntegerLayer:
    """The integers of one layer; shapes as in `hmd_tflm.structure.Structure.effective`.

    Attributes:
        options: sizes, flags, shifts.
        dense: int8 ``[gates, rows, columns]``.
        projection: int8 ``[projection_sets, rank, columns]``.
        expansion: int8 ``[gates, lower, blocks, rank]``.
        dense_out: requantisation ``[gates, rows]`` to pre-activations.
        projection_out: requantisation ``[projection_sets, blocks, rank]`` to projected values.
        expansion_out: requantisation ``[gates, lower]`` to pre-activations.
    """

    options: Options
    dense: NDArray[np.int8]
    projection: NDArray[np.int8]
    expansion: NDArray[np.int8]
    dense_out: Requantization
    projection_out: Requantization
    expansion_out: Requantization
