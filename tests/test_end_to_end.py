"""The same bytes everywhere: NumPy reference, both host runtimes, and firmware in the emulator."""

import os
import shutil
from pathlib import Path

import models
import numpy as np
import pytest

from hmd_tflm import datasets, tflite
from hmd_tflm.codegen import generate
from hmd_tflm.op.read import read_layers
from hmd_tflm.op.reference import run
from hmd_tflm.runtime import Interpreter

pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")
from hmd_tflm.convert import convert
from hmd_tflm.simulate.simulate import simulate

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="needs arm-none-eabi-gcc: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
)
ROWS = 2  # on the emulated board
NEEDS_FILES = ("kws12", "har_smartphone")
CASES = [("digits", name) for name in models.MODELS]
CASES += [(NEEDS_FILES[number % 2], name) for number, name in enumerate(models.MODELS)]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all firmware, so that only the model is compiled anew."""
    return tmp_path_factory.mktemp("firmware")


@pytest.mark.parametrize(("dataset", "name"), CASES)
def test_same_bytes_everywhere(dataset: str, name: str, workspace: Path) -> None:
    if dataset in NEEDS_FILES and datasets.VARIABLE not in os.environ:
        pytest.skip(f"needs {dataset}.npz: set {datasets.VARIABLE} to its folder")
    data = datasets.load(dataset)
    model = models.build(name, *data.x_train.shape[1:])
    content = convert(model, models.data(name, data.calibration()[:20])).content
    x = models.data(name, data.x_test[:12])
    layers = read_layers(tflite.read(content))
    tensors = [layer.tensors[t] for layer in layers for t in ("x", "y")]
    outputs = {}
    for runtime in ("tflite-runtime", "litert"):
        with Interpreter(content, runtime, keep=True) as interpreter:
            rows = interpreter.inputs[0].quantize(x)
            results = interpreter.run_integers(rows, tensors=tensors)
        outputs[runtime] = np.stack([row[0] for row in results])
        for number, layer in enumerate(layers):
            op_x, op_y = (np.stack([row[1 + 2 * number + i] for row in results]) for i in (0, 1))
            np.testing.assert_array_equal(op_y, run(layer.integers, op_x))
    difference = outputs["litert"].astype(int) - outputs["tflite-runtime"]
    assert np.abs(difference).max() <= 2  # LiteRT's own FULLY_CONNECTED rounds otherwise
    generate(content, workspace)
    board = simulate(workspace, "disco_f407vg", rows[:ROWS])
    np.testing.assert_array_equal(board.outputs, outputs["tflite-runtime"][:ROWS])
