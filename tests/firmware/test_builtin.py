"""The built-in ops in C, byte for byte against TensorFlow Lite's reference kernels."""

from __future__ import annotations

import ctypes
from typing import Any

import native
import numpy as np
import one_op
import pytest
from ai_edge_litert import schema_py_generated as schema
from builtin_cases import (
    PROBABILITY,
    FullyConnectedCase,
    Int8s,
    Op,
    SoftmaxCase,
    activations,
    fully_connected_cases,
    int8s,
    integers,
    quantizations,
    softmax_cases,
    tensor,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmd_tflm.codegen import quantization as q
from hmd_tflm.errors import UserError

OPS = ["fully_connected", "softmax", "lookup", "concatenation", "add", "mul"]
kernels = native.load(*(native.NN / "src" / f"{op}.c" for op in OPS))
EVERY_INT8 = np.arange(-128, 128, dtype=np.int8)

examples = settings(max_examples=40 if native.SANITIZED else 200)
sizes = st.integers(1, 40)


def call(name: str, *arguments: int | NDArray[Any], shape: tuple[int, ...]) -> Int8s:
    """A kernel's output, its last argument."""
    result = np.empty(shape, np.int8)
    converted = [
        ctypes.c_uint32(a) if isinstance(a, int) else native.pointer(a)
        for a in (*arguments, result)
    ]
    getattr(kernels, f"hmd_{name}_s8")(*converted)
    return result


class FullyConnected(ctypes.Structure):
    """`hmd_fully_connected`."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("weights", "bias", "multipliers")),
        *((name, ctypes.c_uint32) for name in ("inputs", "outputs", "per_channel")),
        ("output", ctypes.c_int32 * 3),
    ]


def check_fully_connected(case: FullyConnectedCase) -> None:
    (outputs, inputs), batches = case.weights.shape, len(case.values)
    layer, multipliers = case.layer, case.multipliers
    struct = FullyConnected(
        *map(native.pointer, (case.weights, layer.bias, multipliers)),
        *(inputs, outputs, len(multipliers) > 1),
        tuple(integers(layer.output)),
    )
    result = np.empty((batches, outputs), np.int8)
    kernels.hmd_fully_connected_s8(
        ctypes.byref(struct), batches, native.pointer(case.values), native.pointer(result)
    )
    np.testing.assert_array_equal(result, case.expected())


@examples
@given(fully_connected_cases())
def test_fully_connected(case: FullyConnectedCase) -> None:
    check_fully_connected(case)


@examples
@given(softmax_cases())
def test_softmax(case: SoftmaxCase) -> None:
    rows, depth = case.values.shape
    result = call("softmax", case.params, rows, depth, case.values, shape=case.values.shape)
    np.testing.assert_array_equal(result, case.expected())


def check_table(op: int, table: Int8s, source: q.Quantization, target: q.Quantization) -> None:
    shape = EVERY_INT8.shape
    model = one_op.build(op, None, [tensor(shape, source)], tensor(shape, target))
    result = call("lookup", table, table.size, EVERY_INT8, shape=shape)
    np.testing.assert_array_equal(result, one_op.run(model, EVERY_INT8))


@examples
@given(quantizations, quantizations)
def test_quantize(source: q.Quantization, target: q.Quantization) -> None:
    check_table(Op.QUANTIZE, q.requantize_table(source, target), source, target)


@examples
@given(quantizations, quantizations, st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1"]))
def test_relu(source: q.Quantization, target: q.Quantization, name: str) -> None:
    activation = getattr(schema.ActivationFunctionType, name)
    check_table(getattr(Op, name), q.relu_table(source, target, activation), source, target)


@examples
@given(quantizations)
def test_logistic(source: q.Quantization) -> None:
    target = q.Quantization(np.float32(1 / 256), -128)
    check_table(Op.LOGISTIC, q.logistic_table(source, target), source, target)


@examples
@given(quantizations)
def test_tanh(source: q.Quantization) -> None:
    target = q.Quantization(np.float32(1 / 128), 0)
    check_table(Op.TANH, q.tanh_table(source, target), source, target)


@examples
@given(st.data(), quantizations, st.integers(1, 4), st.integers(1, 3))
def test_concatenation(data: st.DataObject, of: q.Quantization, rank: int, count: int) -> None:
    axis = data.draw(st.integers(0, rank - 1))
    dimensions = st.lists(st.integers(1, 6), min_size=rank, max_size=rank)
    shape = data.draw(dimensions)
    shapes = [(*shape[:axis], data.draw(sizes), *shape[axis + 1 :]) for _ in range(count)]
    inputs = [data.draw(int8s(*s)) for s in shapes]
    joined = (*shape[:axis], sum(s[axis] for s in shapes), *shape[axis + 1 :])
    model = one_op.build(
        Op.CONCATENATION,
        schema.ConcatenationOptionsT(axis=data.draw(st.sampled_from([axis, axis - rank]))),
        [tensor(s, of) for s in shapes],
        tensor(joined, of),
    )
    q.check_concatenation([of] * count, of)
    rows = int(np.prod(shape[:axis]))
    widths = np.array([v.size // rows for v in inputs], np.uint32)
    pointers = np.array([v.ctypes.data for v in inputs], np.uintp)
    result = call("concatenation", rows, count, pointers, widths, shape=joined)
    np.testing.assert_array_equal(result, one_op.run(model, *inputs))


def test_concatenation_of_different_scales_is_refused_by_both() -> None:
    source, target = (q.Quantization(np.float32(s), 0) for s in (0.5, 0.25))
    model = one_op.build(
        Op.CONCATENATION,
        schema.ConcatenationOptionsT(axis=0),
        [tensor((2,), source)],
        tensor((2,), target),
    )
    with pytest.raises(UserError, match="RuntimeError"):
        one_op.run(model, np.zeros(2, np.int8))
    with pytest.raises(UserError, match="CONCATENATION: received an input of"):
        q.check_concatenation([source], target)


def check_pair(
    name: str,
    a: q.Quantization,
    b: q.Quantization,
    target: q.Quantization,
    activation: int,
    x: Int8s,
    y: Int8s,
) -> None:
    options = {"add": schema.AddOptionsT, "mul": schema.MulOptionsT}[name]()
    options.fusedActivationFunction = activation
    model = one_op.build(
        getattr(Op, name.upper()),
        options,
        [tensor(x.shape, a), tensor(y.shape, b)],
        tensor(x.shape, target),
    )
    params = integers(getattr(q, name)(a, b, target, activation))
    result = call(name, params, x.size, x, y, shape=x.shape)
    np.testing.assert_array_equal(result, one_op.run(model, x, y))


@examples
@given(st.data(), quantizations, quantizations, quantizations, activations, sizes)
@pytest.mark.parametrize("name", ["add", "mul"])
def test_add_and_mul(
    name: str,
    data: st.DataObject,
    a: q.Quantization,
    b: q.Quantization,
    target: q.Quantization,
    activation: int,
    length: int,
) -> None:
    x, y = data.draw(int8s(length)), data.draw(int8s(length))
    check_pair(name, a, b, target, activation, x, y)


def test_factors_have_the_precision_of_the_reference() -> None:
    """Values so near to a half that a factor of the other float type rounds them elsewhere."""

    def of(scale: float, zero_point: int = 0) -> q.Quantization:
        return q.Quantization(np.float32(scale), zero_point)

    none, zero = schema.ActivationFunctionType.NONE, np.zeros((1, 1), np.int8)
    for channels in (1, 2):
        weights, weight_scales = np.zeros((2, 1), np.int8), np.full(channels, 0.101, np.float32)
        bias = np.full(2, 649613753, np.int32)
        target = of(69406.671875)
        case = FullyConnectedCase(of(0.064), weights, weight_scales, bias, target, none, zero)
        check_fully_connected(case)
    source, target = of(0.386, 40), of(0.18)
    check_table(Op.QUANTIZE, q.requantize_table(source, target), source, target)
    relu = schema.ActivationFunctionType.RELU
    check_table(Op.RELU, q.relu_table(source, target, relu), source, target)
    x, y = np.array([-97], np.int8), np.array([-88], np.int8)
    check_pair("mul", of(0.304), of(0.246), of(22.4), none, x, y)


TINY = q.Quantization(np.float32(1e-12), 0)
UNIT = q.Quantization(np.float32(1), 0)
ONES = np.ones((1, 2), np.int8)


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("scales: received", lambda: q.requantize_table(UNIT, TINY)),
        ("scales: received", lambda: q.mul(UNIT, UNIT, TINY)),
        ("ADD: received", lambda: q.add(UNIT, UNIT, TINY)),
        ("SOFTMAX: received 512", lambda: q.softmax(UNIT, 1.0, 512, PROBABILITY)),
        ("SOFTMAX: received input scale", lambda: q.softmax(TINY, 1.0, 2, PROBABILITY)),
        ("SOFTMAX: received output scale", lambda: q.softmax(UNIT, 1.0, 2, UNIT)),
        ("fused activation: received", lambda: q.output(UNIT, 4)),
        (
            "FULLY_CONNECTED: received",
            lambda: q.fully_connected(
                UNIT, ONES, np.ones(1, np.float32), np.array([2**31 - 1], np.int32), UNIT
            ),
        ),
    ],
)
def test_what_could_overflow_or_differ_is_refused(message: str, make: Any) -> None:
    with pytest.raises(UserError, match=message):
        make()


@native.outside_sanitizers
def test_under_sanitizers() -> None:
    native.rerun_under_sanitizers(__file__)
