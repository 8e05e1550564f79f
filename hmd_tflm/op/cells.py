"""What the ops HMD_LSTM and HMD_GRU differ in, but for their arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hmd_tflm.errors import UserError


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A recurrent cell.

    Attributes:
        name: the op's in a `.tflite`.
        magic: first bytes of its custom options.
        phases: gates that are computed together, from the same columns; one phase after the
            other. Gates stand in Keras' order.
        pre_activation_bits: fractional bits of each gate's pre-activations.
        states: types of the variable tensors ``[batch, units]``, by name.
    """

    name: str
    magic: bytes
    phases: tuple[range, ...]
    pre_activation_bits: tuple[int, ...]
    states: Mapping[str, np.dtype]

    @property
    def gates(self) -> int:
        return len(self.pre_activation_bits)

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of the op's inputs, in their order."""
        return ("x", "weights", "requantization", *self.states)


LSTM = Cell(  # gates i, f, c, o
    "HMD_LSTM",
    b"HMDL",
    phases=(range(4),),
    pre_activation_bits=(12, 12, 13, 12),
    states={"h": np.dtype(np.int8), "c": np.dtype(np.int16)},
)
GRU = Cell(  # gates z, r, h: the last one sees r * h
    "HMD_GRU",
    b"HMDG",
    phases=(range(2), range(2, 3)),
    pre_activation_bits=(12, 12, 13),
    states={"h": np.dtype(np.int16)},
)
CELLS = {cell.name: cell for cell in (LSTM, GRU)}


def cell_of(gates: int) -> Cell:
    """The cell with this number of gates.

    Raises:
        UserError: there is none.
    """
    for cell in CELLS.values():
        if cell.gates == gates:
            return cell
    raise UserError(f"gates: received {gates}, expected the 4 of an LSTM or the 3 of a GRU")
