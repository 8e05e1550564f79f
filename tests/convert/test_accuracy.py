"""What int8 costs: against float on real test sets, and against TensorFlow Lite's own int8 LSTM."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm import datasets, tflite
from hmd_tflm.convert import convert
from hmd_tflm.convert.calibrate import calibrate, stand_in_ops
from hmd_tflm.convert.load import load_model
from hmd_tflm.convert.quantize import quantize_rest
from hmd_tflm.convert.splice import match
from hmd_tflm.convert.trace import trace
from hmd_tflm.layers.train import accuracy, build, train
from hmd_tflm.runtime import Interpreter
from hmd_tflm.structure import Structure

DATA = Path(__file__).parents[1] / "data"
needs_data = pytest.mark.skipif(
    datasets.VARIABLE not in os.environ,
    reason=f"needs real recordings: set {datasets.VARIABLE} to the folder with kws12.npz",
)


@needs_data
@pytest.mark.parametrize(("name", "points"), [("kws12", 0.5), ("har_smartphone", 1.0)])
def test_int8_accuracy_is_that_of_float(name: str, points: float) -> None:
    data = datasets.load(name)
    model = load_model(str(DATA / f"{name}_hmd_2x.keras"))
    in_float = accuracy(model, data.x_test, data.y_test)
    with Interpreter(convert(model, data.calibration()).content) as interpreter:
        in_int8 = np.mean(interpreter.run(data.x_test).argmax(-1) == data.y_test)
    assert in_float > 0.88
    assert abs(in_float - in_int8) <= points / 100


def test_int8_accuracy_of_a_gru_is_that_of_float() -> None:
    data = datasets.load("digits")
    model = build(data, Structure.hmd(8, data.recipe.units, 2.0, gates=3))
    train(model, data, replace(data.recipe, epochs=10))
    x = np.concatenate([data.x_test, data.x_val])
    labels = np.concatenate([data.y_test, data.y_val])
    in_float = accuracy(model, x, labels)
    with Interpreter(convert(model, data.calibration()).content) as interpreter:
        in_int8 = np.mean(interpreter.run(x).argmax(-1) == labels)
    assert in_float > 0.9
    assert abs(in_float - in_int8) <= 0.5 / 100


def run_each_from_zero(content: bytes, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and h of the recurrent op's last step; their op keeps its state otherwise."""
    model = tflite.read(content)
    graph = model.subgraphs[0]
    index = int(graph.operators[0].outputs[0])
    info = tflite.tensor_info(graph.tensors[index])
    rows = []
    with Interpreter(content, keep=True) as interpreter:
        for row in interpreter.inputs[0].quantize(x):
            interpreter.reset()
            rows += interpreter.run_integers(row[None], tensors=[index])
        y = interpreter.outputs[0].dequantize(np.stack([row[0] for row in rows]))
    h = info.dequantize(np.stack([row[1] for row in rows]))
    return y, h if h.ndim == 2 else h[:, -1]


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def test_a_dense_layer_agrees_with_tflites_own_int8_lstm() -> None:
    """On 1000 real inputs, as docs/op.md says."""
    data = datasets.load("digits")
    model = build(data, Structure.dense(8, data.recipe.units))
    train(model, data, data.recipe)
    x = np.concatenate([data.x_test, data.x_val, data.x_train])[:1000]
    ours = convert(model, data.calibration()).content
    float_model, traced = trace(model, x[:1])
    layers = match(tflite.read(float_model), traced)
    seen = calibrate(float_model, layers, data.calibration())
    theirs = quantize_rest(seen.model, x.dtype)
    assert len(stand_in_ops(tflite.read(theirs))) == 1 and not stand_in_ops(tflite.read(ours))
    (our_y, our_h), (their_y, their_h) = (run_each_from_zero(c, x) for c in (ours, theirs))
    assert np.mean(our_y.argmax(-1) == their_y.argmax(-1)) >= 0.995
    assert rms(our_y - their_y) < 0.005
    float_h = np.asarray(model.layers[0](x))
    assert rms(our_h - float_h) <= 1.1 * rms(their_h - float_h)
