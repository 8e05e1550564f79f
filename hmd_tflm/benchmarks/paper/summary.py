"""From result files to one entry for each benchmark, method and factor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run
from hmd_tflm.benchmarks.paper.tuning import best_rate
from hmd_tflm.errors import UserError


@dataclass(frozen=True, slots=True)
class Entry:
    """The runs of one cell with the learning rate that did best on the validation split.

    Attributes:
        seeds: how many trainings.
        float_mean, float_std: of the metric on the test split; the deviation of a sample, 0 of one.
        int8_mean, int8_std: the same of the converted models.
        parameters: weights of the recurrent layer (in each direction).
        compression: dense weights over these.
        instructions, cycles, weights_bytes: of one inference; of the recurrent layers' constants. Their means.
    """

    cell: Cell
    learning_rate: float
    seeds: int
    float_mean: float
    float_std: float
    int8_mean: float
    int8_std: float
    parameters: int
    compression: float
    instructions: int
    cycles: int
    weights_bytes: int


def summarise(results: dict[Run, Result]) -> dict[Cell, Entry]:
    """An entry of each cell whose learning rate is chosen, in the order of benchmark, factor and method.

    Raises:
        UserError: results of one benchmark are of several data files or recipes.
    """
    _check_comparable(results)
    entries = {}
    cells = {run.cell for run in results}
    for cell in sorted(cells, key=lambda c: (c.benchmark, c.factor, list(METHODS).index(c.method))):
        if (rate := best_rate(results, cell)) is None:
            continue
        chosen = [r for run, r in results.items() if run.cell == cell and run.learning_rate == rate]
        first, structure = chosen[0], chosen[0]["structure"]
        units = benchmark.load(cell.benchmark).units
        dense = structure["gates"] * units * (structure["inputs"] + units)
        entries[cell] = Entry(
            cell,
            rate,
            len(chosen),
            *_spread(r["float"] for r in chosen),
            *_spread(r["int8"] for r in chosen),
            first["parameters"],
            dense / first["parameters"],
            round(mean(r["instructions"] for r in chosen)),
            round(mean(r["cycles"] for r in chosen)),
            round(mean(r["weights_bytes"] for r in chosen)),
        )
    return entries


def _check_comparable(results: dict[Run, Result]) -> None:
    first: dict[str, tuple[Run, Any]] = {}
    for run, result in results.items():
        rests_on = result["data_sha256"], result["recipe"] | {"learning_rate": None}
        one, expected = first.setdefault(run.cell.benchmark, (run, rests_on))
        if rests_on != expected:
            raise UserError(
                f"{run.file}: received a result of {rests_on}, expected {expected} as in {one.file}; "
                "results of other data or recipes need a folder of their own"
            )


def _spread(values: Iterable[float]) -> tuple[float, float]:
    numbers = list(values)
    return mean(numbers), stdev(numbers) if len(numbers) > 1 else 0.0
