"""A Keras model in integers: its recurrent layers in the op's, the layers around them in int8."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize

from hmd_tflm import tflite
from hmd_tflm.convert.calibrate import Calibration, calibrate, stand_in_ops
from hmd_tflm.convert.check import check_lookups, check_model, check_weights
from hmd_tflm.convert.splice import Place, match, place
from hmd_tflm.convert.trace import TracedLayer, trace
from hmd_tflm.errors import UserError, reason
from hmd_tflm.layers.model_inputs import checked_rows
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import Options
from hmd_tflm.op.quantize import quantize
from hmd_tflm.quiet import quiet


@dataclass(frozen=True, slots=True)
class Quantized:
    """A model before its recurrent ops are put in place.

    Attributes:
        data: the calibration data in the model's type.
        seen: what calibration saw; its lists, and those below, have an entry for each layer.
        model: the int8 `.tflite` with a stand-in for each recurrent layer.
        places: of the stand-ins.
        integers: of the layers.
    """

    data: NDArray
    seen: Calibration
    model: Any
    layers: list[TracedLayer]
    places: list[Place]
    integers: list[IntegerLayer]


def quantize_model(model: keras.Model, calibration: NDArray, *, frozen: bool = True) -> Quantized:
    """Trace, calibrate and quantise.

    Args:
        model, calibration: as for `hmd_tflm.convert.convert`.
        frozen: keep the ranges that layers of `quantize_aware` were trained with.

    Raises:
        UserError: see `hmd_tflm.convert.convert`.
    """
    check_model(model)
    check_weights(model)
    data = checked_rows(model, calibration)
    float_model, traced = trace(model, data[:1])
    check_lookups(float_model)
    layers = match(tflite.read(float_model), traced)
    if not frozen:
        layers = [replace(layer, ranges=None) for layer in layers]
    seen = calibrate(float_model, layers, data)
    quantized = tflite.read(quantize_rest(seen.model, data.dtype))
    ops = stand_in_ops(quantized)
    places = [place(quantized, op, layer) for op, layer in zip(ops, layers, strict=True)]
    integers = []
    for spot, layer, observed in zip(places, layers, seen.observed, strict=True):
        info = tflite.tensor_info(quantized.subgraphs[0].tensors[spot.x])
        _check_x(layer, info)
        options = Options(
            structure=layer.structure,
            return_sequences=layer.return_sequences,
            stateful=layer.stateful,
            go_backwards=layer.go_backwards,
            input_order=spot.input_order,
            x_zero_point=info.zero_point,
            x_scale=info.scale,
        )
        integers.append(quantize(layer.factors, observed, options))
    return Quantized(data, seen, quantized, layers, places, integers)


def quantize_rest(model: bytes, input_type: np.dtype) -> bytes:
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
        raise UserError(f"model: TensorFlow Lite does not quantise it ({reason(error)})") from error


def _check_x(layer: TracedLayer, info: tflite.TensorInfo) -> None:
    """A layer that was trained with ranges has their x."""
    trained = layer.ranges
    if trained and (info.scale, info.zero_point) != (trained.x_scale, trained.x_zero_point):
        raise UserError(
            f"layer {layer.name}: the quantised model gives its input the scale {info.scale:g}, "
            f"zero point {info.zero_point}, expected {trained.x_scale:g}, {trained.x_zero_point}, "
            "with which it was trained; call quantize_aware again, or put a layer with weights "
            "before it"
        )
