"""What a result rests on besides chance; a result with other conditions is none of the same comparison."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark, methods
from hmd_tflm.benchmarks.paper.results import Run


def conditions(run: Run) -> dict[str, Any]:
    """The shape, budget, recipe and data of a run, as its result has them.

    Raises:
        UserError: an unknown name or a missing data set.
    """
    cell, bench = run.cell, benchmark.load(run.cell.benchmark)
    size = (bench.inputs, bench.units, bench.gates)
    budget = methods.budget(*size, cell.factor)
    shape = methods.shape(cell.method, *size, budget)
    assert shape is not None, "the sweep plans no method that cannot be so small"
    return {
        "structure": asdict(shape),
        "budget": budget,
        "recipe": asdict(bench.recipe(run.learning_rate)),
        **data(bench.dataset),
    }


@cache
def data(name: str) -> dict[str, Any]:
    """How many sequences a data set has and the SHA-256 of all its arrays: files of one name can differ.

    Raises:
        UserError: it is not there.
    """
    arrays, digest = datasets.load(name), hashlib.sha256()
    for split in datasets.SPLITS:
        for array in (getattr(arrays, f"x_{split}"), getattr(arrays, f"y_{split}")):
            digest.update(np.ascontiguousarray(array).data)
    return {
        "sequences": {split: len(getattr(arrays, f"x_{split}")) for split in datasets.SPLITS},
        "data_sha256": digest.hexdigest(),
    }
