"""`hmd-tflm device` and what is behind it, on emulated boards whose line and cable misbehave."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from device.conftest import MODELS, ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hmd_tflm import cli
from hmd_tflm.device import link as device_link
from hmd_tflm.device.compare import compare
from hmd_tflm.device.session import Device
from hmd_tflm.device.workload import from_array
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.protocol import decode, encode

STREAMING = (MODELS / "streaming.tflite").read_bytes()
DIGITS = ROOT / "benchmarks/models/digits_hmd_2x.tflite"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """An emulated board answers in milliseconds."""
    monkeypatch.setattr(device_link, "FIRST_PATIENCE", (0.25,) * 10)
    monkeypatch.setattr(device_link, "PATIENCE", (0.25,) * 10)
    monkeypatch.setattr(device_link, "QUIET", 0.05)


@pytest.fixture
def npy(tmp_path, streaming):
    np.save(tmp_path / "x.npy", streaming[0])
    return tmp_path / "x.npy"


def main(*arguments) -> int:
    return cli.main(["device", *map(str, arguments)])


def outputs(device: Device, rows) -> np.ndarray:
    """Of a stateful sequence; a row that is run again counts by its last run."""
    found = dict(device.run(rows, stateful=True))
    return np.array([np.frombuffer(found[row].output, np.int8) for row in range(len(rows))])


def at(step: int, act: Callable[[], None]) -> Callable[[bytes], None]:
    """For `before`: what happens once, as a step is asked for."""
    acts = [act]

    def before(request: bytes) -> None:
        if request.startswith(b"run %d " % step) and acts:
            acts.pop()()

    return before


def executed(board) -> int:
    """Inferences of a model of two ops that the board really ran."""
    return len(board._emulator.readings) // 3


def test_report(board, firmware, streaming, npy, tmp_path, capsys):
    port, elf = board("streaming").path, firmware("streaming").path
    model, out = MODELS / "streaming.tflite", tmp_path / "y.npy"
    assert main(model, "--port", port, "--input", npy, "--output", out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["outputs"] == streaming[1].tolist() == np.load(out).tolist()
    assert (report["rows"], report["done"], report["different"]) == (12, 12, [])
    assert (report["events"], report["failure"], report["modelled"]) == ([], "", "")
    assert [op["name"] for op in report["ops"]] == ["HMD_LSTM", "FULLY_CONNECTED"]
    for op in report["ops"]:
        assert len(op["cycles"]) == 12 and len(op["modelled"]) == 10
        # this board counts instructions, and a modelled Cortex-M4 needs at least as many cycles
        assert op["ratio"] == sum(op["cycles"][:10]) / sum(op["modelled"]) < 1
    assert report["accuracy"] is None
    assert main(model, "--port", port, "--input", npy, "--firmware", elf) == 0
    text = capsys.readouterr().out
    assert "streaming on disco_f407vg at 168 MHz, 12 of 12 inferences" in text
    assert "outputs: all 12 equal this computer's, bit for bit" in text
    assert re.search(r"measured +modelled +with flash +ratio\nHMD_LSTM( +\d+){3} +0\.\d{3}\n", text)


def test_accuracy_on_a_data_set(board, firmware, tmp_path, capsys):
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hmd-tflm[train]'")
    from hmd_tflm import datasets
    from hmd_tflm.runtime import Interpreter

    port, elf = board("digits_hmd_2x").path, firmware("digits_hmd_2x").path
    command = [DIGITS, "--port", port, "--dataset", "digits", "--firmware", elf]
    assert main(*command, "--rows", "9", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    data = datasets.load("digits")
    chosen = np.linspace(0, len(data.x_test) - 1, 9).round().astype(int)
    with Interpreter(DIGITS) as interpreter:
        classes = interpreter.run(data.x_test[chosen]).argmax(-1)
    assert report["accuracy"] == np.mean(classes == data.y_test[chosen])
    assert main(*command, "--rows", "0") == 2
    assert "received 0 sequences, expected at least 1" in capsys.readouterr().err


def test_an_output_that_differs_ends_with_1(board, firmware, npy, capsys):
    def lie(line: bytes) -> bytes:
        text = decode(line)
        return encode(re.sub("(?<=step=4 output=)..", "7F", text))

    port, elf = board("streaming", to_host=lie).path, firmware("streaming").path
    command = [MODELS / "streaming.tflite", "--port", port, "--firmware", elf]
    assert main(*command, "--input", npy) == 1
    text = capsys.readouterr().out
    assert "outputs: 1 of 12 differ\n  inference 4: [127, " in text


def test_another_model_says_what_to_flash(board, npy, capsys):
    port = board("hmd").path
    assert main(MODELS / "streaming.tflite", "--port", port, "--input", npy) == 2
    error = capsys.readouterr().err
    assert "the board runs hmd (crc32 " in error and "expected this model (" in error
    flash = f"hmd-tflm codegen {MODELS}/streaming.tflite --output firmware/generated && pio run"
    assert flash in error
    assert "-e disco_f407vg -t upload" in error


def test_the_firmware_says_what_is_wrong(board):
    with Device(str(board("dummy_model").path)) as device:
        rows = np.array([[1, 2, 3, 4], [127, 0, 0, 0]], np.int8)
        with pytest.raises(FirmwareError, match=r"status=42 op=0; it said: ADD: 127 is refused"):
            list(device.run(rows, stateful=True))


FAULTS = st.tuples(
    st.sampled_from(["insert", "drop", "flip", "lose"]),
    st.integers(0, 60),  # where in a line
    st.binary(min_size=1, max_size=20),
)


def spoil(line: bytes, fault) -> bytes:
    kind, place, noise = fault
    place %= len(line)
    if kind == "insert":
        return line[:place] + noise + line[place:]
    if kind == "drop":
        return line[:place] + line[place + 1 :]
    if kind == "flip":
        return line[:place] + bytes([line[place] ^ noise[0] or line[place] ^ 1]) + line[place + 1 :]
    return b""


@pytest.fixture(scope="module")
def noisy(firmware, tmp_path_factory):
    from device.board_on_pty import BoardOnPty
    from device.conftest import BOARD

    one = BoardOnPty(firmware("streaming"), BOARD, tmp_path_factory.mktemp("noisy") / "tty")
    one.start()
    yield one
    one.close()


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    to_board=st.dictionaries(st.integers(1, 12), FAULTS, max_size=4),
    to_host=st.dictionaries(st.integers(1, 12), FAULTS, max_size=4),
)
def test_noise_changes_nothing(noisy, streaming, to_board, to_host):
    """Whatever is inserted, dropped, altered or lost on the line: each output is right."""

    def spoiling(faults):
        lines = iter(range(1 << 30))
        return lambda line: spoil(line, faults[n]) if (n := next(lines)) in faults else line

    rows, expected = streaming
    noisy.to_board, noisy.to_host = spoiling(to_board), spoiling(to_host)
    with Device(str(noisy.path)) as device:
        np.testing.assert_array_equal(outputs(device, rows[:5]), expected[:5])
        # the state is begun anew only where a reply can no longer be repeated
        assert all("cannot repeat it" in event for event in device.events)


def test_a_lost_reply_is_repeated_not_run_again(board, streaming):
    lost = []

    def lose(line: bytes) -> bytes:
        if b"step=3 output" in line and len(lost) < 3:
            lost.append(line)
            return b""
        return line

    rows, expected = streaming
    one = board("streaming", to_host=lose)
    with Device(str(one.path)) as device:
        np.testing.assert_array_equal(outputs(device, rows), expected)
        assert device.events == [] and device.link.repeated >= 3
    assert executed(one) == len(rows)


def test_a_reply_that_cannot_be_repeated(board, streaming):
    """Its repetition arrives as another step's request, which writes over the output."""
    sent = []

    def alter(line: bytes) -> bytes:
        if line.startswith(b"run 3 "):
            sent.append(line)
            if len(sent) == 2:
                return line.replace(b"run 3 ", b"run 4 ")
        return line

    rows, expected = streaming
    one = board("streaming", to_board=alter)
    one.to_host = lambda line: b"" if b"step=3 output" in line and len(sent) == 1 else line
    with Device(str(one.path)) as device:
        np.testing.assert_array_equal(outputs(device, rows), expected)
        (event,) = device.events
    assert event == (
        "the reply to inference 3 was lost, and the board cannot repeat it: the state after 3 "
        "inferences is lost, they are run again"
    )
    assert executed(one) == 4 + len(rows)


@pytest.mark.parametrize("stateful, again", [(True, 12), (False, 5)])
def test_a_reset_of_the_board(board, streaming, stateful, again):
    one = board("streaming")
    one.before = at(7, one.reset)
    rows, expected = streaming
    with Device(str(one.path)) as device:
        runs = list(device.run(rows, stateful))
        (event,) = device.events
    assert executed(one) == again
    if stateful:
        assert [row for row, _ in runs] == [*range(7), *range(12)]
        assert event == (
            "the board was reset: the state after 7 inferences is lost, they are run again"
        )
        np.testing.assert_array_equal(
            [np.frombuffer(run.output, np.int8) for _, run in runs[7:]], expected
        )
    else:
        assert [row for row, _ in runs] == [*range(12)]
        assert event == "the board was reset: going on with inference 7"


def test_a_board_that_is_reset_again_and_again(board, firmware, npy, streaming, tmp_path, capsys):
    one = board("streaming")
    one.before = lambda request: one.reset() if request.startswith(b"run 4 ") else None
    out = tmp_path / "y.npy"
    model = MODELS / "streaming.tflite"
    command = [model, "--port", one.path, "--firmware", firmware("streaming").path]
    assert main(*command, "--input", npy, "--output", out, "--json") == 1
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["done"] == 4 and report["different"] == []
    assert np.load(out).tolist() == streaming[1][: report["done"]].tolist()
    assert "check cable and power" in report["failure"]
    assert f"{report['done']} of 12 inferences were done and are reported, outputs in" in (
        captured.err
    )


@pytest.mark.parametrize("reset", [False, True])
def test_a_cable_that_is_pulled_out(board, streaming, reset):
    one = board("streaming")

    def pull() -> None:
        one.pull(replug_after=0.5)
        if reset:
            one.reset()

    one.before = at(4, pull)
    rows, expected = streaming
    told = []
    with Device(str(one.path), told.append) as device:
        np.testing.assert_array_equal(outputs(device, rows), expected)
        assert told == device.events
    assert re.search(r"tty: the connection was lost \(.*; waiting 30 s for it", told[0])
    assert re.fullmatch(r".*tty: is back after \d\.\d s", told[1])
    assert told[2:] == (
        ["the board was reset: the state after 4 inferences is lost, they are run again"]
        if reset
        else []
    )


def test_a_cable_that_stays_out(board, firmware, streaming):
    one = board("streaming")
    one.before = at(4, lambda: one.pull(replug_after=60))
    work = from_array(STREAMING, streaming[0])
    with Device(str(one.path), wait=0.5) as device:
        result = compare(MODELS / "streaming.tflite", device, work, firmware("streaming").path)
    assert len(result.outputs) == 4 and result.different == []
    assert "waited 0.5 s in vain: " in result.failure and "no such port" in result.failure
    one._ended.set()


def test_another_board_comes_back(board, firmware, streaming):
    one = board("streaming")

    def swap() -> None:
        one.pull(replug_after=0.2)
        one.reset(firmware("hmd"))

    one.before = at(4, swap)
    with (
        Device(str(one.path)) as device,
        pytest.raises(
            FirmwareError, match=r"came back as disco_f407vg with hmd .*, expected disco"
        ),
    ):
        list(device.run(streaming[0], stateful=True))


def test_no_rows():
    with pytest.raises(UserError, match="received no rows"):
        from_array(STREAMING, np.zeros((0, 1, 9), np.int8))
