"""Other readings of the paper's one sentence on rank-1 blocks, for accuracy.

"A lower half composed of rank-1 blocks" may mean more than column blocks. Both readings here are
shapes of higher rank in which some factors are zero and stay so. The op would compute them with these
zeros. It has no form without, since where one of them is better than HMD, LMF, which the op has, is
better still (docs/benchmarks.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from hmd_tflm.benchmarks.paper.masks import Masks
from hmd_tflm.layers.factored import FactoredCell


@dataclass(frozen=True)
class _Masked(keras.constraints.Constraint):
    mask: NDArray[np.float32]

    def __call__(self, w: object) -> object:
        return ops.multiply(w, self.mask)


def mask(model: keras.Model, masks: Masks) -> None:
    """Set factors of all recurrent layers to zero for good, before any training.

    The others are scaled so that their products keep the variance that they start with.
    """
    for cell in (layer for layer in model._flatten_layers() if isinstance(layer, FactoredCell)):
        scale = cell.structure.rank**0.25  # one product in each element, not one for each rank
        for weight, kept in (
            (cell.projection, masks.projection),
            (cell.expansion, masks.expansion),
        ):
            whole = np.broadcast_to(kept, weight.shape).astype(np.float32)
            weight.assign(weight * whole * scale)
            weight.constraint = _Masked(whole)
