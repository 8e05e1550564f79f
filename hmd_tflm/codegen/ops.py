"""The ops that generated firmware has: each as C constants and one call of hmd_nn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, field, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.codegen import quantization as q
from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import CELLS, cell_of
from hmd_tflm.op.read import read_layer
from hmd_tflm.structure import Structure
from hmd_tflm.tflite import TensorInfo, schema

SCRATCH = "scratch"
_ALTERED = "the file is altered; convert the model again"


@dataclass(slots=True)
class Call:
    """One op in C. ``{3}`` in the text stands for the address of tensor 3, ``{scratch}`` alike.

    Attributes:
        constants: definitions before the function.
        text: the statement.
        reads, writes: tensors.
        scratch_bytes: needed during the op.
        states: bytes of the tensors that live from one inference to the next.
    """

    constants: str
    text: str
    reads: list[int]
    writes: list[int]
    scratch_bytes: int = 0
    states: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Op:
    """What the functions below need of an op."""

    model: Any
    op: Any
    prefix: str

    def tensor(self, index: int) -> Any:
        return self.model.subgraphs[0].tensors[index]

    def info(self, index: int) -> TensorInfo:
        info = tflite.tensor_info(self.tensor(index))
        if info.dtype != np.int8 or not info.scale:
            raise UserError(
                f"tensor {info.name}: received {info.dtype}, expected quantised int8; convert "
                "the model with hmd-tflm convert"
            )
        if not 0 < info.scale < np.inf or not -128 <= info.zero_point <= 127:
            raise UserError(
                f"tensor {info.name}: received scale {info.scale:g}, zero point "
                f"{info.zero_point}, expected above 0, -128..127; {_ALTERED}"
            )
        return info

    def size(self) -> int:
        """Values of the output, and of the input."""
        source, target = self.info(self.input()), self.info(self.output)
        check_equal_sizes(source, target)
        return target.size

    def quantization(self, index: int) -> q.Quantization:
        info = self.info(index)
        return q.Quantization(np.float32(info.scale), info.zero_point)

    def input(self, number: int = 0) -> int:
        return int(self.op.inputs[number])

    @property
    def output(self) -> int:
        return int(self.op.outputs[0])


def call(model: Any, op: Any, number: int) -> Call:
    """An op of a model as a C call.

    Raises:
        UserError: an op outside the set, which the message names, or one that is malformed.
    """
    name = tflite.op_name(model, op)
    if name not in _CALLS:
        raise UserError(
            f"op {number}, {name}: firmware without an interpreter has only "
            f"{', '.join(sorted([*_CALLS, 'RESHAPE']))}; change the model"
        )
    try:
        return _CALLS[name](_Op(model, op, f"op{number}"))
    except UserError:
        raise
    except Exception as error:  # whatever an altered file makes them stumble over
        raise UserError(f"op {number}, {name}: {type(error).__name__}; {_ALTERED}") from error


def check_equal_sizes(source: TensorInfo, target: TensorInfo) -> None:
    """Raise UserError unless the input and the output of an op have as many values of one type."""
    if (source.dtype, source.size) != (target.dtype, target.size):
        raise UserError(
            f"tensor {target.name}: received {target.size} of {target.dtype}, expected "
            f"{source.size} of {source.dtype} as in {source.name}; {_ALTERED}"
        )


def _recurrent(op: _Op) -> Call:
    layer = read_layer(op.model, op.op)
    o, t = layer.integers.options, layer.tensors
    s, kernel = o.structure, o.cell.name.lower()
    flags = [
        f"HMD_{name.upper()}"
        for name in ("return_sequences", "stateful", "go_backwards", "input_order")
        if getattr(o, name)
    ] + (["HMD_SHARED"] if s.shared else [])
    sizes = (s.inputs, s.units, s.rows, s.blocks, s.rank)
    rest = (s.gates, o.x_shift, o.h_shift, o.cell_shift, o.x_zero_point)
    constants = (
        array(f"{op.prefix}_weights", "int8_t", layer.weights)
        + array(f"{op.prefix}_table", "int16_t", layer.table)
        + f"static const hmd_options {op.prefix} = {{{_list(sizes)}, "
        f"{' | '.join(flags) or 0}, {_list(rest)}, {o.x_scale!r}f}};\n"
    )
    states = ", ".join(f"{{{t[name]}}}" for name in o.cell.states)
    text = (
        f"{kernel}_run(&{op.prefix}, &({kernel}_tensors){{{op.prefix}_weights, {op.prefix}_table, "
        f"{{{t['x']}}}, {{{t['y']}}}, {states}, {{{SCRATCH}}}, {layer.batch}, {layer.steps}}});"
    )
    bytes_of_states = {
        t[name]: layer.batch * s.units * dtype.itemsize for name, dtype in o.cell.states.items()
    }
    return Call(constants, text, [t["x"]], [t["y"]], scratch_bytes(s), bytes_of_states)


def scratch_bytes(s: Structure) -> int:
    """Scratch of an HMD op, as hmd_plan counts it."""
    even = s.columns + s.columns % 2
    sets = 1 if s.shared else max(map(len, cell_of(s.gates).phases))
    projected = sets * (s.projections + s.projections % 2)
    return 2 * (even + s.gates * s.units + projected)


def _fully_connected(op: _Op) -> Call:
    weights = _constant(op, 1, np.int8)
    bias = _constant(op, 2, np.int32) if len(op.op.inputs) > 2 and op.input(2) >= 0 else None
    outputs, inputs = weights.shape
    batches = op.info(op.output).size // outputs
    sizes = (op.info(op.input()).size, op.info(op.output).size)
    if sizes != (batches * inputs, batches * outputs):
        raise UserError(
            f"FULLY_CONNECTED: received {sizes[0]} values in and {sizes[1]} out, expected multiples "
            f"of {inputs} and {outputs} as its weights; {_ALTERED}"
        )
    quantization = op.tensor(op.input(1)).quantization
    if np.any(quantization.zeroPoint):
        raise UserError(
            f"FULLY_CONNECTED: received weights of zero point {quantization.zeroPoint}, expected "
            "0; convert the model with hmd-tflm convert"
        )
    scales = quantization.scale.astype(np.float32)
    layer = q.fully_connected(
        op.quantization(op.input()),
        weights,
        scales,
        bias,
        op.quantization(op.output),
        op.op.builtinOptions.fusedActivationFunction,
    )
    constants = (
        array(f"{op.prefix}_weights", "int8_t", weights)
        + array(f"{op.prefix}_bias", "int32_t", layer.bias)
        + f"static const hmd_multiplier {op.prefix}_multipliers[] = "
        f"{literal(layer.multipliers)};\n"
        + f"static const hmd_fully_connected {op.prefix} = {{{op.prefix}_weights, "
        f"{op.prefix}_bias, {op.prefix}_multipliers, {inputs}, {outputs}, "
        f"{int(len(layer.multipliers) > 1)}, {literal(layer.output)}}};\n"
    )
    text = f"hmd_fully_connected_s8(&{op.prefix}, {batches}, {{{op.input()}}}, {{{op.output}}});"
    return Call(constants, text, [op.input()], [op.output])


def _softmax(op: _Op) -> Call:
    depth = op.info(op.output).shape[-1]
    softmax = q.softmax(
        op.quantization(op.input()), op.op.builtinOptions.beta, depth, op.quantization(op.output)
    )
    constants = f"static const hmd_softmax {op.prefix} = {literal(softmax)};\n"
    rows = op.size() // depth
    text = f"hmd_softmax_s8(&{op.prefix}, {rows}, {depth}, {{{op.input()}}}, {{{op.output}}});"
    return Call(constants, text, [op.input()], [op.output])


def _concatenation(op: _Op) -> Call:
    inputs, info = [int(i) for i in op.op.inputs], op.info(op.output)
    q.check_concatenation([op.quantization(i) for i in inputs], op.quantization(op.output))
    axis = op.op.builtinOptions.axis % len(info.shape)
    rows = int(np.prod(info.shape[:axis]))
    widths = [op.info(i).size // rows for i in inputs]
    if rows * sum(widths) != info.size:
        raise UserError(f"CONCATENATION: inputs of {widths} x {rows} for {info.shape}")
    constants = f"static const uint32_t {op.prefix}_widths[] = {literal(widths)};\n"
    sources = ", ".join(f"{{{i}}}" for i in inputs)
    text = (
        f"hmd_concatenation_s8({rows}, {len(inputs)}, (const int8_t *const[]){{{sources}}}, "
        f"{op.prefix}_widths, {{{op.output}}});"
    )
    return Call(constants, text, inputs, [op.output])


def _lookup(table: Callable[[_Op], q.Table]) -> Callable[[_Op], Call]:
    def make(op: _Op) -> Call:
        constants = array(f"{op.prefix}_table", "int8_t", table(op))
        text = f"hmd_lookup_s8({op.prefix}_table, {op.size()}, {{{op.input()}}}, {{{op.output}}});"
        return Call(constants, text, [op.input()], [op.output])

    return make


def _binary(name: str, compute: Callable[..., Any]) -> Callable[[_Op], Call]:
    def make(op: _Op) -> Call:
        a, b = op.input(0), op.input(1)
        info = op.info(op.output)
        if op.info(a).shape != info.shape or op.info(b).shape != info.shape:
            raise UserError(
                f"{name.upper()}: received shapes {op.info(a).shape} and {op.info(b).shape}, "
                "expected equal ones (firmware without an interpreter does not broadcast)"
            )
        activation = op.op.builtinOptions.fusedActivationFunction
        params = compute(
            op.quantization(a), op.quantization(b), op.quantization(op.output), activation
        )
        constants = f"static const hmd_{name} {op.prefix} = {literal(params)};\n"
        text = f"hmd_{name}_s8(&{op.prefix}, {info.size}, {{{a}}}, {{{b}}}, {{{op.output}}});"
        return Call(constants, text, [a, b], [op.output])

    return make


def _relu(activation: int) -> Callable[[_Op], Call]:
    return _lookup(
        lambda op: q.relu_table(op.quantization(op.input()), op.quantization(op.output), activation)
    )


def _unary(table: Callable[..., q.Table]) -> Callable[[_Op], Call]:
    return _lookup(lambda op: table(op.quantization(op.input()), op.quantization(op.output)))


_CALLS: dict[str, Callable[[_Op], Call]] = {
    **dict.fromkeys(CELLS, _recurrent),
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
    "CONCATENATION": _concatenation,
    "ADD": _binary("add", q.add),
    "MUL": _binary("mul", q.mul),
    "QUANTIZE": _unary(q.requantize_table),
    "LOGISTIC": _unary(q.logistic_table),
    "TANH": _unary(q.tanh_table),
    "RELU": _relu(schema.ActivationFunctionType.RELU),
    "RELU6": _relu(schema.ActivationFunctionType.RELU6),
    "RELU_N1_TO_1": _relu(schema.ActivationFunctionType.RELU_N1_TO_1),
}


def _constant(op: _Op, number: int, dtype: type[np.generic]) -> NDArray:
    tensor = op.tensor(op.input(number))
    values = tflite.constant(op.model, tensor)
    if values is None or values.dtype != dtype:
        info = tflite.tensor_info(tensor)
        raise UserError(f"tensor {info.name}: expected a constant of {np.dtype(dtype)}")
    return values


def array(name: str, kind: str, values: NDArray) -> str:
    """A constant array in C, aligned for word loads."""
    flat = values.ravel().tolist()
    rows = [flat[i : i + 16] for i in range(0, len(flat), 16)]
    body = "\n".join("    " + " ".join(f"{value}," for value in row) for row in rows)
    return f"static const {kind} {name}[{len(flat)}] HMD_ALIGNED = {{\n{body}\n}};\n"


def literal(value: Any) -> str:
    """A C initialiser for a number, or for a dataclass or sequence of them."""
    if is_dataclass(value) and not isinstance(value, type):
        value = astuple(value)
    if isinstance(value, tuple | list):
        return "{" + ", ".join(map(literal, value)) + "}"
    return str(value)


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
