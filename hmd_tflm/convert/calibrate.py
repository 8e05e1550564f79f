"""What every tensor of the float model takes on over the calibration data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm import tflite
from hmd_tflm.convert.trace import TracedLayer
from hmd_tflm.op.quantize import Observed

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
H_STATE, H_INTERMEDIATE = 18, 4  # of its inputs, of its intermediate tensors
H_RANGE = (-1.0, 127 / 128)  # of an int8 h: scale 1/128, zero point 0

# Ops that only move values: what comes out has the scale of what went in.
_MOVES = ("RESHAPE", "REVERSE_V2", "STRIDED_SLICE", "CONCATENATION", "SQUEEZE", "EXPAND_DIMS")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The float model with ranges, and what the LSTM ops and the output saw.

    Attributes:
        model: the `.tflite` with the range of each tensor.
        inputs: of each LSTM op, in the order of the ops, its input ``[n, steps, inputs]``, in the
            order in which steps are processed.
        outputs: of each LSTM op, float h ``[n, steps, units]`` in the same order.
        result: the model's output, ``[n, ...]``.
    """

    model: bytes
    inputs: list[NDArray[np.float32]]
    outputs: list[NDArray[np.float32]]
    result: NDArray[np.float32]


def calibrate(content: bytes, data: NDArray, stateful: bool) -> Calibration:
    """Run the float model on each row of ``data`` and write the ranges into it.

    Args:
        content: the float `.tflite`.
        data: ``[n, ...]`` in the input's type.
        stateful: state goes on from row to row.
    """
    model = tflite.read(content)
    graph = model.subgraphs[0]
    lstms = [op for op in graph.operators if tflite.op_name(model, op) == LSTM]
    measured = sorted({int(i) for op in graph.operators for i in op.outputs} | {*graph.inputs})
    watched = [int(op.inputs[0]) for op in lstms] + [int(op.outputs[0]) for op in lstms]
    watched.append(int(graph.outputs[0]))
    ranges = np.tile([np.inf, -np.inf], (len(graph.tensors), 1))
    kept: list[list[NDArray]] = [[] for _ in watched]
    for read in tqdm(_runs(content, data, stateful), "calibrate", len(data), unit="row"):
        for index in measured:
            values = read(index)
            if values.dtype == np.float32:
                ranges[index] = (
                    min(ranges[index, 0], values.min()),
                    max(ranges[index, 1], values.max()),
                )
        for index, rows in zip(watched, kept, strict=True):
            rows.append(read(index)[0])
    for index in _h_tensors(model, graph, lstms):
        ranges[index] = H_RANGE
    for index in np.flatnonzero(np.isfinite(ranges).all(axis=1)):
        _set_range(graph.tensors[index], *ranges[index])
    arrays = [np.stack(rows) for rows in kept]
    count = len(lstms)
    return Calibration(tflite.write(model), arrays[:count], arrays[count : 2 * count], arrays[-1])


def observe(layer: TracedLayer, x: NDArray[np.float32], h: NDArray[np.float32]) -> Observed:
    """What quantisation needs of one layer, from its float inputs and outputs.

    Ranges with which the layer was trained stay as they were.

    Args:
        layer: with its float factors.
        x: ``[n, steps, inputs]``.
        h: ``[n, steps, units]``, what the layer answered.
    """
    s = layer.structure
    before = np.concatenate([np.zeros_like(h[:, :1]), h[:, :-1]], axis=1)
    if layer.stateful:
        before[1:, 0] = h[:-1, -1]
    v = np.concatenate([x, before], axis=2).astype(np.float64)
    projected = np.zeros((s.projection_sets, s.blocks, s.rank))
    for j, (begin, end) in enumerate(pairwise(s.boundaries) if s.lower else ()):
        part = layer.factors.projection[:, :, begin:end]
        projected[:, j] = np.abs(np.einsum("ntc,sdc->sdnt", v[:, :, begin:end], part)).max((2, 3))
    seen = Observed(
        x_power=np.square(v[:, :, : s.inputs]).mean((0, 1)),
        h_power=np.square(v[:, :, s.inputs :]).mean((0, 1)),
        projected=projected,
        cell=_largest_cell(layer, v),
    )
    if (fixed := layer.ranges) is None:
        return seen
    return replace(seen, projected=np.array(fixed.projected), shifts=fixed.shifts)


def _largest_cell(layer: TracedLayer, v: NDArray[np.float64]) -> float:
    """The largest magnitude of c, whose recurrence needs only the gates."""
    gates = np.einsum("ntc,guc->gntu", v, layer.kernels.astype(np.float64))
    i, f, g, _ = gates + layer.factors.bias[:, None, None]
    write, keep = _sigmoid(i) * np.tanh(g), _sigmoid(f)
    rows, steps, units = write.shape
    if layer.stateful:  # one long sequence
        write, keep = (a.reshape(1, rows * steps, units) for a in (write, keep))
    c, largest = np.zeros(units), 0.0
    for step in range(write.shape[1]):
        c = keep[:, step] * c + write[:, step]
        largest = max(largest, float(np.abs(c).max()))
    return largest


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _runs(content: bytes, data: NDArray, stateful: bool) -> Iterator[Any]:
    """After each row's run, a function that reads a tensor by its index."""
    interpreter = Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    interpreter.reset_all_variables()
    for row in data:
        if not stateful:
            interpreter.reset_all_variables()
        interpreter.set_tensor(source, row[None])
        interpreter.invoke()
        yield interpreter.get_tensor


def _h_tensors(model: Any, graph: Any, lstms: list[Any]) -> set[int]:
    """What holds h: tensors of the LSTM ops, and what later ops move without changing values."""
    found = {int(op.outputs[0]) for op in lstms}
    constants = {i for i, t in enumerate(graph.tensors) if tflite.constant(model, t) is not None}
    for op in graph.operators:
        sources = {int(i) for i in op.inputs} - constants
        if tflite.op_name(model, op) in _MOVES and sources and sources <= found:
            found |= {int(i) for i in op.outputs}
    own = {int(i) for op in lstms for i in (op.inputs[H_STATE], op.intermediates[H_INTERMEDIATE])}
    return found | own


def _set_range(tensor: Any, low: float, high: float) -> None:
    if low == high == 0:  # always zero: any scale serves, but none may be zero
        high = 1.0
    tensor.quantization = tensor.quantization or tflite.schema.QuantizationParametersT()
    tensor.quantization.min = np.array([low], np.float32)
    tensor.quantization.max = np.array([high], np.float32)
