"""A sweep: every run whose result is not there yet, in an order that never waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from math import inf
from pathlib import Path

from hmd_tflm.benchmarks.paper import benchmark, methods, results
from hmd_tflm.benchmarks.paper.conditions import conditions, data
from hmd_tflm.benchmarks.paper.engines import Engine
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run
from hmd_tflm.benchmarks.paper.tuning import best_rate
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

    Other trainings and other readings of a method are compared at the largest factor only, where
    most is to be regained.

    Args:
        benchmarks, chosen: names of benchmarks and of methods.
        factors: those of each benchmark unless given.

    Raises:
        UserError: an unknown name, a missing data set, a factor that is none, or nothing to compare.
    """
    for factor in factors or ():
        if not 1 < factor < inf:
            raise UserError(f"factors: received {factor:g}, expected numbers above 1")
    found = []
    for name in benchmarks:
        bench = benchmark.load(name)
        data(bench.dataset)
        compared = factors or bench.factors
        for factor in (1.0, *compared):
            size = (bench.inputs, bench.units, bench.gates)
            budget = methods.budget(*size, factor)
            for method in chosen:
                variation = methods.method(method).base is not None
                if (method == "dense") != (factor == 1) or variation and factor != max(compared):
                    continue
                if methods.shape(method, *size, budget):
                    found.append(Cell(name, method, factor))
    if not found:
        raise UserError(
            f"nothing to compare: {' '.join(chosen)} cannot be so small; choose other methods, or "
            "smaller --factors"
        )
    return list(dict.fromkeys(found))


def check(wanted: Sequence[Cell], done: dict[Run, Result]) -> None:
    """Results of other conditions must not count as finished runs of this sweep.

    Raises:
        UserError: the recipe, the shape or the data set of a result is not today's.
    """
    for run, result in done.items():
        if run.cell in wanted:
            for name, today in conditions(run).items():
                if result.get(name) != today:
                    raise UserError(
                        f"{run.file}: received a result with {name} {result.get(name)}, expected "
                        f"{today}; give another folder with --results, or delete such results"
                    )


def missing(wanted: Iterable[Cell], seeds: int, done: dict[Run, Result]) -> Iterator[Run]:
    """The runs that can begin now: first each learning rate with seed 0, then the best one's seeds."""
    for cell in wanted:
        rate = best_rate(done, cell)
        if rate is None:
            tuning = benchmark.load(cell.benchmark).learning_rates
            runs = [Run(cell, one, 0) for one in tuning]
        else:
            runs = [Run(cell, rate, seed) for seed in range(1, seeds)]
        yield from (run for run in runs if run not in done)


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

    Raises:
        UserError: what `check` raises, or a file in the folder is not a result.
    """
    done = results.read(folder)
    check(wanted, done)
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
