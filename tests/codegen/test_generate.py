"""Generated C, compiled for this computer, against the interpreter, bit for bit."""

import ctypes
from itertools import combinations
from pathlib import Path

import models
import native
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm import tflite
from hmd_tflm.codegen import generate
from hmd_tflm.codegen.arena import ALIGNMENT, Buffer, place
from hmd_tflm.codegen.generate import c_source
from hmd_tflm.convert import convert
from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDLSTM
from hmd_tflm.runtime import Interpreter

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

KERNELS = sorted((native.NN / "src").glob("*.c"))


class Info(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        *((n, ctypes.c_uint32) for n in ("input", "output", "arena", "ops", "crc32")),
    ]


class Compiled:
    """A generated model in this process."""

    def __init__(self, content: bytes, folder: Path) -> None:
        self.c = native.load(generate(content, folder, "test model"), *KERNELS)
        for name in ("hmd_model_input", "hmd_model_output", "hmd_model"):
            getattr(self.c, name).restype = ctypes.c_void_p
        self.info = Info.from_address(self.c.hmd_model())
        assert self.c.hmd_model_init() == 0

    def run(self, rows: np.ndarray) -> np.ndarray:
        outputs = []
        for row in rows:
            assert row.nbytes == self.info.input
            ctypes.memmove(self.c.hmd_model_input(), row.tobytes(), row.nbytes)
            done = []
            op_done = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(done.append)
            assert self.c.hmd_model_run(op_done, None) == 0
            assert len(done) == self.info.ops
            data = ctypes.string_at(self.c.hmd_model_output(), self.info.output)
            outputs.append(np.frombuffer(data, np.int8))
        return np.stack(outputs)


def check(content: bytes, x: np.ndarray, folder: Path) -> Compiled:
    with Interpreter(content) as interpreter:
        rows = interpreter.inputs[0].quantize(x)
        expected = interpreter.run(rows)
    compiled = Compiled(content, folder)
    np.testing.assert_array_equal(compiled.run(rows), expected.reshape(len(x), -1))
    assert compiled.c.hmd_model_arena_high_water() <= compiled.info.arena
    return compiled


@pytest.mark.parametrize("name", models.MODELS)
def test_generated_models_equal_the_interpreter(name: str, converted, tmp_path: Path) -> None:
    made = converted(name)
    compiled = check(made.content, made.x, tmp_path)
    assert compiled.info.name == b"test_model"


def _merged(mode: str):
    def make() -> list:
        both = keras.layers.Bidirectional(HMDLSTM(8, return_sequences=True), merge_mode=mode)
        return [both, keras.layers.Reshape((48,)), keras.layers.Dense(3)]

    return make


TAILS = {
    "sum": _merged("sum"),
    "mul": _merged("mul"),
    "relu": lambda: [HMDLSTM(8), keras.layers.Dense(7, activation="relu"), keras.layers.Dense(3)],
    "sigmoid": lambda: [HMDLSTM(8), keras.layers.Dense(1, activation="sigmoid")],
    "tanh": lambda: [HMDLSTM(8), keras.layers.Dense(4, activation="tanh")],
    "sequence": lambda: [
        HMDLSTM(8, return_sequences=True),
        keras.layers.Dense(5, activation="softmax"),
    ],
    "nothing": lambda: [HMDLSTM(8)],
    "stateful": lambda: [HMDLSTM(8, stateful=True), keras.layers.Dense(5)],
}


@pytest.mark.parametrize("tail", TAILS)
def test_ops_behind_the_recurrent_one(tail: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(30, 6, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input(batch_shape=(1, 6, 4)), *TAILS[tail]()])
    check(convert(model, x).content, x, tmp_path)


@pytest.mark.parametrize("merge", ["add", "concatenate"])
def test_operands_that_are_constants(merge: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 6, 4)).astype(np.float32)
    table = keras.ops.convert_to_tensor(rng.normal(size=(1, 6, 4)).astype(np.float32))
    inputs = keras.Input(batch_shape=(1, 6, 4))
    merged = keras.ops.add(inputs, table)
    if merge == "concatenate":
        merged = keras.ops.concatenate([inputs, table], axis=1)
    model = keras.Model(inputs, keras.layers.Dense(3)(HMDLSTM(8)(merged)))
    check(convert(model, x).content, x, tmp_path)


def test_reset_makes_a_stateful_model_begin_again(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 6, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input(batch_shape=(1, 6, 4)), *TAILS["stateful"]()])
    compiled = Compiled(convert(model, x).content, tmp_path)
    rows = np.random.default_rng(1).integers(-128, 128, (5, 6, 4)).astype(np.int8)
    first, second = compiled.run(rows), compiled.run(rows)
    compiled.c.hmd_model_reset()
    assert (first != second).any()
    np.testing.assert_array_equal(compiled.run(rows), first)


def test_an_op_outside_the_set_is_named(tmp_path: Path) -> None:
    layers = [HMDLSTM(8, return_sequences=True), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((6, 4)), *layers])
    content = convert(model, np.zeros((3, 6, 4), np.float32)).content
    with pytest.raises(UserError, match="op 1, MEAN: firmware without an interpreter has only"):
        generate(content, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def of_all_kinds() -> bytes:
    """ADD, RESHAPE, HMD_LSTM, FULLY_CONNECTED, TANH and SOFTMAX in one model."""
    both = keras.layers.Bidirectional(HMDLSTM(8, return_sequences=True), merge_mode="sum")
    layers = [both, keras.layers.Reshape((48,)), keras.layers.Dense(4, activation="tanh")]
    model = keras.Sequential(
        [keras.Input((6, 4)), *layers, keras.layers.Dense(3, activation="softmax")]
    )
    return convert(model, np.random.default_rng(0).normal(size=(9, 6, 4))).content


def _nth(model, name: str):
    return next(op for op in model.subgraphs[0].operators if tflite.op_name(model, op) == name)


def _of(name: str, change):
    """A change of an op's first input, of its output, or of itself, in an altered file."""

    def apply(model) -> None:
        op, tensors = _nth(model, name), model.subgraphs[0].tensors
        change(op, *(tensors[i] for i in (*op.inputs[:2], op.outputs[0])))

    return apply


def _set(at: int, field: str, value):
    """Of the op's tensors, of the last the output."""
    return lambda op, *tensors: setattr(tensors[at], field, np.array(value, np.int32))


def _quantized(at: int, field: str, value):
    return lambda op, *tensors: setattr(tensors[at].quantization, field, np.array([value]))


def _read_before_written(model) -> None:
    """ADD reads a constant; the op that wrote it comes behind."""
    graph, add = model.subgraphs[0], _nth(model, "ADD")
    operand = graph.tensors[add.inputs[1]]
    model.buffers[operand.buffer].data = np.zeros(int(np.prod(operand.shape)), np.uint8)
    writer = next(op for op in graph.operators if op.outputs[0] == add.inputs[1])
    graph.operators.remove(writer)
    graph.operators.append(writer)


ALTERED = {
    "output longer than a table's input": _of("TANH", _set(-1, "shape", [1, 400])),
    "output longer than a softmax's input": _of("SOFTMAX", _set(-1, "shape", [1, 30])),
    "output longer than a reshape's input": _of("RESHAPE", _set(-1, "shape", [1, 480])),
    "output longer than the layer's": _of("FULLY_CONNECTED", _set(-1, "shape", [1, 5])),
    "a reshape of itself": _of("RESHAPE", lambda op, *_: setattr(op, "inputs", op.outputs)),
    "no options": _of("FULLY_CONNECTED", lambda op, *_: setattr(op, "builtinOptions", None)),
    "no quantisation": _of("FULLY_CONNECTED", lambda _, x, w, y: setattr(w, "quantization", None)),
    "weights of a zero point": _of("FULLY_CONNECTED", _quantized(1, "zeroPoint", 3)),
    "a far zero point": _of("FULLY_CONNECTED", _quantized(-1, "zeroPoint", 4096)),
    "an infinite scale": _of("FULLY_CONNECTED", _quantized(-1, "scale", np.inf)),
    "a constant that is written": _read_before_written,
    "an operand that nothing writes": _of("ADD", lambda op, *_: setattr(op, "inputs", op.outputs)),
}


@pytest.mark.parametrize("change", ALTERED)
def test_altered_ops_are_refused(change: str, of_all_kinds: bytes) -> None:
    model = tflite.read(of_all_kinds)
    ALTERED[change](model)
    with pytest.raises(UserError, match=r"convert (it|the model) (again|with)"):
        c_source(tflite.write(model), "altered")


@given(data=st.data())
def test_damaged_files_are_refused_or_generated(data: st.DataObject, of_all_kinds: bytes) -> None:
    content = bytearray(of_all_kinds)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        c_source(bytes(content), "damaged")
    except UserError as error:
        assert "\n" not in str(error)


BUFFERS = st.builds(
    lambda size, first, length: Buffer(size, first, first + length),
    st.integers(1, 100),
    st.integers(-1, 8),
    st.integers(0, 5),
)


@given(st.lists(BUFFERS, max_size=12))
def test_buffers_in_use_do_not_overlap(buffers: list[Buffer]) -> None:
    offsets, size = place(dict(enumerate(buffers)))
    for a, b in combinations(range(len(buffers)), 2):
        if buffers[a].meets(buffers[b]):
            first, then = sorted((a, b), key=lambda i: offsets[i])
            assert offsets[first] + buffers[first].bytes <= offsets[then]
    assert all(offset % ALIGNMENT == 0 for offset in offsets.values())
    assert all(offsets[i] + b.bytes <= size for i, b in enumerate(buffers))
    assert size <= sum(b.bytes + ALIGNMENT for b in buffers)
