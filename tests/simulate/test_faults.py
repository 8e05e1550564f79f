"""Programs that do one thing wrong: each ends with its place and what it did, within seconds."""

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm.cli import main
from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.usage_faults import suspects

SOURCE = Path(__file__).with_name("faults.S")
MAP = """
MEMORY { FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 1M  RAM (rw) : ORIGIN = 0x20000000, LENGTH = 128K }
SECTIONS { .text : { *(.isr_vector) *(.text) } >FLASH }
__stack_top = 0x20001000;
"""
AT = r"faulted at pc=0x080000\w\w in culprit"
NOWHERE = r"faulted at pc=0x{:08X} in \?, with lr=0x080000\w\w in {}"


@pytest.fixture(scope="module")
def program(compiler, tmp_path_factory):
    """A function from assembly, with ; between instructions, to an image that executes it."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "map.ld").write_text(MAP)

    def build(culprit: str, handler: str = "") -> Image:
        command = ["arm-none-eabi-gcc", "-nostdlib", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"]
        command += ["-mfloat-abi=hard", "-T", "map.ld", "-x", "assembler-with-cpp"]
        command += [f"-DFAULT={culprit}", f"-DFAULT_IN_HANDLER={handler}", "-o", "a.elf", SOURCE]
        subprocess.run(command, cwd=folder, check=True)
        return Image.load(folder / "a.elf")

    return build


FAULTS = {
    "undefined instruction": ("udf #0", f"{AT}: Invalid instruction"),
    "double precision": (".inst.w 0xEE300B01", f"{AT}: Invalid instruction"),
    "read of nothing": ("ldr r0, =0x30000004; ldr r1, [r0]", f"{AT} on a read of 0x30000004"),
    "read of address 0": ("movs r0, #0; ldr r1, [r0]", f"{AT} on a read of 0x00000000"),
    "write to nothing": ("ldr r0, =0x30000004; str r0, [r0]", f"{AT} on a write of 0x30000004"),
    "write to flash": ("ldr r0, =0x08000100; str r0, [r0]", f"{AT} on a write of 0x08000100"),
    "stack overflow": ("1: push {r0-r7}; b 1b", f"{AT} on a write of 0x1FFFFFE0"),
    "even address": ("ldr r0, =even; bx r0", f"{AT} on a jump to an even address"),
    "even return": ("ldr r0, =even; push {r0}; pop {pc}", f"{AT} on a jump to an even address"),
    "jump to nothing": (
        "ldr r0, =0x60000001; bx r0",
        NOWHERE.format(0x6000_0000, "Reset_Handler") + " on a jump to 0x60000000",
    ),
    "call of address 0": (
        "movs r0, #0; blx r0",
        NOWHERE.format(0, "culprit") + " on a jump to 0x00000000",
    ),
    "registers as code": (
        "ldr r0, =0x40000001; bx r0",
        NOWHERE.format(0x4000_0000, "Reset_Handler"),
    ),
    "return from no exception": (
        "ldr r0, =0xFFFFFFF9; bx r0",
        NOWHERE.format(0xFFFF_FFF8, "Reset_Handler"),
    ),
    "supervisor call": ("svc #0", f"{AT}: Unhandled CPU exception"),
    "breakpoint": ("bkpt #0", f"{AT}: Unhandled CPU exception"),
    "unaligned LDM": (
        "ldr r0, =0x20000002; ldm r0, {r1, r2}",
        f"{AT} on an unaligned access to 0x20000002",
    ),
    "unaligned STM": (
        "ldr.w r9, =0x20000001; stm.w r9!, {r1, r2}",
        f"{AT} on an unaligned access to 0x20000001",
    ),
    "unaligned LDRD": (
        "ldr r0, =0x20000003; ldrd r1, r2, [r0, #8]",
        f"{AT} on an unaligned access to 0x20000003",
    ),
    "unaligned VLDR": (
        "ldr r0, =0x20000002; vldr s0, [r0]",
        f"{AT} on an unaligned access to 0x20000002",
    ),
    "trapped division": (
        "ldr r0, =0xE000ED14; movs r1, #0x10; str r1, [r0]; movs r1, #0; udiv r0, r0, r1",
        f"{AT} on a division by zero",
    ),
    "endless loop": ("b .", "still busy after 3000000 instructions, at pc=0x080000.. in culprit"),
    "wait for interrupt": ("wfi", "waits for an interrupt at pc=0x080000.. in culprit"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_place_and_cause_are_named(program, board, name):
    culprit, message = FAULTS[name]
    with pytest.raises(FirmwareError, match=message):
        Emulator(program(culprit), board, budget=3_000_000).readline()


@pytest.mark.parametrize(
    "allowed",
    [
        "movs r1, #0; udiv r0, r0, r1",  # CCR.DIV_0_TRP is clear
        "ldr r0, =0x20000001; ldr r1, [r0]; ldrh r1, [r0]; str r1, [r0]",
        "ldr r0, =0x20000004; ldm r0, {r1, r2}; ldrd r1, r2, [r0]; vldr s0, [r0]",
        "ldr r0, =0x20000001; movs r1, #0; cmp r1, #1; it eq; ldmeq r0, {r2, r3}",
        "add r0, sp, #4; push {r0, r1}; pop {r0, r1}",
    ],
)
def test_what_a_core_allows_passes(program, board, allowed):
    with pytest.raises(FirmwareError, match="still busy .* in Reset_Handler; look for an endless"):
        Emulator(program(allowed), board, budget=10_000).readline()


def test_lock_up_is_reported_at_its_first_fault(program, board):
    """A fault in the handler of a fault locks a core up; the emulator ends at the first."""
    with pytest.raises(FirmwareError, match=AT):
        Emulator(program("udf #0", handler="udf #1"), board).readline()


@pytest.mark.parametrize("reset", [0xFFFF_FFFF, 0, 0x0800_0010], ids=["erased", "zero", "even"])
def test_vectors_that_start_nothing(program, board, reset):
    image = program("nop")
    (base, code), *rest = image.segments
    broken = code[:4] + struct.pack("<I", reset) + code[8:]
    image.segments[:] = [(base, broken), *rest]
    with pytest.raises(
        FirmwareError,
        match="faulted at pc=0xFFFFFFFE|reset vector is 0x0[08]0000[01]0, expected an odd",
    ):
        Emulator(image, board, budget=10_000).readline()


def test_suspects_are_those_of_the_disassembler(dummy):
    """Against objdump: every multiple load or store and division in the functions, nothing else."""
    listing = subprocess.run(
        ["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", dummy.path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = ("ldm", "stm", "ldrd", "strd", "vldm", "vstm", "vldr", "vstr", "udiv", "sdiv")
    expected = {
        int(columns[0].rstrip(":"), 16)
        for line in listing.splitlines()
        if len(columns := line.split()) > 2 and columns[1].startswith(names)
        if not any(word in line for word in ("[sp", "[pc", "sp!", "sp,"))
    }
    assert expected
    assert {suspect.address for suspect in suspects(dummy)} >= expected
    assert len({suspect.address for suspect in suspects(dummy)} - expected) < len(expected)


def test_exit_code(compiler, model_dir, board, tmp_path, capsys, program):
    elf = program("udf #0").path
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.int8))
    arguments = ["--board", board.name, "--input", str(tmp_path / "x.npy")]
    assert main(["simulate", str(elf), *arguments]) == 1
    assert "in culprit" in capsys.readouterr().err
