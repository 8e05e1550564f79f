"""The report of a whole simulation, and the command around it."""

import json

import numpy as np
import pytest

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.simulate import simulate

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
    assert "zero wait states" in data["cycle_model"]
    assert "measured on an STM32F407" in data["cycle_error"]
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
