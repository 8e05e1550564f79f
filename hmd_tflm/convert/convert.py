"""The way from a trained Keras model to an int8 `.tflite`: trace, calibrate, quantise, splice."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize

from hmd_tflm import tflite
from hmd_tflm.convert.calibrate import Calibration, calibrate, stand_in_ops
from hmd_tflm.convert.splice import match, place, splice
from hmd_tflm.convert.trace import TracedLayer, trace
from hmd_tflm.errors import UserError
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import Options
from hmd_tflm.op.packing import pack
from hmd_tflm.op.quantize import quantize
from hmd_tflm.op.reference import run
from hmd_tflm.quiet import quiet
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
        model: built, with one input of fixed shape and one output, made of HMDLSTM and HMDGRU
            layers and of those that TensorFlow Lite converts to int8.
        calibration: inputs ``[n, ...]`` like those that the model will see; some hundred rows.
            For a stateful model they follow each other.

    Raises:
        UserError: an unsupported layer or option, weights that are not finite, calibration data
            of another shape or type.
    """
    data = _checked(model, calibration)
    _check_weights(model)
    float_model, traced = trace(model, data[:1])
    layers = match(tflite.read(float_model), traced)
    seen = calibrate(float_model, layers, data)
    quantised = tflite.read(_quantize_rest(seen.model, data.dtype))
    ops = stand_in_ops(quantised)
    places = [place(quantised, op, layer) for op, layer in zip(ops, layers, strict=True)]
    integers, reports = [], []
    for number, (spot, layer) in enumerate(zip(places, layers, strict=True)):
        info = tflite.tensor_info(quantised.subgraphs[0].tensors[spot.x])
        options = Options(
            structure=layer.structure,
            return_sequences=layer.return_sequences,
            stateful=layer.stateful,
            go_backwards=layer.go_backwards,
            input_order=spot.input_order,
            x_zero_point=info.zero_point,
            x_scale=info.scale,
        )
        integers.append(quantize(layer.factors, seen.observed[number], options))
        x = info.quantize(seen.inputs[number])
        reports.append(_report(layer, integers[-1], x, seen.outputs[number]))
    content = splice(quantised, places, integers)
    return Conversion(content, reports, *_compare(content, data, seen))


def _quantize_rest(model: bytes, input_type: np.dtype) -> bytes:
    """int8 for everything, inputs and outputs too (integer inputs stay as they are)."""
    integer_input = np.issubdtype(input_type, np.integer)
    try:
        with quiet():
            return mlir_quantize(
                model,
                fully_quantize=True,
                input_data_type=tf.as_dtype(input_type) if integer_input else tf.int8,
                output_data_type=tf.int8,
                disable_per_channel_for_dense_layers=True,  # tflite-runtime 2.14 knows no other
            )
    except RuntimeError as error:
        raise UserError(
            f"model: TensorFlow Lite does not quantise it ({str(error).splitlines()[0][:200]})"
        ) from error


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


def _checked(model: keras.Model, calibration: NDArray) -> NDArray:
    """Calibration data in the model's input type."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(
            f"model {model.name}: received {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs, expected one of each"
        )
    shape, dtype = model.inputs[0].shape[1:], np.dtype(model.inputs[0].dtype)
    if None in shape:
        raise UserError(
            f"model {model.name}: received input shape {shape}, expected a fixed number of "
            "steps; give it in keras.Input(shape=(steps, features))"
        )
    data = np.asarray(calibration)
    if data.ndim != len(shape) + 1 or data.shape[1:] != tuple(shape) or not len(data):
        expected = ", ".join(map(str, shape))
        raise UserError(
            f"calibration data: received shape {list(data.shape)}, expected [n, {expected}]"
        )
    if data.dtype.kind not in "fiu" or (dtype.kind in "iu" and data.dtype.kind == "f"):
        raise UserError(f"calibration data: received {data.dtype}, expected {dtype}")
    if not np.isfinite(data).all():
        raise UserError("calibration data: received NaN or infinite values, expected finite ones")
    return data.astype(dtype)


def _check_weights(model: keras.Model) -> None:
    for weight in model.weights:
        values = np.asarray(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(
                f"weight {weight.path}: received NaN or infinite values, expected finite ones; "
                "train the model again (a lower learning rate, clipped gradients)"
            )
