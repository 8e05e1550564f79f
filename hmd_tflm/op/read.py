"""The HMD_LSTM ops of a `.tflite`, checked against their tensors before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hmd_tflm import tflite
from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.lstm import IntegerLSTM
from hmd_tflm.op.options import NAME, Options
from hmd_tflm.op.packing import packed_sizes, unpack
from hmd_tflm.tflite import TensorInfo


@dataclass(frozen=True, slots=True)
class Layer:
    """One HMD_LSTM op.

    Attributes:
        lstm: its integers.
        weights, table: the constant tensors as stored.
        tensors: indices of its tensors by name: x, h, c, y.
        batch, steps: of its input.
    """

    lstm: IntegerLSTM
    weights: np.ndarray
    table: np.ndarray
    tensors: dict[str, int]
    batch: int
    steps: int


def read_layers(model: Any) -> list[Layer]:
    """All HMD_LSTM ops of a model in their order.

    Raises:
        UserError: options and tensors do not fit each other; the message names what.
    """
    ops = model.subgraphs[0].operators
    return [read_layer(model, op) for op in ops if tflite.op_name(model, op) == NAME]


def read_layer(model: Any, op: Any) -> Layer:
    """One HMD_LSTM op.

    Raises:
        UserError: options and tensors do not fit each other; the message names what.
    """
    graph = model.subgraphs[0]
    options = Options.decode(b"" if op.customOptions is None else bytes(op.customOptions))
    if len(op.inputs) != 5 or len(op.outputs) != 1 or min(*op.inputs, *op.outputs) < 0:
        raise UserError(
            f"{NAME}: received {len(op.inputs)} inputs and {len(op.outputs)} outputs, expected "
            "x, weights, requantization, h, c and y"
        )
    names = ("x", "weights", "requantization", "h", "c", "y")
    indices = dict(zip(names, map(int, (*op.inputs, *op.outputs)), strict=True))
    tensors = {name: graph.tensors[index] for name, index in indices.items()}
    infos = {name: tflite.tensor_info(tensor) for name, tensor in tensors.items()}
    batch, steps = infos["x"].shape[:2] if len(infos["x"].shape) == 3 else (1, 1)
    _check_tensors(options, infos, batch, steps)
    weights = tflite.constant(model, tensors["weights"])
    table = tflite.constant(model, tensors["requantization"])
    if weights is None or table is None:
        raise UserError(f"{NAME}: weights and requantization must be constant")
    if not tensors["h"].isVariable or not tensors["c"].isVariable:
        raise UserError(f"{NAME}: the states h and c must be variable tensors")
    lstm = unpack(options, weights, table)
    check_bounds(lstm)
    places = {name: indices[name] for name in ("x", "h", "c", "y")}
    return Layer(lstm, weights, table, places, batch, steps)


def _check_tensors(options: Options, infos: dict[str, TensorInfo], batch: int, steps: int) -> None:
    s = options.structure
    size, rows = packed_sizes(s)
    sequences = (batch, steps, s.units)
    expected = {
        "x": (np.int8, (batch, steps, s.inputs)),
        "weights": (np.int8, (size,)),
        "requantization": (np.int16, (rows, 2)),
        "h": (np.int8, (batch, s.units)),
        "c": (np.int16, (batch, s.units)),
        "y": (np.int8, sequences if options.return_sequences else (batch, s.units)),
    }
    for name, (dtype, shape) in expected.items():
        info = infos[name]
        if info.dtype != dtype or info.shape != shape:
            raise UserError(
                f"{NAME}, {name}: received {info.dtype} {list(info.shape)}, expected "
                f"{np.dtype(dtype)} {list(shape)} for its options"
            )
    for name, scale, zero_point in (
        ("x", options.x_scale, options.x_zero_point),
        ("y", 1 / 128, 0),
    ):
        info = infos[name]
        if (info.scale, info.zero_point) != (scale, zero_point):
            raise UserError(
                f"{NAME}, {name}: received scale {info.scale:g}, zero point {info.zero_point}, "
                f"expected {scale:g}, {zero_point}"
            )
