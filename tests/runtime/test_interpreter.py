"""The delegate in both runtimes against the NumPy reference; altered files are refused."""

import models
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hmd_tflm import tflite
from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import CELLS
from hmd_tflm.op.read import read_layers
from hmd_tflm.op.reference import run
from hmd_tflm.runtime import RUNTIMES, Interpreter


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", models.MODELS)
def test_each_op_gives_the_bytes_of_the_reference(runtime: str, name: str, converted) -> None:
    made = converted(name)
    layers = read_layers(tflite.read(made.content))
    wanted = [layer.tensors[t] for layer in layers for t in ("x", "y")]
    with Interpreter(made.content, runtime, keep=True) as interpreter:
        x = interpreter.inputs[0].quantize(made.x)
        rows = interpreter.run_integers(x, tensors=wanted)
    for number, layer in enumerate(layers):
        op_x, op_y = (np.stack([row[1 + 2 * number + i] for row in rows]) for i in (0, 1))
        np.testing.assert_array_equal(op_y, run(layer.integers, op_x))
        assert op_y.std() > 3


@pytest.mark.parametrize("name", models.MODELS)
def test_runtimes_differ_by_litert_rounding_at_most(name: str, converted) -> None:
    """LiteRT's FULLY_CONNECTED may round otherwise by 1; softmax makes of it 1/256 or two."""
    made, outputs = converted(name), []
    for runtime in RUNTIMES:
        with Interpreter(made.content, runtime) as interpreter:
            x = interpreter.inputs[0].quantize(made.x)
            outputs.append(interpreter.run(x).astype(int))
    assert np.abs(outputs[0] - outputs[1]).max() <= 2


def test_real_rows_are_quantised_and_integer_rows_are_not(converted) -> None:
    made = converted("hmd")
    with Interpreter(made.content) as interpreter:
        source, target = interpreter.inputs[0], interpreter.outputs[0]
        real, integers = interpreter.run(made.x), interpreter.run(source.quantize(made.x))
    assert (real.dtype, integers.dtype) == (np.float32, np.int8)
    np.testing.assert_array_equal(real, target.dequantize(integers))


def test_stateless_rows_do_not_depend_on_each_other(converted) -> None:
    made = converted("hmd")
    with Interpreter(made.content) as interpreter:
        forwards, backwards = interpreter.run(made.x), interpreter.run(made.x[::-1])
    np.testing.assert_array_equal(forwards, backwards[::-1])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((2, 12, 8), np.float32),
            r"received \[2, 12, 8\] of float32, expected \[n, 12, 9\]",
        ),
        (np.zeros((12, 9), np.float32), r"received \[12, 9\]"),
        (np.zeros((2, 12, 9), np.int16), "of int16, expected .* of float or int8"),
        (np.full((2, 12, 9), np.nan), "NaN or infinite"),
    ],
)
def test_inputs_are_checked(x: np.ndarray, message: str, converted) -> None:
    with (
        Interpreter(converted("hmd").content) as interpreter,
        pytest.raises(UserError, match=message),
    ):
        interpreter.run(x)


def test_an_unknown_runtime_lists_the_known() -> None:
    with pytest.raises(UserError, match="received 'tflm', expected one of tflite-runtime, litert"):
        Interpreter(b"", "tflm")


Y = None  # in the place of an input's number


def altered(content: bytes, change) -> bytes:
    """A model after a change of its HMD op; ``change(model, graph, op)``."""
    model = tflite.read(content)
    graph = model.subgraphs[0]
    op = next(o for o in graph.operators if tflite.op_name(model, o) in CELLS)
    change(model, graph, op)
    return tflite.write(model)


def _option(at: int, value: int):
    def change(model, graph, op) -> None:
        options = np.array(op.customOptions)
        options[at] = value
        op.customOptions = options

    return change


def _shorter_options(model, graph, op) -> None:
    op.customOptions = np.array(op.customOptions)[:-1]


def _tensor(number: int | None, field: str, value: object):
    def change(model, graph, op) -> None:
        index = op.outputs[0] if number is Y else op.inputs[number]
        setattr(graph.tensors[index], field, value)

    return change


def _one_tensor_less(model, graph, op) -> None:
    op.inputs = op.inputs[:-1]


def _huge_weights(model, graph, op) -> None:
    buffer = model.buffers[graph.tensors[op.inputs[1]].buffer]
    buffer.data = np.full_like(buffer.data, 127)
    options = np.array(op.customOptions)
    options[21:23] = 7
    op.customOptions = options


def _scale(number: int | None, scale: float):
    def change(model, graph, op) -> None:
        index = op.outputs[0] if number is Y else op.inputs[number]
        graph.tensors[index].quantization.scale = np.array([scale], np.float32)

    return change


def _zero_point(number: int, zero_point: int):
    def change(model, graph, op) -> None:
        quantization = graph.tensors[op.inputs[number]].quantization
        quantization.zeroPoint = np.array([zero_point], np.int64)

    return change


def _steps(steps: int):
    return _tensor(0, "shape", np.array([1, steps, 9], np.int32))


CHANGES = {
    "magic": _option(0, 0),
    "version": _option(4, 9),
    "fewer inputs": _option(8, 8),
    "more units": _option(10, 22),
    "other rows": _option(12, 3),
    "other blocks": _option(14, 3),
    "other rank": _option(16, 2),
    "sequences": _option(18, 2),
    "unknown flag": _option(18, 0x40),
    "zero point": _option(24, 99),
    "shorter options": _shorter_options,
    "a tensor less": _one_tensor_less,
    "sums too large": _huge_weights,
    "weights not as many": _tensor(1, "shape", np.array([3], np.int32)),
    "x of int16": _tensor(0, "type", tflite.schema.TensorType.INT16),
    "state not variable": _tensor(3, "isVariable", False),
    "y of another shape": _tensor(Y, "shape", np.array([1, 20], np.int32)),
    "x of another scale": _scale(0, 0.5),
    "y of another scale": _scale(Y, 0.5),
    "state of another scale": _scale(-1, 0.5),
    "state of a zero point": _zero_point(3, 5),
    "no steps": _steps(0),
    "steps below zero": _steps(-1),
}


every_op = pytest.mark.parametrize("name", ["hmd", "gru_hmd"])


@every_op
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("change", CHANGES)
def test_options_that_do_not_fit_are_refused(
    change: str, runtime: str, name: str, converted
) -> None:
    content = altered(converted(name).content, CHANGES[change])
    with pytest.raises(UserError):
        Interpreter(content, runtime)


@every_op
@pytest.mark.parametrize("change", CHANGES)
def test_readers_refuse_what_the_delegate_refuses(change: str, name: str, converted) -> None:
    content = altered(converted(name).content, CHANGES[change])
    with pytest.raises(UserError):
        read_layers(tflite.read(content))


@every_op
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_damaged_files_are_refused_or_read(name: str, data: st.DataObject, converted) -> None:
    content = bytearray(converted(name).content)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_layers(tflite.read(bytes(content)))
        with Interpreter(bytes(content)) as interpreter:  # what it crashes on is an error too
            interpreter.run(converted(name).x[:1])
    except UserError as error:
        assert "\n" not in str(error)
