"""`HMDLSTM`: `keras.layers.LSTM` with compressed gate matrices."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hmd_tflm.layers.factored import FactoredCell, FactoredLayer
from hmd_tflm.layers.gate_sums import GateSums


@keras.saving.register_keras_serializable("hmd_tflm")
class HMDLSTMCell(FactoredCell, keras.layers.LSTMCell):
    """`keras.layers.LSTMCell` whose weights are the factors of its gate matrices.

    `FactoredCell` names the arguments, attributes and errors; the gates are i, f, c, o.
    """

    gates = 4
    gate_groups = (range(4),)

    def _step(self, sums: list[GateSums], x: Any, states: Any) -> Any:
        """`keras.layers.LSTMCell.call` behind its sums."""
        h, c = states
        i, f, g, o = sums[0](x, h)
        kept, added = self.recurrent_activation(f) * c, self.recurrent_activation(i)
        c = kept + added * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def _initial_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        before, after = (self.bias_initializer((n * self.units,), dtype) for n in (1, 2))
        return ops.concatenate([before, ops.ones((self.units,), dtype), after])


@keras.saving.register_keras_serializable("hmd_tflm")
class HMDLSTM(FactoredLayer, keras.layers.LSTM):
    """`keras.layers.LSTM` whose weights are the factors of its gate matrices.

    A gate's first rows are dense, its other rows of low rank (`hmd_tflm.structure`). The factors
    are trained; a training step costs about what one of `keras.layers.LSTM` does, and less where
    the layer is wide and the compression high.

    Args:
        units: hidden units.
        compression: how many times fewer weights than a dense layer, at least; the number of
            dense rows follows from it when the layer is built. Default: 2, unless `rows` is given.
        rows: dense rows of each gate, instead of `compression`; ``rows=units`` is a dense layer.
        blocks: column blocks of the other rows.
        rank: rank of each block.
        shared: whether the four gates use the same projections.
        use_cudnn: as in `keras.layers.LSTM`.
        **kwargs: the other arguments of `keras.layers.LSTM`, with its names and defaults.
            `FactoredCell` says what the initializers and regularizers mean.

    Call arguments: those of `keras.layers.LSTM`.

    Raises:
        UserError: see `FactoredCell`.

    Example:

    >>> HMDLSTM(64, 4)  # HMD, a quarter of the weights
    >>> HMDLSTM(64, 4, blocks=1, rank=8)  # HMF
    >>> HMDLSTM(64, rows=0, blocks=1, rank=8)  # LMF of rank 8
    >>> HMDLSTM.from_structure(Structure.lmf(9, 64, 4))  # LMF, a quarter of the weights
    """

    cell_class = HMDLSTMCell
