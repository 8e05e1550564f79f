"""Firmware with TFLM on an emulated board against firmware without it and against the host."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import keras
import models
import numpy as np
import pytest
from tflm.flash import flash_by_part

from hmd_tflm import codegen
from hmd_tflm.cli import main
from hmd_tflm.codegen import tflm as codegen_tflm
from hmd_tflm.convert import convert
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.layers import HMDLSTM
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.protocol import Link
from hmd_tflm.simulate.simulate import simulate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "models"
BOARD = dataclasses.replace(load_board("disco_f407vg"), environment="disco_f407vg_tflm_offline")
needs_tflm = pytest.mark.skipif(
    not os.environ.get("TFLM_ROOT"),
    reason="needs TFLM_ROOT: a tflite-micro tree with its library built, see docs/tflm.md",
)


@pytest.fixture(scope="module")
def folders(compiler, tmp_path_factory) -> tuple[Path, Path]:
    """For all models the same two, so that only the model is compiled anew."""
    return tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("tflm")


@needs_tflm
@pytest.mark.parametrize("name", models.MODELS)
def test_both_kinds_of_firmware_give_the_bytes_of_the_host(name: str, converted, folders) -> None:
    made, (plain_folder, tflm_folder) = converted(name), folders
    with Interpreter(made.content) as interpreter:
        x = interpreter.inputs[0].quantize(made.x[:3])
        expected = interpreter.run(x)
    codegen.generate(made.content, plain_folder)
    codegen_tflm.generate(made.content, tflm_folder)
    plain = simulate(plain_folder, BOARD.name, x)
    tflm = simulate(build(tflm_folder, BOARD).path, BOARD.name, x)
    np.testing.assert_array_equal(tflm.outputs, expected)
    np.testing.assert_array_equal(plain.outputs, expected)
    assert tflm.model.ops == plain.model.ops
    assert tflm.stack_used < tflm.stack_reserved / 2
    lstm = tflm.model.ops.index("HMD_LSTM")
    difference = tflm.instructions[:, lstm] - plain.instructions[:, lstm]
    assert ((difference > 0) & (difference < 1000)).all()  # of the interpreter, the kernel is one


@needs_tflm
def test_state_goes_on_until_reset(compiler, stateful: bytes, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(-128, 128, (4, 2, 4)).astype(np.int8)
    with Interpreter(stateful) as interpreter:
        expected = interpreter.run(rows)
    codegen_tflm.generate(stateful, tmp_path)
    link = Link(Emulator(build(tmp_path, BOARD), BOARD))
    for _ in range(2):
        outputs = [np.frombuffer(link.run(row.tobytes()).output, np.int8) for row in rows]
        np.testing.assert_array_equal(np.stack(outputs), expected)
        link.reset()


@needs_tflm
@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.tflite")), ids=lambda path: path.stem)
def test_sizes_and_instructions_side_by_side(path: Path, folders) -> None:
    """Prints what docs/tflm.md says it does (pytest -s)."""
    content, (plain_folder, tflm_folder) = path.read_bytes(), folders
    with Interpreter(content) as interpreter:
        shape = (2, *interpreter.inputs[0].shape[1:])
        x = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
        expected = interpreter.run(x).reshape(2, -1)
    codegen.generate(content, plain_folder)
    codegen_tflm.generate(content, tflm_folder)
    image = build(tflm_folder, BOARD)
    for kind, source in (("without", plain_folder), ("with TFLM", image.path)):
        report = simulate(source, BOARD.name, x)
        np.testing.assert_array_equal(report.outputs, expected)
        instructions = report.instructions[0].tolist()
        print(
            f"\n{path.stem}, {kind}: flash {report.flash}, static RAM {report.ram}, arena "
            f"{report.arena_used}, stack {report.stack_used}, instructions {sum(instructions)}, "
            f"of ops {instructions}, cycles {report.cycles[0].sum()}"
        )
    parts = flash_by_part(image.path.with_suffix(".map"))
    print(parts)
    assert set(parts) == {"interpreter", "kernels", "ours", "model", "C library"}
    assert abs(image.flash - sum(parts.values())) < 512  # padding, merged strings
    assert len(content) <= parts["model"] < len(content) + 256


@needs_tflm
def test_an_arena_too_small_says_what_it_needs(compiler, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1600, 90)), HMDLSTM(2, rows=2)])
    x = np.random.default_rng(0).normal(size=(2, 1600, 90)).astype(np.float32)
    codegen_tflm.generate(convert(model, x).content, tmp_path)
    with pytest.raises(FirmwareError, match=r"Requested: 144\d+, available 12\d+, missing: \d+"):
        Link(Emulator(build(tmp_path, BOARD), BOARD)).info()


def test_tflm_root_must_be_set(compiler, converted, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("TFLM_ROOT", raising=False)
    codegen_tflm.generate(converted("dense").content, tmp_path)
    with pytest.raises(FirmwareError, match="TFLM_ROOT is not set; expected .* see docs/tflm.md"):
        build(tmp_path, BOARD)


TREES = {
    "is no tflite-micro tree": {},
    "unsupported version": {"tools/make/Makefile": ""},
    "unsupported version, ": {
        "tools/make/Makefile": "",
        "micro_common.h": "",
        "micro_interpreter.h": "namespace tflite::micro {",
    },
    r"has no gen/.*; build it there: make .*TARGET_ARCH=cortex-m4\+fp": {
        "tools/make/Makefile": "",
        "micro_common.h": "",
        "micro_interpreter.h": "namespace tflite {",
    },
}


@pytest.mark.parametrize("message", TREES)
def test_a_wrong_tree_is_named(
    message: str, compiler, converted, tmp_path: Path, monkeypatch
) -> None:
    for file, text in TREES[message].items():
        path = tmp_path / "tree/tensorflow/lite/micro" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("TFLM_ROOT", str(tmp_path / "tree"))
    codegen_tflm.generate(converted("dense").content, tmp_path / "model")
    with pytest.raises(FirmwareError, match=f"TFLM_ROOT=.*{message}"):
        build(tmp_path / "model", BOARD)


@needs_tflm
def test_a_model_for_firmware_without_tflm_is_refused(compiler, converted, tmp_path: Path) -> None:
    codegen.generate(converted("dense").content, tmp_path)
    with pytest.raises(FirmwareError, match=r"no model for TFLM .*hmd-tflm codegen --tflm"):
        build(tmp_path, BOARD)


def test_the_command_writes_the_file_and_its_ops(converted, tmp_path: Path, capsys) -> None:
    content = converted("bidirectional").content
    (tmp_path / "two words.tflite").write_bytes(content)
    main(["codegen", "--tflm", str(tmp_path / "two words.tflite"), "--output", str(tmp_path / "c")])
    assert capsys.readouterr().out == f"{tmp_path / 'c'}: written\n"
    numbers = re.search(r"content\[\].*?{(.*?)}", (tmp_path / "c/model.c").read_text(), re.DOTALL)
    assert bytes(int(number) for number in re.findall(r"\d+", numbers[1])) == content
    ops = (tmp_path / "c/ops.cc").read_text()
    added = re.findall(r"resolver\.(Add\w+)", ops)
    assert added == ["AddConcatenation", "AddFullyConnected", "AddCustom", "AddSoftmax"]
    assert "MicroMutableOpResolver<4>" in ops


@needs_tflm
def test_tflm_has_every_op_that_may_be_linked() -> None:
    header = Path(os.environ["TFLM_ROOT"]) / "tensorflow/lite/micro/micro_mutable_op_resolver.h"
    methods = set(re.findall(r"TfLiteStatus Add(\w+)\(", header.read_text()))
    assert set(codegen_tflm.BUILTINS.values()) <= methods


def test_an_op_that_is_not_linked_is_named(tmp_path: Path) -> None:
    layers = [HMDLSTM(8, return_sequences=True), keras.layers.GlobalMaxPooling1D()]
    model = keras.Sequential([keras.Input((6, 4)), *layers])
    content = convert(model, np.zeros((3, 6, 4), np.float32)).content
    with pytest.raises(UserError, match="op REDUCE_MAX: .*change the model"):
        codegen_tflm.generate(content, tmp_path / "new")
    assert not (tmp_path / "new").exists()
