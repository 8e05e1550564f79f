"""The way from a trained Keras model to an int8 `.tflite`, and what is lost on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.convert.calibrate import Calibration
from hmd_tflm.convert.quantize import quantize_model
from hmd_tflm.convert.splice import splice
from hmd_tflm.convert.trace import TracedLayer
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.packing import pack
from hmd_tflm.op.reference import run
from hmd_tflm.runtime import Interpreter

MEASURED_ROWS = 64  # of the calibration data, for each layer's error


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What one HMD layer costs, and what its integers lose.

    Attributes:
        macs: multiply-accumulates of one inference.
        bytes: constant tensors.
        rms_error: of h, integer against float with the same inputs, over calibration data.
    """

    name: str
    inputs: int
    units: int
    rows: int
    blocks: int
    rank: int
    shared: bool
    compression: float
    macs: int
    bytes: int
    rms_error: float

    @property
    def shape(self) -> str:
        """In words: inputs to units, dense rows, blocks of a rank."""
        text = f"{self.inputs} to {self.units}: {self.rows} dense rows"
        if self.rows < self.units:
            kind = "shared" if self.shared else "own"
            text += f", {self.blocks} {kind} blocks of rank {self.rank}"
        return text


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of `convert`.

    Attributes:
        content: the `.tflite` file.
        rms_error: of the model's output, int8 against float, over calibration data.
        agreement: rows in which both have the same largest output.
    """

    content: bytes
    layers: list[LayerReport]
    rms_error: float
    agreement: float

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, without the file's content."""
        fields = asdict(self)
        return {"bytes": len(fields.pop("content")), **fields}

    def table(self) -> str:
        """The report for people."""
        head = ("layer", "shape", "compression", "MACs", "bytes", "error of h (rms)")
        rows = [
            (
                layer.name,
                layer.shape,
                f"{layer.compression:.2f}x",
                f"{layer.macs:,}",
                f"{layer.bytes:,}",
                f"{layer.rms_error:.4f}",
            )
            for layer in self.layers
        ]
        columns = list(zip(head, *rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (head, *rows)
        ]
        lines.append(
            f"output, int8 against float: rms error {self.rms_error:.4f}, same largest in "
            f"{self.agreement:.1%} of the calibration data"
        )
        return "\n".join(lines)


def convert(model: keras.Model, calibration: NDArray) -> Conversion:
    """Convert a model to int8.

    Args:
        model: Sequential or functional, built, with one output and one input of fixed shape:
            float32, or integers that an Embedding reads. It is made of HMDLSTM and HMDGRU layers,
            and of others that TensorFlow Lite converts to int8 and that tflite-runtime, in
            which the result is tried, has an op for (it has none for RepeatVector). All
            compute in float32.
        calibration: inputs ``[n, ...]`` like those that the model will see; some hundred rows.
            For a stateful model they follow each other.

    Raises:
        UserError: an unsupported layer, option, input or dtype policy, weights that are not
            finite, calibration data of another shape or type.
    """
    quantized = quantize_model(model, calibration)
    seen, tensors = quantized.seen, quantized.model.subgraphs[0].tensors
    reports = []
    for spot, layer, integers, x, h in zip(
        quantized.places,
        quantized.layers,
        quantized.integers,
        seen.inputs,
        seen.outputs,
        strict=True,
    ):
        rows = tflite.tensor_info(tensors[spot.x]).quantize(x)
        reports.append(_report(layer, integers, rows, h))
    content = splice(quantized.model, quantized.places, quantized.integers)
    return Conversion(content, reports, *_compare(content, quantized.data, seen))


def _report(
    layer: TracedLayer, integers: IntegerLayer, x: NDArray[np.int8], h: NDArray[np.float32]
) -> LayerReport:
    s, (rows, steps, _) = layer.structure, h.shape
    if layer.stateful:
        x, h = x.reshape(1, rows * steps, -1), h.reshape(1, rows * steps, -1)
    plain = replace(integers.options, return_sequences=True, go_backwards=False, input_order=False)
    y = run(replace(integers, options=plain), x[:MEASURED_ROWS])
    error = y / 128 - h[:MEASURED_ROWS]
    weights, table = pack(integers)
    return LayerReport(
        layer.name,
        s.inputs,
        s.units,
        s.rows,
        s.blocks,
        s.rank,
        s.shared,
        s.compression,
        s.macs * steps,
        weights.nbytes + table.nbytes,
        float(np.sqrt(np.mean(np.square(error)))),
    )


def _compare(content: bytes, data: NDArray, seen: Calibration) -> tuple[float, float]:
    with Interpreter(content) as interpreter:
        rows = interpreter.run(data)
        info = interpreter.outputs[0]
    result = rows if rows.dtype == np.float32 else info.dequantize(rows)
    error = float(np.sqrt(np.mean(np.square(result - seen.result))))
    same = result.argmax(-1) == seen.result.argmax(-1)
    return error, float(same.mean())
