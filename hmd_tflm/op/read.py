"""The HMD ops of a `.tflite`, checked against their tensors before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hmd_tflm import tflite
from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.cells import CELLS
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import Options
from hmd_tflm.op.packing import packed_sizes, unpack
from hmd_tflm.tflite import TensorInfo


@dataclass(frozen=True, slots=True)
class Layer:
    """One HMD op.

    Attributes:
        integers: what it computes with.
        weights, table: the constant tensors as stored.
        tensors: indices of its other tensors by name: x, the cell's states, y.
        batch, steps: of its input.
    """

    integers: IntegerLayer
    weights: np.ndarray
    table: np.ndarray
    tensors: dict[str, int]
    batch: int
    steps: int


def read_layers(model: Any) -> list[Layer]:
    """All HMD ops of a model in their order.

    Raises:
        UserError: options and tensors do not fit each other; the message names what.
    """
    ops = model.subgraphs[0].operators
    return [read_layer(model, op) for op in ops if tflite.op_name(model, op) in CELLS]


def read_layer(model: Any, op: Any) -> Layer:
    """One HMD op.

    Raises:
        UserError: options and tensors do not fit each other; the message names what.
    """
    graph, cell = model.subgraphs[0], CELLS[tflite.op_name(model, op)]
    options = Options.decode(cell, b"" if op.customOptions is None else bytes(op.customOptions))
    names = (*cell.tensors, "y")
    indices = [int(i) for i in (*op.inputs, *op.outputs)]
    if len(op.inputs) != len(cell.tensors) or len(op.outputs) != 1 or min(indices) < 0:
        raise UserError(
            f"{cell.name}: received {len(op.inputs)} inputs and {len(op.outputs)} outputs, "
            f"expected {', '.join(cell.tensors)} and y"
        )
    places = dict(zip(names, indices, strict=True))
    tensors = {name: graph.tensors[index] for name, index in places.items()}
    infos = {name: tflite.tensor_info(tensor) for name, tensor in tensors.items()}
    batch, steps = infos["x"].shape[:2] if len(infos["x"].shape) == 3 else (1, 1)
    _check_tensors(options, infos, batch, steps)
    weights = tflite.constant(model, tensors["weights"])
    table = tflite.constant(model, tensors["requantization"])
    if weights is None or table is None:
        raise UserError(f"{cell.name}: weights and requantization must be constant")
    if not all(tensors[state].isVariable for state in cell.states):
        raise UserError(f"{cell.name}: expected variable tensors for {' and '.join(cell.states)}")
    layer = unpack(options, weights, table)
    check_bounds(layer)
    del places["weights"], places["requantization"]
    return Layer(layer, weights, table, places, batch, steps)


def _check_tensors(options: Options, infos: dict[str, TensorInfo], batch: int, steps: int) -> None:
    s, op = options.structure, options.cell.name
    if min(batch, steps) < 1:
        raise UserError(f"{op}, x: received {batch} sequences of {steps} steps, expected 1 or more")
    size, rows = packed_sizes(s)
    sequences = (batch, steps, s.units)
    expected: dict[str, tuple[Any, tuple[int, ...]]] = {
        "x": (np.int8, (batch, steps, s.inputs)),
        "weights": (np.int8, (size,)),
        "requantization": (np.int16, (rows, 2)),
        **{name: (dtype, (batch, s.units)) for name, dtype in options.cell.states.items()},
        "y": (np.int8, sequences if options.return_sequences else (batch, s.units)),
    }
    for name, (dtype, shape) in expected.items():
        info = infos[name]
        if info.dtype != dtype or info.shape != shape:
            raise UserError(
                f"{op}, {name}: received {info.dtype} {list(info.shape)}, expected "
                f"{np.dtype(dtype)} {list(shape)} for its options"
            )
    for name, scale, zero_point in (
        ("x", options.x_scale, options.x_zero_point),
        ("y", 1 / 128, 0),
        *((state, options.state_scale(state), 0) for state in options.cell.states),
    ):
        info = infos[name]
        if (info.scale, info.zero_point) != (scale, zero_point):
            raise UserError(
                f"{op}, {name}: received scale {info.scale:g}, zero point {info.zero_point}, "
                f"expected {scale:g}, {zero_point}"
            )
