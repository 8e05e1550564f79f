"""`HMDGRU`: `keras.layers.GRU` with compressed gate matrices."""

from __future__ import annotations

from typing import Any

import keras

from hmd_tflm.errors import UserError
from hmd_tflm.layers.factored import FactoredCell, FactoredLayer
from hmd_tflm.layers.gate_sums import GateSums


@keras.saving.register_keras_serializable("hmd_tflm")
class HMDGRUCell(FactoredCell, keras.layers.GRUCell):
    """`keras.layers.GRUCell` with ``reset_after=False``, its weights the factors of its matrices.

    The reset gate acts on h before the candidate's matrix: so a row of that matrix, compressed or
    not, is one sum over ``[x | r * h]``, and costs a microcontroller what a row of any other gate
    costs. `FactoredCell` names the arguments, attributes and errors; the gates are z, r, h.

    Raises:
        UserError: ``reset_after=True``, which needs the sums over x and over h apart.
    """

    gates = 3
    gate_groups = (range(2), range(2, 3))

    def __init__(self, *args: Any, reset_after: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, reset_after=reset_after, **kwargs)
        if reset_after:
            raise UserError(
                "reset_after: received True, expected False: compressed rows sum over x and r * h "
                "together; train the layer with reset_after=False, the form of Cho et al. 2014"
            )

    def _step(self, sums: list[GateSums], x: Any, states: Any) -> Any:
        """`keras.layers.GRUCell.call` with its sums."""
        (h,) = keras.tree.flatten(states)
        z, r = map(self.recurrent_activation, sums[0](x, h))
        (candidate,) = sums[1](x, r * h)
        h = z * h + (1 - z) * self.activation(candidate)
        return h, [h] if keras.tree.is_nested(states) else h


@keras.saving.register_keras_serializable("hmd_tflm")
class HMDGRU(FactoredLayer, keras.layers.GRU):
    """`keras.layers.GRU` with ``reset_after=False``, its weights the factors of its gate matrices.

    A gate's first rows are dense, its other rows of low rank (`hmd_tflm.structure`). The factors
    are trained, at the cost that `HMDLSTM` names.

    Args:
        units, compression, rows, blocks, rank, shared: as in `HMDLSTM`.
        use_cudnn: as in `keras.layers.GRU`; cuDNN has no ``reset_after=False``.
        **kwargs: the other arguments of `keras.layers.GRU`, with its names and defaults, except
            that `reset_after` is False.

    Call arguments: those of `keras.layers.GRU`.

    Raises:
        UserError: see `HMDGRUCell`.

    Example:

    >>> HMDGRU(64, 4)  # HMD, a quarter of the weights
    """

    cell_class = HMDGRUCell
