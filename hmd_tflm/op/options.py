"""The op's custom options: 32 little-endian bytes, checked field by field."""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass

from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

NAME = "HMD_LSTM"
MAGIC = b"HMDL"
VERSION = 1
LAYOUT_PACKED_PAIRS = 1
LARGEST_SHIFT = 7
LARGEST_SIZE = 2**14

_FORMAT = "<4sHH 5H H 4B b3x f"
LENGTH = struct.calcsize(_FORMAT)
_FLAGS = ("shared", "return_sequences", "stateful", "go_backwards", "input_order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the op must know beside its tensors.

    Args:
        structure: shape of the gate matrices (four gates).
        return_sequences: the output holds every step, else the last one only.
        stateful: state goes on from one invocation to the next, else each starts from zero.
        go_backwards: steps are read from the last to the first.
        input_order: with go_backwards, each output stands where its input stood.
        x_shift, h_shift: left shifts with which x and h enter the dot products, 0..7.
        cell_shift: the cell's scale is ``2**(cell_shift - 12)``, 0..7.
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
        s = self.structure
        if s.gates != 4:
            raise UserError(f"{NAME}, gates: received {s.gates}, expected the 4 of an LSTM")
        for name in ("inputs", "units", "rank"):
            if getattr(s, name) > LARGEST_SIZE:
                raise UserError(
                    f"{NAME}, {name}: received {getattr(s, name)}, expected at most {LARGEST_SIZE}"
                )
        for name in ("x_shift", "h_shift", "cell_shift"):
            if not 0 <= getattr(self, name) <= LARGEST_SHIFT:
                raise UserError(
                    f"{NAME}, {name}: received {getattr(self, name)}, expected 0..{LARGEST_SHIFT}"
                )
        if not 0 < self.x_scale < float("inf"):
            raise UserError(f"{NAME}, x_scale: received {self.x_scale}, expected above 0")

    def encode(self) -> bytes:
        """The custom options of the op in a `.tflite` file."""
        s = self.structure
        flags = sum(1 << bit for bit, name in enumerate(_FLAGS) if self._flag(name))
        return struct.pack(
            _FORMAT,
            MAGIC,
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
    def decode(cls, data: bytes) -> Options:
        """Read custom options.

        Raises:
            UserError: a field does not fit; the message names it.
        """
        if len(data) != LENGTH:
            raise UserError(f"{NAME} options: received {len(data)} bytes, expected {LENGTH}")
        magic, version, length, *sizes, flags, layout, x_shift, h_shift, cell_shift, zero, scale = (
            struct.unpack(_FORMAT, data)
        )
        for name, received, expected in (
            ("magic", magic, MAGIC),
            ("version", version, VERSION),
            ("length", length, LENGTH),
            ("layout", layout, LAYOUT_PACKED_PAIRS),
        ):
            if received != expected:
                raise UserError(
                    f"{NAME} options, {name}: received {received!r}, expected {expected!r}; "
                    "convert the model again with this version of hmd-tflm"
                )
        if any(data[25:28]):
            raise UserError(f"{NAME} options, reserved: received {data[25:28]!r}, expected zeros")
        if flags >> len(_FLAGS):
            raise UserError(f"{NAME} options, flags: received {flags:#x}, expected 0..0x1f")
        on = {name: bool(flags >> bit & 1) for bit, name in enumerate(_FLAGS)}
        inputs, units, rows, blocks, rank = sizes
        return cls(
            structure=Structure(inputs, units, rows, blocks, rank, on.pop("shared")),
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
