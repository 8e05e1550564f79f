"""One run: what is asked before it is trained, and what its result says of the network."""

import keras
import numpy as np
import pytest

from hmd_tflm.benchmarks.paper import run as module
from hmd_tflm.benchmarks.paper.results import Cell, Run
from hmd_tflm.errors import UserError
from hmd_tflm.layers.pruning import prunable
from hmd_tflm.layers.train import build

PRUNED = Run(Cell("digits", "pruned", 4.0), 0.006, 0)


def test_a_missing_compiler_is_noticed_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_train", pytest.fail)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="arm-none-eabi-gcc is not in PATH"):
        module.execute(PRUNED)


def test_the_size_of_a_pruned_network_is_what_is_left_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def untrained(method, bench, data, shape, budget, run) -> keras.Model:
        model = build(data, shape, activation="linear")
        (matrix,) = prunable(model)
        matrix.assign(np.arange(shape.parameters).reshape(matrix.shape) < 1234)
        matrix.assign(matrix / 64)
        return model

    monkeypatch.setattr(module, "_train", untrained)
    result = module.execute(PRUNED)
    assert result["parameters"] == 1234 != result["budget"]
