"""The report of a whole simulation, and the command around it."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hmd_tflm import cli
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.simulate import simulate

DUMMY = Path(__file__).parents[1] / "firmware" / "dummy_model.c"
INPUTS = np.array([[1, 2, 3, 4], [-9, 0, 0, 0], [0, 0, 0, 99]], np.int8)


def test_report(dummy):
    report = simulate(dummy.path, "disco_f407vg", INPUTS)
    assert report.outputs.dtype == np.int8
    assert report.outputs.tolist() == [[10, 2], [1, 0], [100, 25]]
    assert report.instructions.shape == report.cycles.shape == (3, 3)
    assert (report.instructions > 0).all()
    assert (report.cycles >= report.instructions).all()
    assert (report.flash, report.ram) == (dummy.flash, dummy.ram)
    assert 0 < report.stack_used < report.stack_reserved == 4096
    assert (report.arena_used, report.model.arena) == (8, 72)
    data = json.loads(report.to_json())
    assert data["outputs"] == report.outputs.tolist()
    assert data["model_crc32"] == "0BADCAFE"
    assert "not validated" in data["cycle_model"]
    assert [op["name"] for op in data["ops"]] == ["ADD", "MEAN", "STORE"]
    assert (
        np.sum([op["instructions"] for op in data["ops"]], axis=0).tolist() == data["instructions"]
    )
    assert np.sum([op["cycles"] for op in data["ops"]], axis=0).tolist() == data["cycles"]


@pytest.mark.parametrize(
    "inputs, message",
    [
        (INPUTS.astype(np.float32), r"received float32 inputs of shape \[3, 4\], expected int8"),
        (INPUTS[0], r"int8 inputs of shape \[4\], expected"),
        (INPUTS[:0], r"with n of at least 1"),
        (INPUTS[:, :3], r"received inputs of 3 values \[3\], but dummy takes 4"),
    ],
)
def test_inputs_are_checked(dummy, inputs, message):
    with pytest.raises(UserError, match=message):
        simulate(dummy.path, "disco_f407vg", inputs)


def test_firmware_that_reads_the_counter_itself(compiler, model_dir):
    folder = model_dir("dummy_model")
    source = (folder / "model.c").read_text()
    extra = "static int store(void) {\n  (void)*(volatile int *)0xE0001004;"
    (folder / "model.c").write_text(source.replace("static int store(void) {", extra))
    with pytest.raises(FirmwareError, match="cycle counter 15 times in 3 inferences"):
        simulate(folder, "disco_f407vg", INPUTS)


@pytest.fixture
def command(monkeypatch, tmp_path, capfd):
    """Runs `hmd-tflm simulate` with a code generator that lays the dummy model down."""

    def generate(content, folder, name):
        assert (content, name) == (b"a model", "m")
        shutil.copy(DUMMY, folder / "model.c")

    monkeypatch.setitem(sys.modules, "hmd_tflm.codegen", SimpleNamespace(generate=generate))
    np.save(tmp_path / "x.npy", INPUTS)
    (tmp_path / "m.tflite").write_bytes(b"a model")

    def run(*options, inputs=tmp_path / "x.npy"):
        code = cli.main(["simulate", str(tmp_path / "m.tflite"), "--input", str(inputs), *options])
        return code, *capfd.readouterr()

    return run


def test_command(command, compiler):
    code, out, err = command("--board", "disco_f407vg")
    assert (code, err) == (0, "")
    assert "dummy on disco_f407vg (emulated), mean of 3 inferences" in out
    assert "not validated" in out
    code, out, err = command("--board", "disco_f407vg", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["outputs"] == [[10, 2], [1, 0], [100, 25]]


def test_command_with_unknown_board(command):
    code, out, err = command("--board", "nucleo")
    assert (code, out) == (2, "")
    assert err.startswith("hmd-tflm simulate: board 'nucleo' is not known, expected one of")


def test_command_without_a_compiler(command, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, _, err = command("--board", "disco_f407vg")
    assert code == 2
    assert "arm-none-eabi-gcc is not in PATH; install it: apt install" in err


def test_command_with_failing_firmware(command, compiler, tmp_path):
    np.save(tmp_path / "bad.npy", np.array([[127, 0, 0, 0]], np.int8))
    code, out, err = command("--board", "disco_f407vg", inputs=tmp_path / "bad.npy")
    assert (code, out) == (1, "")
    assert "err model status=42 op=0" in err
