"""Every board has a description for Renode, with the same memories as for building and emulating."""

import re
from pathlib import Path

import pytest

from hmd_tflm.simulate.board import board_names, load_board

RENODE = Path(__file__).parents[2] / "renode"


@pytest.mark.parametrize("name", board_names())
def test_agrees_with_the_board(name):
    board = load_board(name)
    script = (RENODE / f"{name}.resc").read_text()
    (description,) = re.findall(r"\$repl=\$ORIGIN/(\S+)", script)
    text = (RENODE / description).read_text()
    sizes = dict(re.findall(r"^(\w+):.*\n    size: (\w+)$", text, re.MULTILINE))
    sizes["ram"] = sizes.pop("sram")
    assert {kind: int(size, 16) for kind, size in sizes.items()} == {
        kind: memory.size for kind, memory in board.memory.items()
    }
    assert "PerformanceInMips: 100\n" in text
    assert "DWT @ sysbus 0xE0001000\n    frequency: 100000000\n" in text
