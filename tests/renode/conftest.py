"""A real Renode where there is one, a fake one where its failures are wanted."""

import os
import shutil
import time
from pathlib import Path

import pytest
from processes import running

from hmd_tflm.codegen import generate
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build

MODELS = Path(__file__).parents[2] / "renode" / "models"
HAND_WRITTEN = Path(__file__).parents[1] / "firmware" / "dummy_model.c"


@pytest.fixture
def renode():
    if shutil.which("renode") is None:
        pytest.skip("needs renode on PATH: https://renode.io")


@pytest.fixture
def fake_renode(tmp_path, monkeypatch):
    """A function that puts a bash script in the place of Renode."""

    def put(script: str) -> None:
        path = tmp_path / "bin" / "renode"
        path.parent.mkdir()
        path.write_text(script)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return put


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    """A function that builds a model of renode/models, or the hand-written "dummy", for a board.

    crime: C that the first op of "dummy" begins with.
    """
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    workspace = tmp_path_factory.mktemp("workspace")

    def make(name: str, board: str = "disco_f407vg", crime: str = ""):
        folder = tmp_path_factory.mktemp(name)
        if name == "dummy":
            begin = "static int add(void) {"
            text = HAND_WRITTEN.read_text().replace(begin, begin + crime)
            (folder / "model.c").write_text(text)
        else:
            generate((MODELS / f"{name}.tflite").read_bytes(), folder, name)
        return build(folder, load_board(board), workspace)

    return make


@pytest.fixture
def ended():
    """A function that says whether a session ends within a second."""
    return lambda session: any(not running(session) or time.sleep(0.05) for _ in range(20))
