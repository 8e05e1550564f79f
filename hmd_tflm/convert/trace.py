"""From a Keras model to a float `.tflite` in which an LSTM op stands for each HMD layer.

The stock converter knows an LSTM only as a function that claims to implement one: it replaces the
body of such a function by UNIDIRECTIONAL_SEQUENCE_LSTM, so the body below has the right types and
no meaning. A GRU has no such op: there the LSTM op only marks its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from hmd_tflm.errors import UserError, reason
from hmd_tflm.layers.factored import FactoredLayer
from hmd_tflm.layers.quantized import Ranges
from hmd_tflm.layers.recurrence import override
from hmd_tflm.op.cells import Cell, cell_of
from hmd_tflm.op.quantize import Factors
from hmd_tflm.quiet import quiet
from hmd_tflm.structure import Structure


@dataclass(frozen=True, slots=True)
class TracedLayer:
    """One call of an HMD layer, in the order of the calls.

    Attributes:
        name: the Keras layer's.
        kernels: the effective matrices, float32 ``[gates, units, columns]``.
        ranges: with which the weights were trained, of a `QuantizedHMDLSTM`; else None.
    """

    name: str
    structure: Structure
    factors: Factors
    kernels: NDArray[np.float32]
    return_sequences: bool
    stateful: bool
    go_backwards: bool
    ranges: Ranges | None = None

    @property
    def cell(self) -> Cell:
        """Of its op."""
        return cell_of(self.structure.gates)

    @property
    def stand_in_kernels(self) -> NDArray[np.float32]:
        """Those of the LSTM op, ``[4, units, columns]``: a GRU's last gate stands there twice."""
        return self.kernels[_FOUR_GATES]


_FOUR_GATES = [0, 1, 2, -1]


def trace(model: keras.Model, sample: NDArray) -> tuple[bytes, list[TracedLayer]]:
    """Convert without quantising.

    Args:
        model: a built Keras model with one input of fixed shape.
        sample: one input ``[1, ...]`` in the model's type.

    Returns:
        The float `.tflite` (with the fields that calibration fills), and its HMD layers.

    Raises:
        UserError: an unsupported layer or option; the message names it.
    """
    layers = _checked_layers(model)
    records = {layer: _record(layer) for layer in layers}
    traced: list[TracedLayer] = []
    problems: list[UserError] = []  # Keras wraps what is raised in a call in lines of its own

    def fused(
        layer: FactoredLayer, sequences: Any, initial_state: Any, mask: Any, *_: Any
    ) -> tuple[Any, Any, list[Any]]:
        try:
            _check_call(layer, initial_state, mask)
        except UserError as error:
            problems.append(error)
            raise
        outputs = _stand_in(records[layer], sequences, f"lstm_hmd_{len(traced)}")
        traced.append(records[layer])
        last = outputs[:, -1]
        return last, outputs, [last for _ in initial_state]

    def serve(x: Any) -> Any:
        traced.clear()  # saving traces once more
        return model(x, training=False)

    spec = tf.TensorSpec(sample.shape, sample.dtype, name=model.inputs[0].name)
    holder = tf.Module()  # only functions that go through a SavedModel are fused
    holder.weights = [weight.value for weight in model.weights]
    holder.serve = tf.function(serve, input_signature=[spec], autograph=False)
    with _stateless(layers), override(fused):
        try:
            converter = tf.lite.TFLiteConverter.from_concrete_functions(
                [holder.serve.get_concrete_function()], holder
            )
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: iter([[sample]])
            converter._experimental_calibrate_only = True
            with quiet():
                return converter.convert(), traced
        except Exception as error:  # Keras and the converter raise many kinds, with long reports
            if problems:
                raise problems[0] from None
            raise UserError(
                f"model {model.name}: TensorFlow Lite does not convert it ({reason(error)})"
            ) from error


def _stand_in(record: TracedLayer, sequences: Any, name: str) -> Any:
    """The outputs ``[1, steps, units]`` in the order of the steps' processing."""
    steps, s = sequences.shape[1], record.structure
    if record.go_backwards:
        sequences = tf.reverse(sequences, [1])
    stacked = record.stand_in_kernels.transpose(2, 0, 1).reshape(s.columns, 4 * s.units)
    bias = record.factors.bias[_FOUR_GATES].astype(np.float32).ravel()

    def body(x: Any, h: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
        sums = (tf.matmul(x[:, 0], kernel) + tf.matmul(h, recurrent) + bias)[:, : s.units] + c
        return sums, tf.tile(sums[:, None], [1, steps, 1]), sums, 2 * sums, tf.constant(1.0)

    attributes = {
        "api_implements": name,
        "api_preferred_device": "CPU",
        "time_major": False,
        "go_backwards": False,
    }
    op = tf.function(body, autograph=False, experimental_attributes=attributes)
    zeros = tf.zeros([1, s.units])
    kernel, recurrent = tf.constant(stacked[: s.inputs]), tf.constant(stacked[s.inputs :])
    return op(sequences, zeros, zeros, kernel, recurrent, tf.constant(bias))[1]


def _record(layer: FactoredLayer) -> TracedLayer:
    s = layer.cell.structure
    dense, projection, expansion = (f.astype(np.float64) for f in layer.cell.factors())
    bias = np.zeros(s.gates * s.units) if layer.cell.bias is None else np.asarray(layer.cell.bias)
    return TracedLayer(
        name=layer.name,
        structure=s,
        factors=Factors(dense, projection, expansion, bias.reshape(s.gates, s.units).astype(float)),
        kernels=s.effective(dense, projection, expansion).astype(np.float32),
        return_sequences=layer.return_sequences,
        stateful=layer.stateful,
        go_backwards=layer.go_backwards,
        ranges=getattr(layer, "ranges", None),
    )


@contextmanager
def _stateless(layers: list[FactoredLayer]) -> Iterator[None]:
    """Keep Keras from assigning states in the trace."""
    stateful = [layer.stateful for layer in layers]
    for layer in layers:
        layer.stateful = False
    try:
        yield
    finally:
        for layer, value in zip(layers, stateful, strict=True):
            layer.stateful = value


def _checked_layers(model: keras.Model) -> list[FactoredLayer]:
    """The HMD layers, after a look at all layers."""
    found = []
    for layer in model._flatten_layers():
        _check_policy(layer)
        if isinstance(layer, FactoredLayer):
            found.append(layer)
            if layer.return_state:
                raise UserError(
                    f"layer {layer.name}: return_state=True is not supported, since the op keeps "
                    "its state inside; use stateful=True to carry it over"
                )
        elif isinstance(layer, keras.layers.RNN):
            raise UserError(
                f"layer {layer.name}: received {type(layer).__name__}, expected HMDLSTM or HMDGRU, "
                "the recurrent layers that this tool converts (rows=units makes them ordinary ones)"
            )
    if not found:
        raise UserError(
            f"model {model.name}: received no HMDLSTM or HMDGRU layer, expected one or more; use "
            "tf.lite.TFLiteConverter for models without"
        )
    return found


def _check_policy(layer: keras.layers.Layer) -> None:
    """Integers are made from float32 only; what an `InputLayer` may be is checked before."""
    received = layer.dtype_policy
    computes = received.compute_dtype
    if "float" in computes and computes != "float32":
        raise UserError(
            f"layer {layer.name}: received the dtype policy {received.name}, expected float32; "
            "build the model again with dtype='float32' and give it these weights with set_weights"
        )


def _check_call(layer: FactoredLayer, initial_state: Any, mask: Any) -> None:
    if mask is not None:
        raise UserError(
            f"layer {layer.name}: received a mask, which the op cannot honour; cut or pad the "
            "sequences to one length and take the Masking layer (or mask_zero) away"
        )
    for state in initial_state:
        value = tf.get_static_value(state)
        if value is None or np.any(value):
            raise UserError(
                f"layer {layer.name}: initial_state is not supported; the op starts from zero, or "
                "with stateful=True from where it was"
            )
