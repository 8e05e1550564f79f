"""Which factors of a shape a reading of the paper keeps (`readings`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.structure import Structure


@dataclass(frozen=True, slots=True)
class Masks:
    """True where a factor is kept: projection ``[rank, columns]``, expansion ``[lower, blocks, rank]``."""

    projection: NDArray[np.bool_]
    expansion: NDArray[np.bool_]

    def parameters(self, shape: Structure) -> int:
        """Weights of the whole layer that are not zero for good."""
        kept = int(self.projection.sum() + self.expansion.sum())
        return shape.gates * (shape.rows * shape.columns + kept)


def row_groups(shape: Structure) -> Masks:
    """The lower rows in ``rank`` groups, each with rank-1 column blocks of its own."""
    group = np.arange(shape.lower) * shape.rank // shape.lower
    expansion = np.arange(shape.rank) == group[:, None, None]
    return Masks(
        np.ones((shape.rank, shape.columns), bool),
        np.broadcast_to(expansion, (shape.lower, shape.blocks, shape.rank)),
    )


def apart(shape: Structure) -> Masks:
    """A rank-1 block for the columns of x and one for those of h, of a shape of rank 2."""
    of_x = np.arange(shape.columns) < shape.inputs
    return Masks(np.stack([of_x, ~of_x]), np.ones((shape.lower, shape.blocks, shape.rank), bool))
