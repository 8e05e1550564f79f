"""One run: what is asked before it is trained, and what its result says of the network."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark, methods
from hmd_tflm.benchmarks.paper import run as module
from hmd_tflm.benchmarks.paper.results import Cell, Run
from hmd_tflm.errors import UserError
from hmd_tflm.layers.pruning import prunable
from hmd_tflm.layers.train import build
from hmd_tflm.structure import Structure

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


def test_a_taught_network_starts_from_the_dense_one_and_learns_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings, train = [], module.train

    def spied(model: keras.Model, *arguments: Any, **options: Any) -> None:
        bias = np.sort(model.layers[0].cell.bias)
        trainings.append((model.layers[0].cell.structure, bias, options.get("teacher")))
        train(model, *arguments, **options)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "train", spied)
    bench = dataclasses.replace(benchmark.load("digits"), epochs=1)
    data, shape = datasets.load(bench.dataset), Structure.hmd(bench.inputs, bench.units, 4)
    run = Run(Cell("digits", "hmd_taught", 4.0), 0.006, 0)
    first, again = (
        module._train(methods.METHODS["hmd_taught"], bench, data, shape, 0, run) for _ in range(2)
    )
    dense, student, next_student = trainings
    assert dense[0].rows == bench.units and dense[2] is None
    for structure, bias, teacher in (student, next_student):
        assert structure == shape
        assert teacher.layers[0].cell.structure == dense[0]
        np.testing.assert_array_equal(bias, np.sort(teacher.layers[0].cell.bias))
        assert np.abs(bias - dense[1]).max() > 0, "the teacher has been trained"
    for weight, same in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(weight, same)
