"""The firmware's own sources compile without a warning, for the board as for strict C99."""

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


def test_only_the_board_support_knows_hardware():
    for path in (FIRMWARE / "src").iterdir():
        assert "stm32" not in path.read_text().lower(), path
