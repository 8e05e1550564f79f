"""TFLM's interpreter against the delegate: equal bytes, the same files refused, nothing hidden."""

from __future__ import annotations

import re
import subprocess

import models
import numpy as np
import pytest
from runtime.test_interpreter import CHANGES, altered

from hmd_tflm.runtime import Interpreter

# The innermost frame of AddressSanitizer's, or the place of UndefinedBehaviorSanitizer's finding.
OURS = re.compile(r"#0 \S+ in hmd_|/lib/hmd_\w+/\S+: runtime error:")


def delegate(content: bytes, *requests: np.ndarray | None) -> bytes:
    """What the delegate computes; None resets the state."""
    outputs = []
    with Interpreter(content) as interpreter:
        for rows in requests:
            if rows is None:
                interpreter.reset()
            else:
                outputs.append(interpreter.run(rows).tobytes())
    return b"".join(outputs)


def integers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("name", models.MODELS)
def test_a_model_gives_the_bytes_of_the_delegate(name: str, converted, runner) -> None:
    made = converted(name)
    with Interpreter(made.content) as interpreter:
        x = interpreter.inputs[0].quantize(made.x)
    rows = np.concatenate([x, integers(x.shape)])
    ran = runner(made.content, rows)
    assert ran.status == 0, ran.messages
    assert ran.outputs == delegate(made.content, rows)


def test_state_goes_on_until_reset(stateful: bytes, runner) -> None:
    rows = integers((6, 2, 4))
    requests = (rows, rows, None, rows)
    ran = runner(stateful, *requests)
    assert ran.status == 0, ran.messages
    assert ran.outputs == delegate(stateful, *requests)
    first, second, after_reset = np.frombuffer(ran.outputs, np.int8).reshape(3, 6, 5)
    assert (first != second).any()
    np.testing.assert_array_equal(after_reset, first)


@pytest.mark.parametrize(("name", "op"), [("hmd", "HMD_LSTM"), ("gru_hmd", "HMD_GRU")])
@pytest.mark.parametrize("change", CHANGES)
def test_what_the_delegate_refuses_is_refused(
    change: str, name: str, op: str, converted, runner
) -> None:
    ran = runner(altered(converted(name).content, CHANGES[change]))
    assert ran.status == 2
    assert ran.messages.startswith(op)
    assert f"Node {op} (number 0" in ran.messages.splitlines()[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("magic", "HMD_LSTM: "),
        ("a tensor less", "received 4 inputs, 1 outputs, expected 5, 1"),
        ("x of int16", "x: received type 7, expected 9; convert the model again"),
        ("fewer inputs", "x: received 9 in dimension 2, expected 8"),
        ("sequences", "y: received 2 dimensions, expected 3"),
        ("y of another scale", "y: received scale 500000000e-9, zero point 0, expected 7812500e-9"),
        ("state not variable", "h: must be a variable tensor"),
        ("state of a zero point", "h: received scale 7812500e-9, zero point 5, expected"),
        ("no steps", "x: received 1 sequences of 0 steps, expected 1 or more"),
    ],
)
def test_messages_say_what_differs(change: str, message: str, converted, runner) -> None:
    assert message in runner(altered(converted("hmd").content, CHANGES[change])).messages


def test_a_model_that_is_not_aligned_is_refused(converted, runner) -> None:
    ran = runner(converted("hmd").content, offset=2)
    assert ran.status == 2
    assert "weights: lies 2 bytes behind a multiple of 4; align the model to 16" in ran.messages


def test_an_arena_too_small_gives_an_error_and_never_a_wrong_output(converted, runner) -> None:
    content = converted("bidirectional_stacked").content
    rows = integers((3, 12, 9))
    wanted, used = runner(content, rows), runner(content).arena_used
    for size in range(0, 2 * used + 4096, 256):
        ran = runner(content, rows, arena=size)
        if ran.status == 0:
            assert ran.outputs == wanted.outputs
        else:  # TFLM reports it; then it may crash, but not in our code
            assert ran.messages
            assert not OURS.search(ran.messages), ran.messages
    assert ran.status == 0


def test_the_op_calls_nothing_but_the_kernels_and_the_micro_context(runner) -> None:
    command = ["nm", "-uC", *runner.op_objects]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    called = {line.split(" U ")[1] for line in listing.splitlines() if " U " in line}
    ours = ("hmd_", "tflite_micro::MicroContext::", "MicroPrintf", "__asan", "__ubsan")
    assert {name for name in called if not name.startswith((*ours, "_GLOBAL_OFFSET"))} == set()
