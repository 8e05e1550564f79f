"""`HMDLSTM`: `keras.layers.LSTM` with compressed gate matrices."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import ops

from hmd_tflm.layers import recurrence
from hmd_tflm.layers.cell import GATES, SHAPE_ARGUMENTS, HMDLSTMCell
from hmd_tflm.structure import Structure

CELL_ARGUMENTS = set(inspect.signature(keras.layers.LSTMCell).parameters) | {"implementation"}


@keras.saving.register_keras_serializable("hmd_tflm")
class HMDLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` whose weights are the factors of its gate matrices.

    A gate's first rows are dense, its other rows of low rank (`hmd_tflm.structure`). The factors
    are trained; the matrices they stand for are multiplied out once a batch, so that a step costs
    about as much as one of `keras.layers.LSTM`.

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
            `HMDLSTMCell` says what the initializers and regularizers mean.

    Call arguments: those of `keras.layers.LSTM`.

    Raises:
        UserError: see `HMDLSTMCell`.

    Example:

    >>> HMDLSTM(64, 4)  # HMD, a quarter of the weights
    >>> HMDLSTM(64, 4, blocks=1, rank=8)  # HMF
    >>> HMDLSTM(64, rows=0, blocks=1, rank=8)  # LMF of rank 8
    >>> HMDLSTM.from_structure(Structure.lmf(9, 64, 4))  # LMF, a quarter of the weights
    """

    def __init__(
        self,
        units: int,
        compression: float | None = None,
        *,
        rows: int | None = None,
        blocks: int = 2,
        rank: int = 1,
        shared: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        cell = HMDLSTMCell(
            units,
            compression,
            rows=rows,
            blocks=blocks,
            rank=rank,
            shared=shared,
            name="hmd_lstm_cell",
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            **{name: kwargs.pop(name) for name in CELL_ARGUMENTS & kwargs.keys()},
        )
        # LSTM's own constructor would make an ordinary cell, which Keras would go on tracking
        keras.layers.RNN.__init__(self, cell, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.use_cudnn = use_cudnn

    @classmethod
    def from_structure(cls, structure: Structure, **kwargs: Any) -> HMDLSTM:
        """The layer that has a given structure when it is built for ``structure.inputs`` inputs.

        Args:
            structure: units, rows, blocks, rank and sharing.
            **kwargs: the other arguments of the layer.
        """
        return cls(
            structure.units,
            rows=structure.rows,
            blocks=structure.blocks,
            rank=structure.rank,
            shared=structure.shared,
            **kwargs,
        )

    def inner_loop(
        self, sequences: Any, initial_state: list[Any], mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """The time loop, or what `recurrence.override` has put in its place."""
        with self.cell.multiplied_out() as (kernel, recurrent_kernel):
            function = recurrence.replacement()
            if function is None:
                return super().inner_loop(sequences, initial_state, mask, training=training)
            mask = mask[0] if isinstance(mask, list | tuple) else mask
            bias = ops.zeros(GATES * self.units) if self.cell.bias is None else self.cell.bias
            tensors = [
                ops.convert_to_tensor(t, self.compute_dtype)
                for t in (kernel, recurrent_kernel, bias)
            ]
            return function(self, sequences, initial_state, mask, *tensors)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {name: getattr(self.cell, name) for name in SHAPE_ARGUMENTS}
