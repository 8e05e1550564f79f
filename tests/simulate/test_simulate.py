"""The report of a whole simulation, and the command around it."""

import json
import re

import numpy as np
import pytest

from hmd_tflm.cli import main
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
    assert data["flash_wait_states"] == report.wait_states == 5
    assert "at 5 wait states" in data["flash_error"]
    assert data["cycles_with_flash"] == (report.cycles + report.waits).sum(axis=1).tolist()
    assert [op["cycles_with_flash"] for op in data["ops"]] == report.cycles_with_flash.T.tolist()


def test_waiting_for_the_flash_is_switchable(dummy):
    """It adds to the cycles and changes nothing else; more at more wait states."""
    board_s, none, more = (
        simulate(dummy.path, "disco_f407vg", INPUTS, wait_states=n) for n in (None, 0, 7)
    )
    assert none.cycles_with_flash is None and not none.waits.any()
    assert json.loads(none.to_json())["cycles_with_flash"] is None
    assert json.loads(none.to_json())["flash_error"] is None
    assert 0 < board_s.waits.sum() < more.waits.sum()
    for report in board_s, more:
        for field in ("outputs", "instructions", "cycles"):
            np.testing.assert_array_equal(getattr(report, field), getattr(none, field))


@pytest.mark.parametrize(
    "name, wait_states, simulator, message",
    [
        ("disco_f407vg", -1, "emulator", "received -1 wait states, expected 0 to 15"),
        ("disco_f407vg", 16, "emulator", "received 16 wait states, expected 0 to 15"),
        ("disco_f746ng", 7, "emulator", "the flash of disco_f746ng is not modelled"),
        ("disco_f407vg", 5, "renode", "Renode's trace does not say what data is read"),
    ],
)
def test_wait_states_that_are_not_modelled(dummy, name, wait_states, simulator, message):
    with pytest.raises(UserError, match=message):
        simulate(dummy.path, name, INPUTS, simulator, wait_states)


def test_command_shows_both_figures(dummy, tmp_path, capsys):
    np.save(tmp_path / "x.npy", INPUTS)
    command = ["simulate", str(dummy.path), "--board", "disco_f407vg"]
    command += ["--input", str(tmp_path / "x.npy")]
    report = simulate(dummy.path, "disco_f407vg", INPUTS)
    means = [
        counts.sum(1).mean()
        for counts in (report.instructions, report.cycles, report.cycles_with_flash)
    ]
    assert main(command) == 0
    text = capsys.readouterr().out
    total = re.search(r"^total +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)
    assert [int(n) for n in total.groups()] == [round(mean) for mean in means]
    assert "with flash: 5 wait states" in text
    assert text.count("their error: median") == 2
    assert main([*command, "--wait-states", "0"]) == 0
    assert "with flash" not in capsys.readouterr().out


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
