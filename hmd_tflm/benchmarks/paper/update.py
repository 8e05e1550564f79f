"""Costs of finished runs, measured anew after the kernels have changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import keras
import numpy as np

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.results import Result, Run
from hmd_tflm.benchmarks.paper.run import measure_cost
from hmd_tflm.convert import convert
from hmd_tflm.layers.train import build
from hmd_tflm.structure import Structure


def updated(results: dict[Run, Result]) -> Iterator[tuple[Run, Result]]:
    """Each result with what its network costs now.

    A dense kernel's cost follows from the shape but for some ten cycles in a million, so that an
    untrained network shows it. What a pruned network costs with indices depends on where they are:
    where that was the faster form, the result stays as it is.
    """
    for run, result in results.items():
        now = untrained_cost(run.cell.benchmark, Structure(**result["structure"]))
        sparse = METHODS[run.cell.method].pruned and result["weights_bytes"] != now["weights_bytes"]
        yield run, result if sparse else result | now


@cache
def untrained_cost(bench: str, shape: Structure) -> dict[str, int]:
    """The cost fields of a result, of a network of this shape with random weights."""
    one = benchmark.load(bench)
    data = datasets.load(one.dataset)
    model = build(data, shape, bidirectional=one.bidirectional, activation="linear")
    noise = np.random.default_rng(0)  # biases of zero would take fewer bytes of the file
    model.set_weights([w + noise.normal(0, 0.1, w.shape) for w in model.get_weights()])
    cost = measure_cost(convert(model, data.calibration()).content, data)
    keras.utils.clear_session()
    return cost
