"""Boards as data."""

import re
from pathlib import Path

import pytest

from hmd_tflm.errors import UserError
from hmd_tflm.simulate.board import board_names, load_board

FIRMWARE = Path(__file__).parents[2] / "firmware"


def test_unknown_board_names_the_known():
    with pytest.raises(UserError, match=r"'disco' is not known, expected one of .*disco_f407vg"):
        load_board("disco")


@pytest.mark.parametrize("name", board_names())
def test_agrees_with_the_firmware(name):
    board = load_board(name)
    ini = (FIRMWARE / "platformio.ini").read_text()
    assert f"[env:{board.environment}]" in ini
    script = re.search(rf"board = {name}\nboard_build.ldscript = (\S+)", ini).group(1)
    regions = dict(
        re.findall(r"(\w+) \(\w+\) : (ORIGIN = \w+, LENGTH = \w+)", (FIRMWARE / script).read_text())
    )
    for region in ("FLASH", "RAM"):
        memory = board.memory[region.lower()]
        assert regions[region] == f"ORIGIN = 0x{memory.origin:08X}, LENGTH = {memory.size >> 10}K"
    header = (FIRMWARE / "lib/bsp/src/boards" / f"{name}.h").read_text()
    assert f"BOARD_CLOCK_HZ {board.clock_hz}u" in header
    if board.flash:
        assert f"BOARD_FLASH_WAIT_STATES {board.flash.wait_states}u" in header
    assert f"BOARD_UART 0x{board.uart.base:08X}u" in header
