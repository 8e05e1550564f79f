"""The firmware's own sources compile without a warning, for the board as for strict C99."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"
SOURCES = sorted([*(FIRMWARE / "src").glob("*.c"), *(FIRMWARE / "lib" / "bsp" / "src").glob("*.c")])
BOARDS = sorted(path.stem for path in (FIRMWARE / "lib" / "bsp" / "src" / "boards").glob("*.h"))


@pytest.mark.parametrize("board", BOARDS)
def test_no_warnings(board, tmp_path):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    command = [
        "arm-none-eabi-gcc",
        "-mcpu=cortex-m4",
        "-mthumb",
        "-O2",
        "-c",
        f"-DBSP_BOARD={board}",
    ]
    command += ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
    command += [
        f"-I{FIRMWARE / folder}" for folder in ("src", "lib/bsp/include", "lib/hmd_nn/include")
    ]
    done = subprocess.run(
        [*command, *SOURCES], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_c_alone_has_every_kernel_where_it_is_asked_for(tmp_path):
    """Each function once, none of them assembly: as the linker sees it."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    library = FIRMWARE / "lib" / "hmd_nn"
    sources = sorted([*(library / "src").glob("*.c"), *(library / "src").glob("*.S")])
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-O2", "-DHMD_NN_PORTABLE"]
    command += [f"-I{library / 'include'}", "-r", "-nostdlib", *map(str, sources), "-o", "all.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    names = subprocess.run(
        ["arm-none-eabi-nm", "-A", "all.o"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for kernel in ("hmd_matvec", "hmd_lstm_run", "hmd_gru_run", "hmd_fully_connected_s8"):
        assert names.count(f" T {kernel}\n") == 1
    used = set(re.findall(r" U (\w+)", names))
    assert not {name for name in used if name.startswith("hmd_")}


def test_only_the_board_support_knows_hardware():
    for path in (FIRMWARE / "src").iterdir():
        assert "stm32" not in path.read_text().lower(), path
