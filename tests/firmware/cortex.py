"""The kernels of HMD_LSTM and HMD_GRU on a Cortex-M core in QEMU, with NumPy arrays."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from qemu import Memory, Program

from hmd_tflm.codegen.ops import scratch_bytes
from hmd_tflm.op.cells import Cell
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.packing import pack
from hmd_tflm.op.reference import State


class Kernel:
    """The kernel of a cell on one core; keyword arguments are those of `Program`."""

    def __init__(self, core: str, cell: Cell, **options: Any) -> None:
        self._function = f"{cell.name.lower()}_run"
        self.program = Program(core, [self._function], **options)

    def run(self, layer: IntegerLayer, x: np.ndarray, state: State) -> np.ndarray:
        """y of one call, which updates the state. Nothing else in RAM may change but scratch.

        Tensors lie as badly aligned as the interface allows.
        """
        o = layer.options
        batch, steps, _ = x.shape
        units = o.structure.units
        y = np.zeros((batch, steps, units) if o.return_sequences else (batch, units), np.int8)
        scratch = np.zeros(scratch_bytes(o.structure), np.int8)
        outputs = [y, *(state[name] for name in o.cell.states), scratch]
        weights, table = (a.tobytes() for a in pack(layer))
        constants, ram = Memory(self.program.data), Memory(self.program.data + (1 << 20))
        pointers = [constants.put(weights, 4), constants.put(table, 2), ram.put(x.tobytes(), 1)]
        alignments = (1, *(dtype.itemsize for dtype in o.cell.states.values()), 4)
        places = [ram.put(a.tobytes(), n) for a, n in zip(outputs, alignments, strict=True)]
        options = ram.put(_options(layer), 4)
        tensors = ram.put(np.array([*pointers, *places, batch, steps], np.uint32).tobytes(), 4)
        for memory in (constants, ram):
            self.program.write(memory.base, bytes(memory.content))
        self.program.call(self._function, options, tensors)
        after = self.program.read(ram.base, len(ram.content))
        for array, address in zip(outputs, places, strict=True):
            at = address - ram.base
            data = after[at : at + array.nbytes]
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)
            ram.content[at : at + len(data)] = data
        assert after == ram.content, "wrote elsewhere"
        return outputs[0]


def _options(layer: IntegerLayer) -> bytes:
    """hmd_options in memory."""
    o, s = layer.options, layer.options.structure
    flags = int.from_bytes(o.encode()[18:20], "little")
    sizes = (s.inputs, s.units, s.rows, s.blocks, s.rank, flags)
    shifts = (o.x_shift, o.h_shift, o.cell_shift)
    return struct.pack("<6H4Bb3xf", *sizes, s.gates, *shifts, o.x_zero_point, 1.0)
