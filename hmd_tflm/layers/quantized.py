"""`QuantizedHMDLSTM`, `QuantizedHMDGRU`: layers that train with the integers of their op.

Forward they compute the op's integers (docs/op.md), from weights rounded anew in each call as
`hmd_tflm.op.quantize` rounds them; backward, nearly the gradients of the float layers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from hmd_tflm.errors import UserError
from hmd_tflm.layers import recurrence
from hmd_tflm.layers.factored import FactoredLayer
from hmd_tflm.layers.gru import HMDGRU
from hmd_tflm.layers.integer_cell import IntegerCell
from hmd_tflm.layers.lstm import HMDLSTM
from hmd_tflm.op.options import Options
from hmd_tflm.structure import Structure


@dataclass(frozen=True, slots=True)
class Ranges:
    """What quantisation takes from calibration, fixed while the weights are trained.

    Attributes:
        x_scale, x_zero_point, x_shift, h_shift, cell_shift: as in `hmd_tflm.op.options.Options`.
        projected: largest magnitude of each projected value, ``[projection_sets, blocks, rank]``.
    """

    x_scale: float
    x_zero_point: int
    x_shift: int
    h_shift: int
    cell_shift: int
    projected: list[list[list[float]]]

    @property
    def shifts(self) -> tuple[int, int, int]:
        """Of x, of h and of the cell."""
        return self.x_shift, self.h_shift, self.cell_shift

    def options(self, structure: Structure) -> Options:
        """Of the op with this structure."""
        fields = asdict(self)
        del fields["projected"]
        return Options(structure=structure, **fields)


class QuantizedLayer(FactoredLayer):
    """The part of a layer that computes with integers, before HMDLSTM or HMDGRU.

    The outputs are those of the int8 op, the gradients nearly those of floats. The weights stay
    float, and the multipliers of docs/op.md follow them: only `ranges` are fixed. The converter
    takes the layer for an HMDLSTM or HMDGRU. Dropout is not applied inside.

    Args:
        *args, **kwargs: as for `HMDLSTM`.
        ranges: of the calibration.

    Raises:
        UserError: a compute dtype other than float32.
    """

    def __init__(self, *args: Any, ranges: Ranges | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ranges = Ranges(**ranges) if isinstance(ranges, dict) else ranges
        self.supports_jit = True  # its loop is never cuDNN's
        if self.compute_dtype != "float32":
            raise UserError(
                f"dtype: received compute dtype {self.compute_dtype}, expected float32, which "
                "holds the op's integers"
            )

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """The time loop in integers, or what `recurrence.override` has put in its place."""
        if recurrence.replacement() is not None:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        options = self.ranges.options(self.cell.structure)
        loop = keras.layers.RNN(
            IntegerCell(self.cell, options, np.array(self.ranges.projected)),
            return_sequences=self.return_sequences,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        return loop.inner_loop(sequences, initial_state, mask)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"ranges": asdict(self.ranges)}


@keras.saving.register_keras_serializable("hmd_tflm")
class QuantizedHMDLSTM(QuantizedLayer, HMDLSTM):
    """`HMDLSTM` that trains with the integers of HMD_LSTM; see `QuantizedLayer`."""


@keras.saving.register_keras_serializable("hmd_tflm")
class QuantizedHMDGRU(QuantizedLayer, HMDGRU):
    """`HMDGRU` that trains with the integers of HMD_GRU; see `QuantizedLayer`."""
