"""Firmware around the hand-written models of tests/firmware, built once for all tests."""

import shutil
from pathlib import Path

import pytest

from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build

MODELS = Path(__file__).parents[1] / "firmware"


@pytest.fixture(scope="session")
def board():
    return load_board("disco_f407vg")


@pytest.fixture(scope="session")
def compiler():
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory):
    """A function that lays a model of tests/firmware into a new folder."""

    def lay(name):
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(MODELS / f"{name}.c", folder / "model.c")
        return folder

    return lay


@pytest.fixture(scope="session")
def dummy(compiler, model_dir, board):
    return build(model_dir("dummy_model"), board)


@pytest.fixture(scope="session")
def busy(compiler, model_dir, board):
    return build(model_dir("busy_model"), board)
