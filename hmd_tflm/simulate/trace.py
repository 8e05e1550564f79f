"""Instructions and cycles from an execution trace of Renode, by the model that the emulator uses.

The format is what `cpu CreateExecutionTracing "name" @file PCAndOpcode true` writes: a header, then
for each executed instruction its address, its length, its code and the end of additional data.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hmd_tflm.errors import UserError
from hmd_tflm.simulate.counter import Counter
from hmd_tflm.simulate.cycles.model import CycleModel
from hmd_tflm.simulate.emulator import Reading
from hmd_tflm.simulate.hooks import native_library
from hmd_tflm.simulate.image import Image

MAGIC = b"ReTrace"
ONE_SET = {4: 0, 5: 1}  # by version of the format: how a single instruction set is written
CYCLE_COUNTER = "bsp_cycles"  # the firmware's function that reads it
PIECE = 1 << 20  # bytes in memory

_NOTE = ctypes.CFUNCTYPE(None)


class _Trace(ctypes.Structure):
    _fields_ = [
        ("counter", ctypes.c_void_p),
        ("note", _NOTE),
        ("mark", ctypes.c_uint32),
        ("address", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("instructions", ctypes.c_uint64),
    ]


@dataclass(frozen=True)
class TraceCounts:
    """What a trace says was executed.

    Attributes:
        instructions, cycles: of the whole trace.
        readings: totals at each reading of the cycle counter, as `Emulator.readings` has them.
    """

    instructions: int
    cycles: int
    readings: list[Reading]


def count_trace(path: Path, image: Image) -> TraceCounts:
    """Count a trace; it is streamed, so memory does not grow with its length.

    Args:
        path: the trace.
        image: the firmware that was traced.

    Raises:
        UserError: no trace of this format, one that is cut off or has additional data, or one of
            other firmware.
    """
    mark = next((a for a, _, name in image.symbols if name == CYCLE_COUNTER), None)
    if mark is None:
        raise UserError(
            f"{image.path}: has no function {CYCLE_COUNTER}; give the ELF of this project's "
            "firmware, with its symbols"
        )
    counter = Counter(CycleModel(lambda address, size: _code(image, address, size)))
    readings: list[Reading] = []

    def note() -> None:
        readings.append(Reading(counter.instructions, counter.cycles))

    try:
        with path.open("rb") as file:
            _check_header(path, file)
            state = _Trace(counter.pointer, _NOTE(note), mark)
            _feed(path, file, state, counter)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    counter.leave()
    return TraceCounts(counter.instructions, counter.cycles, readings)


def _check_header(path: Path, file: BinaryIO) -> None:
    head = file.read(len(MAGIC) + 5)
    if len(head) < len(MAGIC) + 5 or not head.startswith(MAGIC):
        raise UserError(f"{path}: is no execution trace of Renode; it does not begin with ReTrace")
    version, width, opcodes, sets, length = head[len(MAGIC) :]
    if version not in ONE_SET or width != 4 or opcodes != 1:
        raise UserError(
            f"{path}: received format version {version}, {width}-byte addresses, opcodes "
            f"{opcodes}; expected version 4 or 5, 4 and 1 (PCAndOpcode of a 32-bit core)"
        )
    name = file.read(length)
    if sets != ONE_SET[version] or not name.startswith(b"thumb "):
        raise UserError(
            f"{path}: received a trace of {name.decode(errors='replace')!r}, expected one of a "
            "Cortex-M (thumb)"
        )


def _feed(path: Path, file: BinaryIO, state: _Trace, counter: Counter) -> None:
    library = native_library()
    library.trace_feed.restype = ctypes.c_int64
    rest = b""
    while piece := file.read(PIECE):
        data = rest + piece
        read = library.trace_feed(ctypes.byref(state), data, ctypes.c_uint64(len(data)))
        counter.raise_pending()
        if read < 0:
            raise UserError(
                f"{path}: after {state.instructions} instructions there is no record of executed "
                "Thumb code; trace without TrackMemoryAccesses and without compression"
            )
        rest = data[read:]
    if rest:
        raise UserError(
            f"{path}: ends in the middle of a record after {state.instructions} instructions; "
            "call `cpu DisableExecutionTracing` before Renode ends"
        )
    library.trace_flush(ctypes.byref(state))
    counter.raise_pending()


def _code(image: Image, address: int, size: int) -> bytes:
    code = image.code(address, size)
    if len(code) < size:
        raise UserError(
            f"{image.path}: has no code at 0x{address:08X}, which the trace executes; give the ELF "
            "that was traced"
        )
    return code
