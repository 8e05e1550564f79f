"""Firmware with CMSIS_NN_ROOT gives the bytes of firmware without, by CMSIS-NN's functions."""

from pathlib import Path

import cmsis_nn
import numpy as np
import pytest
import qemu
from elftools.elf.elffile import ELFFile

from hmd_tflm.codegen import generate, model_io
from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.simulate import simulate

pytestmark = qemu.needs_qemu
BOARD = load_board("disco_f407vg")
MODEL = Path(__file__).parents[2] / "benchmarks/models/digits_hmd_2x.tflite"


def functions(elf: Path) -> set[str]:
    with elf.open("rb") as file:
        return {s.name for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}


def test_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = generate(MODEL.read_bytes(), tmp_path, "digits").parent
    root = cmsis_nn.root()
    size = model_io(MODEL.read_bytes())[0].size
    x = np.random.default_rng(0).integers(-128, 128, (2, size)).astype(np.int8)
    outputs, symbols = [], []
    for chosen in ("", str(root)):
        monkeypatch.setenv("CMSIS_NN_ROOT", chosen)
        image = build(folder, BOARD)
        symbols.append(functions(image.path))
        outputs.append(simulate(image.path, BOARD.name, x).outputs)
    np.testing.assert_array_equal(*outputs)
    assert [{"arm_fully_connected_s8", "arm_softmax_s8"} <= s for s in symbols] == [False, True]


def test_a_wrong_tree_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = generate(MODEL.read_bytes(), tmp_path / "model", "digits").parent
    monkeypatch.setenv("CMSIS_NN_ROOT", str(tmp_path))
    with pytest.raises(FirmwareError, match=f"CMSIS_NN_ROOT={tmp_path}: is no CMSIS-NN tree"):
        build(folder, BOARD)
