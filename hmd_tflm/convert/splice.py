"""Put HMD ops where the quantised model has LSTM ops that stand for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hmd_tflm import tflite
from hmd_tflm.convert.calibrate import stand_in_ops
from hmd_tflm.convert.trace import TracedLayer
from hmd_tflm.errors import UserError
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import VERSION, Options
from hmd_tflm.op.packing import pack
from hmd_tflm.tflite import schema

_TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int16): schema.TensorType.INT16,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one HMD op goes.

    Attributes:
        op: the LSTM op that stands for it.
        x, y: indices of its input and output tensors.
        absorbed: ops around the LSTM op whose work the HMD op does itself.
        input_order: it absorbs the reversal of its outputs.
    """

    op: Any
    x: int
    y: int
    absorbed: list[Any]
    input_order: bool


def match(model: Any, layers: list[TracedLayer]) -> list[TracedLayer]:
    """The layer behind each LSTM op of the float model, found by its weights.

    Raises:
        AssertionError: the stock converter changed the weights.
    """
    graph, left, found = model.subgraphs[0], list(layers), []
    for op in stand_in_ops(model):
        weights = [tflite.constant(model, graph.tensors[i]) for i in op.inputs[1:9]]
        assert all(part is not None for part in weights), "an LSTM op without constant weights"
        x_parts, h_parts = np.array(weights[:4]), np.array(weights[4:])
        kernels = np.concatenate([x_parts, h_parts], axis=2)
        layer = next((one for one in left if np.array_equal(one.stand_in_kernels, kernels)), None)
        assert layer is not None, "an LSTM op whose weights belong to no HMD layer"
        left.remove(layer)
        found.append(layer)
    assert not left, f"no LSTM op for {', '.join(layer.name for layer in left)}"
    return found


def place(model: Any, op: Any, layer: TracedLayer) -> Place:
    """Find the tensors of the HMD op for a layer.

    Raises:
        UserError: the layer's output is used in a way that the op cannot serve.
    """
    graph = model.subgraphs[0]
    x, y, absorbed, input_order = int(op.inputs[0]), int(op.outputs[0]), [], False
    if layer.go_backwards:
        reversal = next(o for o in graph.operators if x in o.outputs)
        absorbed.append(reversal)
        x = int(reversal.inputs[0])
    users = [o for o in graph.operators if y in o.inputs]
    if not layer.return_sequences:
        assert [tflite.op_name(model, o) for o in users] == ["STRIDED_SLICE"], layer.name
        y = int(users[0].outputs[0])
        absorbed += users
    elif layer.go_backwards and len(users) == 1 and _reverses_steps(model, users[0]):
        y = int(users[0].outputs[0])
        absorbed += users
        input_order = True
    info = tflite.tensor_info(graph.tensors[y])
    if (info.dtype, info.scale, info.zero_point) != (np.dtype(np.int8), 1 / 128, 0):
        raise UserError(
            f"layer {layer.name}: the quantised model gives its output the scale "
            f"{info.scale:g}, zero point {info.zero_point}, expected 1/128, 0; put a layer with "
            "weights behind it"
        )
    return Place(op, x, y, absorbed, input_order)


def _reverses_steps(model: Any, op: Any) -> bool:
    """Whether an op reverses the second of three axes and no other."""
    if tflite.op_name(model, op) != "REVERSE_V2":
        return False
    axes = tflite.constant(model, model.subgraphs[0].tensors[op.inputs[1]])
    return axes is not None and [axis % 3 for axis in axes.tolist()] == [1]


def splice(model: Any, places: list[Place], layers: list[IntegerLayer]) -> bytes:
    """Replace the LSTM ops and drop what nothing uses any more."""
    graph = model.subgraphs[0]
    for number, (spot, layer) in enumerate(zip(places, layers, strict=True)):
        op, options = spot.op, layer.options
        weights, table = pack(layer)
        prefix = f"{options.cell.name.lower()}_{number}/"
        op.opcodeIndex = _op_code(model, options.cell.name)
        op.inputs = [
            spot.x,
            _add_constant(model, prefix + "weights", weights),
            _add_constant(model, prefix + "requantization", table),
            *(_add_state(graph, prefix + name, options, name) for name in options.cell.states),
        ]
        op.outputs, op.intermediates = [spot.y], None
        op.builtinOptionsType, op.builtinOptions = 0, None
        op.customOptions = np.frombuffer(options.encode(), np.uint8)
    absorbed = [id(op) for spot in places for op in spot.absorbed]
    left = [op for op in graph.operators if id(op) not in absorbed]
    read = {int(i) for i in (*graph.outputs, *(i for op in left for i in op.inputs))}
    needed = read - {spot.y for spot in places}
    graph.operators = [
        op for op in graph.operators if id(op) not in absorbed or needed & {*map(int, op.outputs)}
    ]
    _drop_unused(model)
    return tflite.write(model)


def _op_code(model: Any, name: str) -> int:
    """The index of a custom op's code, which is added if it is the first such op."""
    codes = model.operatorCodes
    for index, code in enumerate(codes):
        if code.customCode == name.encode():
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = name.encode(), VERSION
    codes.append(code)
    return len(codes) - 1


def _add_constant(model: Any, name: str, values: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    buffer_index = len(model.buffers) - 1
    return _add_tensor(model.subgraphs[0], name, values.dtype, values.shape, buffer_index)


def _add_state(graph: Any, name: str, options: Options, state: str) -> int:
    shape = (1, options.structure.units)
    index = _add_tensor(graph, name, options.cell.states[state], shape, 0)
    tensor = graph.tensors[index]
    tensor.isVariable = True
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.array([options.state_scale(state)], np.float32)
    tensor.quantization.zeroPoint = np.array([0], np.int64)
    return index


def _add_tensor(graph: Any, name: str, dtype: np.dtype, shape: tuple[int, ...], buffer: int) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.buffer = name.encode(), _TYPES[dtype], buffer
    tensor.shape = np.array(shape, np.int32)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _drop_unused(model: Any) -> None:
    """Renumber tensors, buffers and op codes after leaving out those without a user."""
    graph = model.subgraphs[0]
    used = {int(i) for op in graph.operators for i in (*op.inputs, *op.outputs) if i >= 0}
    tensors = _renumber(used | {int(i) for i in (*graph.inputs, *graph.outputs)})
    graph.tensors = [graph.tensors[i] for i in tensors]
    tensors[-1] = -1  # an optional input that is absent
    for op in graph.operators:
        op.inputs = [tensors[int(i)] for i in op.inputs]
        op.outputs = [tensors[int(i)] for i in op.outputs]
    graph.inputs = [tensors[int(i)] for i in graph.inputs]
    graph.outputs = [tensors[int(i)] for i in graph.outputs]
    for signature in model.signatureDefs or []:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = tensors[entry.tensorIndex]
    codes = _renumber({op.opcodeIndex for op in graph.operators})
    model.operatorCodes = [model.operatorCodes[i] for i in codes]
    for op in graph.operators:
        op.opcodeIndex = codes[op.opcodeIndex]
    metadata = model.metadata or []
    buffers = _renumber({0} | {t.buffer for t in graph.tensors} | {m.buffer for m in metadata})
    model.buffers = [model.buffers[i] for i in buffers]
    for owner in (*graph.tensors, *metadata):
        owner.buffer = buffers[owner.buffer]


def _renumber(used: set[int]) -> dict[int, int]:
    """Old index to new index, in order."""
    return {old: new for new, old in enumerate(sorted(used))}
