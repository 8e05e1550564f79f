"""Boards on pseudo-terminals around the models of renode/models and the hand-written one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from device.board_on_pty import BoardOnPty

from hmd_tflm.codegen import generate
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.image import Image

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "renode" / "models"
BOARD = load_board("disco_f407vg")


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    """A function that builds a model of the repository, or the hand-written "dummy_model"."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    workspace, made = tmp_path_factory.mktemp("workspace"), {}

    def make(name: str):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            if name == "dummy_model":
                shutil.copy(ROOT / "tests/firmware/dummy_model.c", folder)
            else:
                (path,) = ROOT.glob(f"*/models/{name}.tflite")
                generate(path.read_bytes(), folder, name)
            elf = shutil.copy(build(folder, BOARD, workspace).path, folder / "firmware.elf")
            made[name] = Image.load(elf)
        return made[name]

    return make


@pytest.fixture
def board(firmware, tmp_path):
    """A function that starts a board with a model; it ends with the test."""
    started = []

    def start(name: str, **faults) -> BoardOnPty:
        one = BoardOnPty(firmware(name), BOARD, tmp_path / "tty")
        for fault, act in faults.items():
            setattr(one, fault, act)
        one.start()
        started.append(one)
        return one

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def streaming():
    """Twelve rows for the stateful model of renode/models, and its outputs on this computer."""
    rows = np.random.default_rng(0).integers(-128, 128, (12, 1, 9)).astype(np.int8)
    with Interpreter(MODELS / "streaming.tflite") as interpreter:
        return rows, interpreter.run(rows)
