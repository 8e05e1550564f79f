"""The vectors of the Robot suites are what the emulator gives today; Renode counts some ten instructions less."""

import json
from pathlib import Path

import pytest

from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.protocol import Link

VECTORS = sorted((Path(__file__).parents[2] / "renode" / "vectors").glob("*.json"))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_neither_outputs_nor_instructions_have_changed(path: Path, firmware) -> None:
    vectors, board = json.loads(path.read_text()), load_board("disco_f407vg")
    link = Link(Emulator(firmware(path.stem, board.name), board))
    link.reset()
    runs = [link.run(bytes.fromhex(row)) for row in vectors["inputs"]]
    assert [run.output.hex().upper() for run in runs] == vectors["outputs"]
    most = max(run.cycles for run in runs)
    assert most == pytest.approx(vectors["instructions"][board.name], rel=0.01)
