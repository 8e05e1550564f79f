"""ELF files that are no firmware for the board: each is refused, and the message says why."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmd_tflm.cli import main
from hmd_tflm.errors import UserError
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.simulate import simulate

FIRST_MACHINE_BYTE = 18  # of an ELF header
RISCV, AARCH64 = 243, 183


@pytest.fixture
def compiled(compiler, tmp_path):
    """A function from compiler options to an image of a small program."""

    def make(*options: str) -> Image:
        (tmp_path / "a.c").write_text(
            "float f(float x) { return x; } int _start(void) { return 0; }"
        )
        command = ["arm-none-eabi-gcc", "-mthumb", "-nostdlib", *options, "-o", "a.elf", "a.c"]
        subprocess.run(command, cwd=tmp_path, check=True)
        return Image.load(tmp_path / "a.elf")

    return make


def test_files_that_are_no_elf_for_arm(tmp_path, dummy):
    with pytest.raises(UserError, match="cannot be read"):
        Image.load(tmp_path / "none.elf")
    with pytest.raises(UserError, match="cannot be read"):
        Image.load(tmp_path)
    (tmp_path / "text.elf").write_text("not an ELF file")
    with pytest.raises(UserError, match="not a readable ELF file"):
        Image.load(tmp_path / "text.elf")
    with pytest.raises(UserError, match="is for EM_X86_64, expected Arm firmware"):
        Image.load(Path(sys.executable).resolve())
    for machine, name in (RISCV, "EM_RISCV"), (AARCH64, "EM_AARCH64"):
        content = bytearray(dummy.path.read_bytes())
        content[FIRST_MACHINE_BYTE] = machine
        (tmp_path / "other.elf").write_bytes(content)
        with pytest.raises(UserError, match=f"is for {name}, expected Arm firmware"):
            Image.load(tmp_path / "other.elf")


@pytest.mark.parametrize(
    "options, name",
    [
        (["-mcpu=cortex-a9"], "Armv7-A with no FPU"),
        (["-mcpu=cortex-r4"], "Armv7-R with no FPU"),
        (["-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"], "Armv7E-M with FPv5"),
        (["-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"], "Armv7E-M with FPv5"),
        (["-mcpu=cortex-m33"], "Armv8-M.mainline with no FPU"),
        (["-mcpu=cortex-m23"], "Armv8-M.baseline with no FPU"),
        (["-mcpu=cortex-m55", "-mfloat-abi=hard"], "Armv8.1-M.mainline with FPv5"),
    ],
)
def test_other_cores(compiled, board, options, name):
    with pytest.raises(UserError, match=f"is built for {name}, which a cortex-m4 does not run"):
        Emulator(compiled(*options), board)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
def test_cores_whose_code_runs(compiled, board, core):
    with pytest.raises(UserError, match="outside the flash of disco_f407vg"):
        Emulator(compiled(f"-mcpu={core}"), board)


def test_without_symbols(dummy, tmp_path):
    stripped = tmp_path / "stripped.elf"
    subprocess.run(["arm-none-eabi-strip", "-o", stripped, dummy.path], check=True)
    with pytest.raises(UserError, match="has no symbols of functions.*not stripped"):
        Image.load(stripped)


def test_firmware_of_another_board(compiler, dummy):
    with pytest.raises(UserError, match="is built for disco_f407vg, expected nucleo_f446re"):
        simulate(dummy.path, "nucleo_f446re", np.zeros((1, 4), np.int8))


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_files(dummy, tmp_path_factory, data):
    """Cut off, or with some bytes changed: a readable image or an error for the user."""
    content = bytearray(dummy.path.read_bytes())
    del content[data.draw(st.integers(0, len(content))) :]
    places = st.integers(0, max(len(content) - 1, 0)) | st.integers(0, 0x33)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        if place < len(content):
            content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.elf"
    path.write_bytes(content)
    try:
        Image.load(path)
    except UserError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("command", ["simulate", "profile"])
def test_commands_take_an_elf(command, dummy, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.array([[1, 2, 3, 4]], np.int8))
    arguments = ["--board", "disco_f407vg", "--input", str(tmp_path / "x.npy")]
    assert main([command, str(dummy.path), *arguments]) == 0
    assert "dummy on disco_f407vg" in capsys.readouterr().out
    assert main([command, sys.executable, *arguments]) == 2
    assert "is for EM_X86_64, expected Arm firmware" in capsys.readouterr().err
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.float32))
    assert main([command, str(dummy.path), *arguments]) == 2
    assert "received float32 inputs" in capsys.readouterr().err
