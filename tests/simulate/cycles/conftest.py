"""Snippets of assembly: their code, and their cycles when an emulator really runs them."""

import shutil
import struct
import subprocess

import pytest
from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc, UcError
from unicorn.arm_const import UC_ARM_REG_R0, UC_ARM_REG_SP, UC_CPU_ARM_CORTEX_M4

from hmd_tflm.simulate.counter import Counter
from hmd_tflm.simulate.cycles.model import CycleModel

CODE, DATA = 0x0800_0000, 0x2000_0000
FPU_ENABLE = "movw r0, #0xED88; movt r0, #0xE000; mov r8, #0xF00000; str r8, [r0]; dsb; isb"
PAD = "; mov.w r8, r8" * 4 + "; "


@pytest.fixture(scope="session")
def assemble(tmp_path_factory):
    """A function from assembly, with ; between instructions, to code that begins at CODE."""
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("no Arm assembler: apt install binutils-arm-none-eabi")
    folder = tmp_path_factory.mktemp("code")

    def code(source: str) -> bytes:
        text = ".syntax unified\n.thumb\n" + source.replace(";", "\n") + "\n"
        command = ["arm-none-eabi-as", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-o", "a.o", "-"]
        subprocess.run(command, input=text, text=True, check=True, cwd=folder)
        subprocess.run(
            ["arm-none-eabi-objcopy", "-O", "binary", "a.o", "a"], check=True, cwd=folder
        )
        return (folder / "a").read_bytes()

    return code


@pytest.fixture(scope="session")
def run(assemble):
    """A function that runs assembly; every register r0 to r7 points to data. Gives the counter.

    watch: called with the core, the counter and its model before the code runs.
    """

    def counter(source: str, watch=None) -> Counter:
        code = assemble(f"{FPU_ENABLE}; mov.w r0, r1{PAD}{source}{PAD}bkpt")
        uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        uc.mem_map(CODE, 0x1_0000)
        uc.mem_map(DATA, 0x1_0000)
        uc.mem_map(0xE000_0000, 0x1_0000)
        uc.mem_write(CODE, code)
        uc.mem_write(DATA, struct.pack("<I", DATA + 0x100) * 0x400)
        uc.reg_write(UC_ARM_REG_SP, DATA + 0x8000)
        for register in range(8):
            uc.reg_write(UC_ARM_REG_R0 + register, DATA + 0x100)
        model = CycleModel(lambda address, size: bytes(uc.mem_read(address, size)))
        counter = Counter(model)
        counter.attach(uc)
        if watch:
            watch(uc, counter, model)
        with pytest.raises(UcError, match="exception"):
            uc.emu_start(CODE | 1, 0, timeout=5_000_000)  # microseconds
        counter.raise_pending()
        counter.leave()
        return counter

    return counter


@pytest.fixture(scope="session")
def cycles(run):
    """A function from assembly that begins at a word's beginning to the cycles that it adds."""
    empty = run("").cycles

    return lambda source: run(source).cycles - empty
