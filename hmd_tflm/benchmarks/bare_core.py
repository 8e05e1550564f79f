"""Functions in assembly called on an emulated Cortex-M4, and their cycles."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn import arm_const as arm

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.build import firmware_folder
from hmd_tflm.simulate.counter import Counter
from hmd_tflm.simulate.cycles.model import CycleModel
from hmd_tflm.simulate.image import Image

CODE, DATA, SIZE = 0x0800_0000, 0x2000_0000, 1 << 18
END = CODE + SIZE - 4  # where functions return to
MICROSECONDS = 10_000_000  # of a call


class BareCore:
    """A core with 256 KiB of RAM at `DATA`, the stack at its end.

    Args:
        source: a file in assembly without calls to anything else.

    Raises:
        UserError, FirmwareError: no compiler, or one that failed.
    """

    def __init__(self, source: Path) -> None:
        include = firmware_folder() / "lib/hmd_nn/include"
        with TemporaryDirectory(prefix="hmd-tflm-") as folder:
            elf = Path(folder) / "core.elf"
            command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-nostdlib"]
            command += [f"-I{include}", f"-Wl,-Ttext={CODE:#x},--entry={CODE:#x}"]
            done = subprocess.run(
                [*command, "-o", str(elf), str(source)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise FirmwareError(f"{source} did not build:\n{done.stderr}")
            image = Image.load(elf)
        self._entries = {name: address for address, _, name in image.symbols}
        self._code = image.segments[0]

    def call(self, function: str, arguments: Sequence[int], memory: Mapping[int, bytes]) -> Called:
        """Call a function with up to four arguments and some contents of the RAM."""
        uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M4)
        for base in (CODE, DATA):
            uc.mem_map(base, SIZE)
        for address, content in (self._code, *memory.items()):
            uc.mem_write(address, content)
        for number, value in enumerate(arguments):
            uc.reg_write(arm.UC_ARM_REG_R0 + number, value)
        uc.reg_write(arm.UC_ARM_REG_SP, DATA + SIZE)
        uc.reg_write(arm.UC_ARM_REG_LR, END | 1)
        counter = Counter(CycleModel(lambda address, size: bytes(uc.mem_read(address, size))))
        counter.attach(uc)
        uc.emu_start(self._entries[function] | 1, END, timeout=MICROSECONDS)
        counter.raise_pending()
        counter.leave()
        if uc.reg_read(arm.UC_ARM_REG_PC) != END:
            raise FirmwareError(f"{function} did not return within {MICROSECONDS // 10**6} s")
        return Called(uc, counter.cycles)


class Called:
    """What a call left behind, and its cycles."""

    def __init__(self, uc: Uc, cycles: int) -> None:
        self._uc = uc
        self.cycles = cycles

    def register(self, number: int) -> int:
        """r0 to r12, as uint32."""
        return self._uc.reg_read(arm.UC_ARM_REG_R0 + number)

    def read(self, address: int, size: int) -> bytes:
        """Of the RAM."""
        return bytes(self._uc.mem_read(address, size))
