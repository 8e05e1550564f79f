"""A sweep: every run whose result is not there yet, in an order that never waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark, methods, results
from hmd_tflm.benchmarks.paper.engines import Engine
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run
from hmd_tflm.errors import UserError


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that raised."""

    run: Run
    error: BaseException


def cells(
    benchmarks: Sequence[str], chosen: Sequence[str], factors: Sequence[float] | None = None
) -> list[Cell]:
    """Every benchmark, method and factor; "dense" once, and no method where it cannot be so small.

    Args:
        benchmarks, chosen: names of benchmarks and of methods.
        factors: those of each benchmark unless given.

    Raises:
        UserError: an unknown name, a missing data set or a factor below 1.
    """
    if factors and min(factors) <= 1:
        raise UserError(f"factors: received {min(factors):g}, expected numbers above 1")
    found = []
    for name in benchmarks:
        bench = benchmark.load(name)
        inputs = datasets.load(bench.dataset).x_train.shape[2]
        for factor in (1.0, *(factors or bench.factors)):
            budget = methods.budget(inputs, bench.units, bench.gates, factor)
            for method in chosen:
                size = (inputs, bench.units, bench.gates, budget)
                if (method == "dense") == (factor == 1) and methods.shape(method, *size):
                    found.append(Cell(name, method, factor))
    return found


def missing(wanted: Iterable[Cell], seeds: int, done: dict[Run, Result]) -> Iterator[Run]:
    """The runs that can begin now: first each learning rate with seed 0, then the best one's seeds."""
    for cell in wanted:
        bench = benchmark.load(cell.benchmark)
        tuning = [Run(cell, rate, 0) for rate in bench.learning_rates]
        left = [run for run in tuning if run not in done]
        if not left:
            rate = results.best_rate(done, cell, METRICS[bench.metric].higher_is_better)
            assert rate is not None
            left = [run for s in range(1, seeds) if (run := Run(cell, rate, s)) not in done]
        yield from left


def size(wanted: Iterable[Cell], seeds: int, done: dict[Run, Result]) -> tuple[int, int]:
    """How many runs a sweep has in all, and how many of them are done."""
    runs = finished = 0
    for cell in wanted:
        rates = len(benchmark.load(cell.benchmark).learning_rates)
        runs += rates + seeds - 1
        ready = list(missing([cell], seeds, done))
        if ready and ready[0].seed == 0:  # the other seeds cannot begin before these
            finished += rates - len(ready)
        else:
            finished += rates + seeds - 1 - len(ready)
    return runs, finished


def sweep(
    wanted: Sequence[Cell], seeds: int, engine: Engine, folder: Path
) -> Iterator[Result | Failure]:
    """Execute what is missing, write each result when it is there, and yield it.

    A run that fails is not tried again; the others go on.

    Args:
        wanted: what to compare.
        seeds: trainings of each, with the learning rate that was best for it.
        engine: executes the runs.
        folder: of the result files.
    """
    done = results.read(folder)
    running: dict[Future[Result], Run] = {}
    begun: set[Run] = set()
    while True:
        for run in missing(wanted, seeds, done):
            if len(running) < engine.workers and run not in begun:
                begun.add(run)
                running[engine.submit(run)] = run
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            run = running.pop(future)
            if error := future.exception():
                yield Failure(run, error)
                continue
            done[run] = future.result()
            results.write(folder, run, done[run])
            yield done[run]
