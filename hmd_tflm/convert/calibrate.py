"""What every tensor of the float model takes on over the calibration data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm import tflite
from hmd_tflm.convert.recurrence import run
from hmd_tflm.convert.trace import TracedLayer
from hmd_tflm.op.quantize import Observed

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
H_STATE, H_INTERMEDIATE = 18, 4  # of its inputs, of its intermediate tensors
H_RANGE = (-1.0, 127 / 128)  # of an int8 h: scale 1/128, zero point 0

# Ops that move or choose values: what comes out has the scale of what went in.
_MOVES = (
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "EXPAND_DIMS",
    "MAX_POOL_2D",
    "PAD",
    "RESHAPE",
    "REVERSE_V2",
    "SQUEEZE",
    "STRIDED_SLICE",
    "TRANSPOSE",
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The float model with ranges, and what its layers and the output saw.

    Attributes:
        model: the `.tflite` with the range of each tensor.
        inputs: of each layer, its input ``[n, steps, inputs]``, in the order in which steps are
            processed.
        outputs: of each layer, float h ``[n, steps, units]`` in the same order.
        observed: of each layer, what quantisation needs.
        result: the model's output, ``[n, ...]``.
    """

    model: bytes
    inputs: list[NDArray[np.float32]]
    outputs: list[NDArray[np.float32]]
    observed: list[Observed]
    result: NDArray[np.float32]


def calibrate(content: bytes, layers: list[TracedLayer], data: NDArray) -> Calibration:
    """Run the float model on each row of ``data`` and write the ranges into it.

    TensorFlow Lite runs what is around the recurrent layers: once to each layer, whose outputs for
    all rows are then computed (`hmd_tflm.convert.recurrence`), and once to the end. The x of a
    layer that was trained with ranges has those.

    Args:
        content: the float `.tflite`.
        layers: those that its LSTM ops stand for, in the order of the ops.
        data: ``[n, ...]`` in the input's type.
    """
    model = tflite.read(content)
    graph = model.subgraphs[0]
    stand_ins = stand_in_ops(model)
    rest = _Rest(content, data)
    inputs: list[NDArray[np.float32]] = []
    outputs: list[NDArray[np.float32]] = []
    observed: list[Observed] = []
    for layer, op in zip(layers, stand_ins, strict=True):
        x = np.stack(
            [read(int(op.inputs[0]))[0] for read in rest.runs(outputs, f"to {layer.name}")]
        )
        h, seen = run(layer, x)
        inputs.append(x)
        outputs.append(h)
        observed.append(seen)
    measured = sorted({int(i) for op in graph.operators for i in op.outputs} | {*graph.inputs})
    ranges = np.tile([np.inf, -np.inf], (len(graph.tensors), 1))
    result = []
    for read in rest.runs(outputs, "to the end"):
        for index in measured:
            values = read(index)
            if values.dtype == np.float32:
                ranges[index] = (
                    min(ranges[index, 0], values.min()),
                    max(ranges[index, 1], values.max()),
                )
        result.append(read(int(graph.outputs[0]))[0])
    for op, layer in zip(stand_ins, layers, strict=True):
        if (trained := layer.ranges) is not None:
            x = _moved_to(model, graph, int(op.inputs[0]))
            ranges[x] = _range(trained.x_scale, trained.x_zero_point)
    for index in _h_tensors(model, graph, stand_ins):
        ranges[index] = H_RANGE
    for index in np.flatnonzero(np.isfinite(ranges).all(axis=1)):
        _set_range(graph.tensors[index], *ranges[index])
    return Calibration(tflite.write(model), inputs, outputs, observed, np.stack(result))


def stand_in_ops(model: Any) -> list[Any]:
    """The LSTM ops of a model, in their order."""
    return [op for op in model.subgraphs[0].operators if tflite.op_name(model, op) == LSTM]


class _Rest:
    """A float model without its recurrent layers: their outputs are inputs.

    Args:
        content: the float `.tflite`.
        data: rows for its own input.
    """

    def __init__(self, content: bytes, data: NDArray) -> None:
        model = tflite.read(content)
        graph, stand_ins = model.subgraphs[0], stand_in_ops(model)
        self._data = data
        self._input = int(graph.inputs[0])
        self._outputs = [int(op.outputs[0]) for op in stand_ins]
        graph.inputs = [self._input, *self._outputs]
        graph.operators = [op for op in graph.operators if op not in stand_ins]
        self._interpreter = Interpreter(
            model_content=tflite.write(model),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()

    def runs(
        self, outputs: list[NDArray[np.float32]], name: str
    ) -> Iterator[Callable[[int], NDArray]]:
        """After each row's run, a function that reads a tensor by its index.

        Args:
            outputs: of the first layers, as many as are known, ``[n, steps, units]``.
            name: of this pass over the data.
        """
        for number, row in enumerate(tqdm(self._data, f"calibrate {name}", unit="row")):
            self._interpreter.set_tensor(self._input, row[None])
            for index, rows in zip(self._outputs, outputs, strict=False):
                self._interpreter.set_tensor(index, rows[number][None])
            self._interpreter.invoke()
            yield self._interpreter.get_tensor


def _h_tensors(model: Any, graph: Any, stand_ins: list[Any]) -> set[int]:
    """What holds h: tensors of the LSTM ops, and what later ops move without changing values."""
    found = {int(op.outputs[0]) for op in stand_ins}
    constants = {i for i, t in enumerate(graph.tensors) if tflite.constant(model, t) is not None}
    for op in graph.operators:
        sources = {int(i) for i in op.inputs} - constants
        if tflite.op_name(model, op) in _MOVES and sources and sources <= found:
            found |= {int(i) for i in op.outputs}
    own = {
        int(i) for op in stand_ins for i in (op.inputs[H_STATE], op.intermediates[H_INTERMEDIATE])
    }
    return found | own


def _moved_to(model: Any, graph: Any, tensor: int) -> list[int]:
    """A tensor, and those whose values earlier ops move to it without changing them."""
    found = {tensor}
    for op in reversed(graph.operators):
        if tflite.op_name(model, op) in _MOVES and found & {int(i) for i in op.outputs}:
            found |= {int(i) for i in op.inputs if tflite.constant(model, graph.tensors[i]) is None}
    return sorted(found)


def _range(scale: float, zero_point: int) -> tuple[float, float]:
    """Ends in float32 from which TensorFlow Lite computes this scale of int8 again, to the bit.

    It divides their float32 difference by 255. So the larger end is rounded towards zero, and the
    other one, which has finer steps, makes up the difference.
    """
    difference = float(np.float32(255 * scale))
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    if high > -low:
        high = _towards_zero(high)
        return high - difference, high
    low = _towards_zero(low)
    return low, low + difference


def _towards_zero(value: float) -> float:
    near = np.float32(value)
    return float(near if abs(near) <= abs(value) else np.nextafter(near, np.float32(0)))


def _set_range(tensor: Any, low: float, high: float) -> None:
    if low == high == 0:  # always zero: any scale serves, but none may be zero
        high = 1.0
    tensor.quantization = tensor.quantization or tflite.schema.QuantizationParametersT()
    tensor.quantization.min = np.array([low], np.float32)
    tensor.quantization.max = np.array([high], np.float32)
