"""Data sets as sequences of inferences, and what counts for accuracy."""

import numpy as np
import pytest
from device.conftest import MODELS

from hmd_tflm.datasets import Dataset, Recipe
from hmd_tflm.device.workload import Workload, from_dataset
from hmd_tflm.errors import UserError
from hmd_tflm.runtime import Interpreter

STREAMING, HMD = ((MODELS / f"{name}.tflite").read_bytes() for name in ("streaming", "hmd"))


def dataset(steps: int, features: int = 9) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, steps, features)).astype(np.float32)
    y = rng.integers(0, 4, 10).astype(np.int32)
    return Dataset("made", Recipe(1, 1, 1, 1), tuple("abcd"), *(x, y) * 3)


def test_a_stateful_model_reads_a_sequence_step_by_step():
    data = dataset(5)
    work = from_dataset(STREAMING, data)
    assert (work.rows.shape, work.length, work.stateful) == ((50, 1, 9), 5, True)
    with Interpreter(STREAMING) as interpreter:
        outputs, classes = [], []
        for sequence in data.x_test:
            interpreter.reset()
            frames = interpreter.inputs[0].quantize(sequence[:, None])
            outputs.append(interpreter.run(frames))
            classes.append(outputs[-1][-1].argmax())
    outputs = np.concatenate(outputs)
    assert work.accuracy(outputs) == np.mean(classes == data.y_test)
    assert work.accuracy(outputs[:14]) == np.mean(classes[:2] == data.y_test[:2])
    assert work.accuracy(outputs[:4]) is None


def test_a_stateless_model_reads_a_sequence_at_once():
    data = dataset(12)
    work = from_dataset(HMD, data, most=4)
    assert (work.rows.shape, work.length, work.stateful) == ((4, 12, 9), 4, False)
    np.testing.assert_array_equal(work.labels, data.y_test[[0, 3, 6, 9]])


def test_each_step_may_have_a_label():
    labels = np.array([[0, 1], [1, 1]], np.int32)
    scores = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.int8)
    rows = np.zeros((4, 1, 3), np.int8)
    assert Workload(rows, 2, True, labels).accuracy(scores) == 0.75
    at_once = scores.reshape(2, 2, 2)
    assert Workload(np.zeros((2, 2, 3), np.int8), 2, False, labels).accuracy(at_once) == 0.75


@pytest.mark.parametrize(
    ("content", "steps", "features", "message"),
    [
        (HMD, 7, 9, r"received \[10, 7, 9\] of float32, expected \[n, 12, 9\]"),
        (STREAMING, 5, 8, r"received \[50, 1, 8\] of float32, expected \[n, 1, 9\]"),
    ],
)
def test_sequences_of_another_shape(content, steps, features, message):
    with pytest.raises(UserError, match=message):
        from_dataset(content, dataset(steps, features))
