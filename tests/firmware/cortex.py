"""`hmd_lstm_run` on a Cortex-M core in QEMU, with NumPy arrays."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from qemu import Memory, Program

from hmd_tflm.op.lstm import IntegerLSTM
from hmd_tflm.op.packing import pack
from hmd_tflm.op.reference import State


class Kernel:
    """The kernel on one core; keyword arguments are those of `Program`."""

    def __init__(self, core: str, **options: Any) -> None:
        self.program = Program(core, ["hmd_lstm_run"], **options)

    def run(self, lstm: IntegerLSTM, x: np.ndarray, state: State) -> np.ndarray:
        """y of one call, which updates the state. Nothing else in RAM may change but scratch.

        Tensors lie as badly aligned as the interface allows.
        """
        s = lstm.options.structure
        batch, steps, _ = x.shape
        y_shape = (batch, steps, s.units) if lstm.options.return_sequences else (batch, s.units)
        projected = s.projection_sets * (s.projections + s.projections % 2)
        scratch = np.zeros(s.columns + s.columns % 2 + 4 * s.units + projected, np.int16)
        outputs = [np.zeros(y_shape, np.int8), state.h, state.c, scratch]
        weights, table = (a.tobytes() for a in pack(lstm))
        constants, ram = Memory(self.program.data), Memory(self.program.data + (1 << 20))
        pointers = [constants.put(weights, 4), constants.put(table, 2), ram.put(x.tobytes(), 1)]
        alignments = (1, 1, 2, 4)
        places = [ram.put(a.tobytes(), n) for a, n in zip(outputs, alignments, strict=True)]
        options = ram.put(_options(lstm), 4)
        tensors = ram.put(np.array([*pointers, *places, batch, steps], np.uint32).tobytes(), 4)
        for memory in (constants, ram):
            self.program.write(memory.base, bytes(memory.content))
        self.program.call("hmd_lstm_run", options, tensors)
        after = self.program.read(ram.base, len(ram.content))
        for array, address in zip(outputs, places, strict=True):
            at = address - ram.base
            data = after[at : at + array.nbytes]
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)
            ram.content[at : at + len(data)] = data
        assert after == ram.content, "wrote elsewhere"
        return outputs[0]


def _options(lstm: IntegerLSTM) -> bytes:
    """hmd_lstm_options in memory."""
    o, s = lstm.options, lstm.options.structure
    flags = int.from_bytes(o.encode()[18:20], "little")
    sizes = (s.inputs, s.units, s.rows, s.blocks, s.rank, flags)
    return struct.pack("<6H3Bbf", *sizes, o.x_shift, o.h_shift, o.cell_shift, o.x_zero_point, 1.0)
