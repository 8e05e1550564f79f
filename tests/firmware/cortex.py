"""`hmd_lstm_run` as the Arm compiler builds it for a Cortex-M core, called on that core in Unicorn.

Without hooks: Unicorn 2.1.4 executes IT blocks wrongly where their loads and stores are hooked.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile

import native
import numpy as np
import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm_const as arm

from hmd_tflm.op.lstm import IntegerLSTM
from hmd_tflm.op.packing import pack
from hmd_tflm.op.reference import State

MODELS = {
    "cortex-m0plus": arm.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm.UC_CPU_ARM_CORTEX_M33,
}
SOURCES = ("lstm.c", "matvec.c", "matvec_dsp.S", "lstm_elementwise_dsp.S", "sigmoid_table.c")
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Wshadow", "-Werror"]
CODE, MODEL, RAM, STACK = 0x0800_0000, 0x0810_0000, 0x2000_0000, 0x2010_0000
SIZE = 1 << 20  # of each, all mapped
STACK_BOTTOM = STACK + SIZE - 4096
FILLER = 0x5A

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
)


class Kernel:
    """The kernel on one core.

    Attributes:
        flash_bytes: of the library's functions and tables, without those of the C library.
        stack_bytes: the most that any call so far has used.
    """

    def __init__(self, core: str) -> None:
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(MODELS[core])
        for base in (CODE, MODEL, RAM, STACK):
            self._uc.mem_map(base, SIZE)
        self._uc.mem_write(STACK_BOTTOM, bytes([FILLER]) * 4096)
        with tempfile.NamedTemporaryFile(suffix=".elf") as file:
            _build(core, file.name)
            elf = ELFFile(file)
            self._entry = elf["e_entry"]
            for segment in elf.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_paddr"], segment.data())
            symbols = elf.get_section_by_name(".symtab").iter_symbols()
            self.flash_bytes = sum(s["st_size"] for s in symbols if s.name.startswith("hmd_"))

    @property
    def stack_bytes(self) -> int:
        stack = bytes(self._uc.mem_read(STACK_BOTTOM, 4096))
        return len(stack.lstrip(bytes([FILLER])))

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
        weights, table = pack(lstm)
        constants, ram = _Image(MODEL), _Image(RAM)
        pointers = [constants.put(weights, 4), constants.put(table, 2), ram.put(x, 1)]
        places = [ram.put(a, alignment) for a, alignment in zip(outputs, (1, 1, 2, 4), strict=True)]
        options = ram.put(np.frombuffer(_options(lstm), np.uint8), 4)
        tensors = ram.put(np.array([*pointers, *places, batch, steps], np.uint32), 4)
        self._uc.mem_write(MODEL, bytes(constants.content))
        self._uc.mem_write(RAM, bytes(ram.content))
        self._call(options, tensors)
        for array, at in zip(outputs, places, strict=True):
            data = bytes(self._uc.mem_read(at, array.nbytes))
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)
            ram.content[at - RAM : at - RAM + len(data)] = data
        assert self._uc.mem_read(RAM, len(ram.content)) == ram.content, "wrote elsewhere"
        return outputs[0]

    def _call(self, *arguments: int) -> None:
        for register, value in zip((arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1), arguments, strict=True):
            self._uc.reg_write(register, value)
        self._uc.reg_write(arm.UC_ARM_REG_SP, STACK + SIZE)
        end = CODE + SIZE - 4
        self._uc.reg_write(arm.UC_ARM_REG_LR, end | 1)
        self._uc.emu_start(self._entry | 1, end, timeout=60_000_000)
        assert self._uc.reg_read(arm.UC_ARM_REG_PC) == end, "did not return within a minute"


class _Image:
    """The bytes of a memory, filled from its first address on, with gaps."""

    def __init__(self, base: int) -> None:
        self._base = base
        self.content = bytearray([FILLER] * 16)

    def put(self, array: np.ndarray, alignment: int) -> int:
        """The address of a copy: a multiple of the alignment, but not of twice as much."""
        self.content += bytes([FILLER]) * (-len(self.content) % 8 + alignment)
        address = self._base + len(self.content)
        self.content += array.tobytes() + bytes([FILLER] * 16)
        return address


def _options(lstm: IntegerLSTM) -> bytes:
    """hmd_lstm_options in memory."""
    o, s = lstm.options, lstm.options.structure
    flags = int.from_bytes(o.encode()[18:20], "little")
    sizes = (s.inputs, s.units, s.rows, s.blocks, s.rank, flags)
    return struct.pack("<6H3Bbf", *sizes, o.x_shift, o.h_shift, o.cell_shift, o.x_zero_point, 1.0)


def _build(core: str, elf: str) -> None:
    command = [
        *("arm-none-eabi-gcc", "-std=c99", "-O2", "-DNDEBUG", f"-mcpu={core}", "-mthumb"),
        *WARNINGS,
        f"-I{native.NN / 'include'}",
        *(str(native.NN / "src" / name) for name in SOURCES),
        *("-ffunction-sections", "-fdata-sections", "-nostartfiles", "-Wl,--gc-sections"),
        *("-Wl,--entry=hmd_lstm_run", f"-Wl,-Ttext={CODE:#x}", "-o", elf),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
