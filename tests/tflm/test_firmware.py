"""Firmware with TFLM on an emulated board against firmware without it and against the host."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import keras
import models
import numpy as np
import pytest
from runtime.test_interpreter import CHANGES, altered

from hmd_tflm import codegen
from hmd_tflm.benchmarks import budgets
from hmd_tflm.benchmarks import tflm as side_by_side
from hmd_tflm.benchmarks.flash_parts import PARTS
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
from hmd_tflm.simulate.renode import Renode
from hmd_tflm.simulate.simulate import simulate

FIRMWARE = Path(__file__).parents[2] / "firmware"
LIBRARIES = ("bsp", "hmd_nn", "hmd_tflm")
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
    first = [name.startswith("HMD_") for name in tflm.model.ops].index(True)
    difference = tflm.instructions[:, first] - plain.instructions[:, first]
    assert ((difference > 0) & (difference < 1000)).all()  # of the interpreter, the kernel is one


@needs_tflm
def test_state_goes_on_until_reset(folders, stateful: bytes) -> None:
    rows = np.random.default_rng(0).integers(-128, 128, (4, 2, 4)).astype(np.int8)
    with Interpreter(stateful) as interpreter:
        expected = interpreter.run(rows)
    codegen_tflm.generate(stateful, folders[1])
    link = Link(Emulator(build(folders[1], BOARD), BOARD))
    for _ in range(2):
        outputs = [np.frombuffer(link.run(row.tobytes()).output, np.int8) for row in rows]
        np.testing.assert_array_equal(np.stack(outputs), expected)
        link.reset()


@needs_tflm
def test_the_same_bytes_in_renode(converted, folders, monkeypatch) -> None:
    if shutil.which("renode") is None:
        pytest.skip("needs renode on PATH: https://renode.io")
    made = converted("hmd")
    with Interpreter(made.content) as interpreter:
        x = interpreter.inputs[0].quantize(made.x[:3])
        expected = interpreter.run(x)
    codegen_tflm.generate(made.content, folders[1])
    with Renode(build(folders[1], BOARD), BOARD) as port:
        link = Link(port)
        outputs = [np.frombuffer(link.run(row.tobytes()).output, np.int8) for row in x]
    np.testing.assert_array_equal(np.stack(outputs), expected.reshape(3, -1))


@needs_tflm
def test_side_by_side_is_as_committed(compiler) -> None:
    results = json.loads(side_by_side.FILE.read_text())
    if results["tflm"] != side_by_side.version(Path(os.environ["TFLM_ROOT"])):
        pytest.skip(f"benchmarks/tflm.json is of TFLM of {results['tflm']}")
    if results["compiler"] != budgets.compiler():
        pytest.skip(f"benchmarks/tflm.json is of {results['compiler']}")
    for old, new in zip(
        results["records"], side_by_side.measure(Path(os.environ["TFLM_ROOT"])), strict=True
    ):
        assert new["model"] == old["model"]
        for kind, parts in (
            ("plain", {"hmd_nn", "application", "model", "C library"}),
            ("tflm", PARTS),
        ):
            assert set(new[kind]["parts"]) == set(parts)
            assert abs(new[kind]["flash"] - sum(new[kind]["parts"].values())) < 512  # padding
            assert new[kind]["flash"] == pytest.approx(old[kind]["flash"], rel=0.05)
            for was, op in zip(old[kind]["ops"], new[kind]["ops"], strict=True):
                assert op["instructions"] == pytest.approx(was["instructions"], rel=0.05)
        assert old["model_bytes"] <= new["tflm"]["parts"]["model"] < old["model_bytes"] + 256


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt install git")
def test_a_tree_without_git_is_of_an_unknown_day(tmp_path: Path) -> None:
    run = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "not of TFLM"]):
        subprocess.run([*run, *command], check=True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d, commit [0-9a-f]{12}", side_by_side.version(tmp_path))
    inside = tmp_path / "tflite-micro"
    inside.mkdir()
    assert side_by_side.version(inside) == "an unknown day"


def test_the_page_shows_the_committed_measurements() -> None:
    results = json.loads(side_by_side.FILE.read_text())
    text = side_by_side.PAGE.read_text()
    assert side_by_side.BLOCK.search(text)
    assert side_by_side.page(text, results) == text


@needs_tflm
def test_a_newer_op_is_refused_on_the_board(folders, converted) -> None:
    content = altered(converted("hmd").content, CHANGES["version"])
    with pytest.raises(UserError, match="version.*received 9, expected 1"):
        codegen_tflm.generate(content, folders[1])
    codegen_tflm.generate(converted("hmd").content, folders[1])
    source = folders[1] / "model.c"
    numbers = ", ".join(map(str, content))
    newer = re.sub(r"(content\[\][^{]*{)[^}]*", rf"\g<1>{numbers}", source.read_text())
    source.write_text(newer)
    with pytest.raises(FirmwareError, match="HMD_LSTM: custom options of another version"):
        Link(Emulator(build(folders[1], BOARD), BOARD)).info()


@needs_tflm
def test_compiles_where_tflms_names_live_elsewhere(compiler, converted, tmp_path: Path) -> None:
    """With the headers of TFLM_ROOT in another namespace, as those of October 2026 are."""
    root, tree = Path(os.environ["TFLM_ROOT"]), tmp_path / "tree"
    for path in (*(root / "tensorflow").rglob("*.h"), *(root / "signal").rglob("*.h")):
        if "downloads" in path.parts:
            continue
        moved = tree / path.relative_to(root)
        moved.parent.mkdir(parents=True, exist_ok=True)
        moved.write_text(re.sub(r"\btflite(?=::| {)", "elsewhere", path.read_text()))
    downloads = root / "tensorflow/lite/micro/tools/make/downloads"
    headers = [tree, *(downloads / name for name in ("flatbuffers/include", "gemmlowp", "ruy"))]
    codegen_tflm.generate(converted("hmd").content, tmp_path)
    folders = [FIRMWARE / "tflm", *(FIRMWARE / "lib" / name / "include" for name in LIBRARIES)]
    sources = [tmp_path / "ops.cc", *(FIRMWARE / "tflm").glob("*.cc")]
    sources += (FIRMWARE / "lib" / "hmd_tflm" / "src").glob("*.cc")
    command = ["arm-none-eabi-g++", "-fsyntax-only", "-std=c++17", "-mcpu=cortex-m4", "-mthumb"]
    command += ["-D", "TF_LITE_STATIC_MEMORY", "-D", "HMD_TFLM_NAMESPACE=elsewhere", "-Wall"]
    command += [*(f"-I{path}" for path in folders), *(f"-isystem{path}" for path in headers)]
    done = subprocess.run([*command, *sources], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_tflm
def test_an_arena_too_small_says_what_it_needs(folders) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1600, 90)), HMDLSTM(2, rows=2)])
    x = np.random.default_rng(0).normal(size=(2, 1600, 90)).astype(np.float32)
    codegen_tflm.generate(convert(model, x).content, folders[1])
    with pytest.raises(FirmwareError, match=r"Requested: 144\d+, available 12\d+, missing: \d+"):
        Link(Emulator(build(folders[1], BOARD), BOARD)).info()


def test_tflm_root_must_be_set(compiler, converted, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("TFLM_ROOT", raising=False)
    codegen_tflm.generate(converted("dense").content, tmp_path)
    with pytest.raises(FirmwareError, match="TFLM_ROOT is not set; expected .* see docs/tflm.md"):
        build(tmp_path, BOARD)


LIBRARY = "../../../gen/cortex_m_generic_cortex-m4+fp_release_with_logs_cmsis_nn_gcc/lib"
TREES = {
    "is no tflite-micro tree": {},
    "unsupported version, expected one of June 2023 or later": {"tools/make/Makefile": ""},
    "has neither namespace tflite nor tflite::micro": {
        "tools/make/Makefile": "",
        "micro_common.h": "",
        "micro_interpreter.h": "namespace other {",
        f"{LIBRARY}/libtensorflow-microlite.a": "",
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
    with pytest.raises(FirmwareError, match=f"tree.*{message}"):
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
