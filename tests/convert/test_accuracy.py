"""What int8 costs: against float on real test sets, and against TensorFlow Lite's own int8 LSTM."""

import os
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm import datasets, tflite
from hmd_tflm.convert import convert
from hmd_tflm.convert.calibrate import calibrate
from hmd_tflm.convert.convert import _quantize_rest
from hmd_tflm.convert.load import load_model
from hmd_tflm.convert.splice import lstm_ops
from hmd_tflm.convert.trace import trace
from hmd_tflm.layers.train import accuracy, build, train
from hmd_tflm.runtime import Interpreter

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


def test_a_dense_layer_agrees_with_tflites_own_int8_lstm() -> None:
    """On 1000 real inputs: probabilities within 0.005 (rms), the same class in 99.5 %."""
    data = datasets.load("digits")
    model = build(data, "dense", 1.0, data.recipe.units)
    train(model, data, data.recipe)
    x = np.concatenate([data.x_test, data.x_val, data.x_train])[:1000]
    ours = convert(model, data.calibration()).content
    seen = calibrate(trace(model, x[:1])[0], data.calibration(), stateful=False)
    theirs = _quantize_rest(seen.model, x.dtype)
    assert len(lstm_ops(tflite.read(theirs))) == 1 and not lstm_ops(tflite.read(ours))
    outputs = []
    for content in (ours, theirs):
        with Interpreter(content) as interpreter:
            rows = []
            for row in x:
                interpreter.reset()  # their op keeps its state from row to row
                rows.append(interpreter.run(row[None])[0])
            outputs.append(np.stack(rows))
    assert np.mean(outputs[0].argmax(-1) == outputs[1].argmax(-1)) >= 0.995
    assert np.sqrt(np.mean(np.square(outputs[0] - outputs[1]))) < 0.005
    in_float = model.predict(x, verbose=0)
    errors = [np.sqrt(np.mean(np.square(y - in_float))) for y in outputs]
    assert errors[0] <= 1.1 * errors[1]
