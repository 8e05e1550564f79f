"""The ops' custom options: 32 little-endian bytes, checked field by field."""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass

from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import GRU, Cell, cell_of
from hmd_tflm.structure import Structure

VERSION = 1
LAYOUT_PACKED_PAIRS = 1
LARGEST_SHIFT = 7
LARGEST_SIZE = 2**14

_FORMAT = "<4sHH 5H H 4B b3x f"
LENGTH = struct.calcsize(_FORMAT)
_FLAGS = ("shared", "return_sequences", "stateful", "go_backwards", "input_order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an op must know beside its tensors.

    Args:
        structure: shape of the gate matrices; their number tells which op it is.
        return_sequences: the output holds every step, else the last one only.
        stateful: state goes on from one invocation to the next, else each starts from zero.
        go_backwards: steps are read from the last to the first.
        input_order: with go_backwards, each output stands where its input stood.
        x_shift, h_shift: left shifts with which x and h enter the dot products, 0..7.
        cell_shift: the scale of an LSTM's c is ``2**(cell_shift - 12)``, 0..7; else 0.
        x_zero_point, x_scale: quantisation of the input tensor.
    """

    structure: Structure
    return_sequences: bool = False
    stateful: bool = False
    go_backwards: bool = False
    input_order: bool = False
    x_shift: int = 0
    h_shift: int = 0
    cell_shift: int = 0
    x_zero_point: int = 0
    x_scale: float = 1.0

    def __post_init__(self) -> None:
        s, name = self.structure, self.cell.name
        for size in ("inputs", "units", "rank"):
            if getattr(s, size) > LARGEST_SIZE:
                raise UserError(
                    f"{name}, {size}: received {getattr(s, size)}, expected at most {LARGEST_SIZE}"
                )
        for shift in ("x_shift", "h_shift", "cell_shift"):
            largest = 0 if shift == "cell_shift" and self.cell is GRU else LARGEST_SHIFT
            if not 0 <= getattr(self, shift) <= largest:
                raise UserError(
                    f"{name}, {shift}: received {getattr(self, shift)}, expected 0..{largest}"
                )
        if not 0 < self.x_scale < float("inf"):
            raise UserError(f"{name}, x_scale: received {self.x_scale}, expected above 0")

    @property
    def cell(self) -> Cell:
        """Whose op it is."""
        return cell_of(self.structure.gates)

    def state_scale(self, name: str) -> float:
        """Of a state's tensor: h fills its type with -1..1, c has `cell_shift`."""
        if name == "c":
            return 2.0 ** (self.cell_shift - 12)
        return 2.0 ** (1 - 8 * self.cell.states[name].itemsize)

    @property
    def state_bytes(self) -> int:
        """Of all states of one sequence."""
        return self.structure.units * sum(dtype.itemsize for dtype in self.cell.states.values())

    def encode(self) -> bytes:
        """The custom options of the op in a `.tflite` file."""
        s = self.structure
        flags = sum(1 << bit for bit, name in enumerate(_FLAGS) if self._flag(name))
        return struct.pack(
            _FORMAT,
            self.cell.magic,
            VERSION,
            LENGTH,
            s.inputs,
            s.units,
            s.rows,
            s.blocks,
            s.rank,
            flags,
            LAYOUT_PACKED_PAIRS,
            self.x_shift,
            self.h_shift,
            self.cell_shift,
            self.x_zero_point,
            self.x_scale,
        )

    def _flag(self, name: str) -> bool:
        return self.structure.shared if name == "shared" else getattr(self, name)

    @classmethod
    def decode(cls, cell: Cell, data: bytes) -> Options:
        """Read the custom options of a cell's op.

        Raises:
            UserError: a field does not fit; the message names it.
        """
        if len(data) != LENGTH:
            raise UserError(f"{cell.name} options: received {len(data)} bytes, expected {LENGTH}")
        magic, version, length, *sizes, flags, layout, x_shift, h_shift, cell_shift, zero, scale = (
            struct.unpack(_FORMAT, data)
        )
        for name, received, expected in (
            ("magic", magic, cell.magic),
            ("version", version, VERSION),
            ("length", length, LENGTH),
            ("layout", layout, LAYOUT_PACKED_PAIRS),
        ):
            if received != expected:
                raise UserError(
                    f"{cell.name} options, {name}: received {received!r}, expected {expected!r}; "
                    "convert the model again with this version of hmd-tflm"
                )
        if any(data[25:28]):
            raise UserError(
                f"{cell.name} options, reserved: received {data[25:28]!r}, expected zeros"
            )
        if flags >> len(_FLAGS):
            raise UserError(f"{cell.name} options, flags: received {flags:#x}, expected 0..0x1f")
        on = {name: bool(flags >> bit & 1) for bit, name in enumerate(_FLAGS)}
        inputs, units, rows, blocks, rank = sizes
        return cls(
            structure=Structure(inputs, units, rows, blocks, rank, on.pop("shared"), cell.gates),
            **on,
            x_shift=x_shift,
            h_shift=h_shift,
            cell_shift=cell_shift,
            x_zero_point=zero,
            x_scale=scale,
        )

    def as_dict(self) -> dict[str, object]:
        """The fields for people and JSON, the structure's among them."""
        fields = asdict(self)
        return {**fields.pop("structure"), **fields}
