"""What the converter cannot serve, found before the long work."""

from __future__ import annotations

import keras
import numpy as np

from hmd_tflm import tflite
from hmd_tflm.errors import UserError
from hmd_tflm.layers.model_inputs import check_built

INPUT_TYPES = ("float32", "int8", "uint8", "int16", "int32", "uint32", "int64")  # the runtime's


def check_model(model: keras.Model) -> None:
    """Raise UserError unless a model is built and has one input of fixed shape and one output."""
    check_built(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(
            f"model {model.name}: received {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs, expected one of each"
        )
    shape, dtype = model.inputs[0].shape[1:], model.inputs[0].dtype
    if None in shape:
        raise UserError(
            f"model {model.name}: received input shape {shape}, expected a fixed number of "
            "steps; give it in keras.Input(shape=(steps, features))"
        )
    if dtype not in INPUT_TYPES:
        raise UserError(
            f"model {model.name}: received inputs of {dtype}, expected float32, or int32 for an "
            "Embedding; give it in keras.Input(..., dtype=...)"
        )


def check_weights(model: keras.Model) -> None:
    """Raise UserError unless all weights are finite."""
    for weight in model.weights:
        values = np.asarray(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(
                f"weight {weight.path}: received NaN or infinite values, expected finite ones; "
                "train the model again (a lower learning rate, clipped gradients)"
            )


def check_lookups(content: bytes) -> None:
    """Raise UserError if a float `.tflite` looks rows up by numbers that int8 would round."""
    model = tflite.read(content)
    graph = model.subgraphs[0]
    makers = {int(i): op for op in graph.operators for i in op.outputs}
    lookups = [op for op in graph.operators if tflite.op_name(model, op) == "GATHER"]
    left = [int(op.inputs[1]) for op in lookups]
    while left:
        op = makers.get(left.pop())
        for i in [] if op is None else op.inputs:
            real = tflite.tensor_info(graph.tensors[i]).dtype == np.float32
            if not real:
                left.append(int(i))
            elif tflite.op_name(model, op) == "CAST":
                raise UserError(
                    "model: received an Embedding that reads float32, which int8 rounds to 256 "
                    "values, expected integers; build it with keras.Input(..., dtype='int32') and "
                    "give it these weights with set_weights"
                )
