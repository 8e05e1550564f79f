"""A sweep repeats nothing and loses nothing, with engines that take the results from a table."""

import json
from collections import Counter
from concurrent.futures import Future
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm.benchmarks.paper import benchmark, results, sweep
from hmd_tflm.benchmarks.paper.conditions import conditions
from hmd_tflm.benchmarks.paper.engines import Engine, engine
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run
from hmd_tflm.benchmarks.paper.tuning import best_rate
from hmd_tflm.errors import UserError

CELLS = [Cell("digits", "dense", 1.0), Cell("digits", "hmd", 2.0), Cell("digits", "lmf", 4.0)]
RATES = benchmark.load("digits").learning_rates


def result(run: Run) -> Result:
    """As `execute` writes it; the larger rate does better, but not for the dense network."""
    better = max(RATES) if run.cell.method != "dense" else min(RATES)
    return {
        "benchmark": run.cell.benchmark,
        "method": run.cell.method,
        "factor": run.cell.factor,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
        "validation": 90.0 + (run.learning_rate == better),
        **conditions(run),
    }


class Stopped(Exception):
    """The machine went down."""


class Recorder:
    """Finishes runs at once; raises in the sweep when `stop` of them are begun."""

    def __init__(self, stop: int | None = None, broken: tuple[Cell, ...] = ()) -> None:
        self.begun: list[Run] = []
        self.stop, self.broken = stop, broken

    def submit(self, run: Run) -> Future[Result]:
        if len(self.begun) == self.stop:
            raise Stopped
        self.begun.append(run)
        future: Future[Result] = Future()
        if run.cell in self.broken:
            future.set_exception(UserError("a broken run"))
        else:
            future.set_result(result(run))
        return future

    def sweep(self, folder: Path, workers: int = 2, seeds: int = 3) -> list[object]:
        return list(sweep.sweep(CELLS, seeds, Engine(workers, self.submit), folder))


def test_each_rate_is_tried_once_and_the_best_one_gets_the_seeds(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.sweep(tmp_path)
    assert max(Counter(recorder.begun).values()) == 1
    for cell in CELLS:
        runs = [run for run in recorder.begun if run.cell == cell]
        assert [(r.learning_rate, r.seed) for r in runs[:2]] == [(rate, 0) for rate in RATES]
        best = min(RATES) if cell.method == "dense" else max(RATES)
        assert [(r.learning_rate, r.seed) for r in runs[2:]] == [(best, 1), (best, 2)]
    assert set(results.read(tmp_path)) == set(recorder.begun)
    assert sweep.size(CELLS, 3, results.read(tmp_path)) == (12, 12)


def test_the_order_of_results_does_not_choose_between_equal_rates() -> None:
    tried = {Run(CELLS[1], rate, 0): {"validation": 90.0} for rate in RATES}
    for found in (tried, dict(reversed(tried.items()))):
        assert best_rate(found, CELLS[1]) == min(RATES)


@pytest.mark.parametrize("name", ["structure", "budget", "recipe", "sequences", "data_sha256"])
def test_results_of_other_conditions_do_not_count(tmp_path: Path, name: str) -> None:
    run = Run(CELLS[1], RATES[0], 0)
    results.write(tmp_path, run, result(run) | {name: "another"})
    with pytest.raises(UserError, match=f"{run.file}: received a result with {name} another"):
        Recorder().sweep(tmp_path)
    other = sweep.sweep([CELLS[2]], 1, Engine(1, Recorder().submit), tmp_path)
    assert len(list(other)) == len(RATES), "of a cell that is not in this sweep they do no harm"


@given(st.integers(0, 12), st.integers(1, 5))
def test_after_an_interruption_only_the_rest_is_run(
    tmp_path_factory: pytest.TempPathFactory, stop: int, workers: int
) -> None:
    folder = tmp_path_factory.mktemp("results")
    first, second = Recorder(stop), Recorder()
    try:
        first.sweep(folder, workers)
    except Stopped:
        pass
    done = results.read(folder)
    assert sweep.size(CELLS, 3, done) == (12, len(done))
    second.sweep(folder, workers)
    assert set(second.begun).isdisjoint(done)
    assert len(results.read(folder)) == 12 == len(done) + len(second.begun)


def test_a_failed_run_is_reported_once_and_the_others_go_on(tmp_path: Path) -> None:
    recorder = Recorder(broken=(CELLS[1],))
    ends = recorder.sweep(tmp_path)
    failures = [end for end in ends if isinstance(end, sweep.Failure)]
    assert sorted(f.run for f in failures) == [Run(CELLS[1], rate, 0) for rate in RATES]
    assert {run.cell for run in results.read(tmp_path)} == {CELLS[0], CELLS[2]}


def test_more_seeds_add_only_those(tmp_path: Path) -> None:
    Recorder().sweep(tmp_path, seeds=2)
    more = Recorder()
    more.sweep(tmp_path, seeds=4)
    assert sorted({run.seed for run in more.begun}) == [2, 3] and len(more.begun) == 6


@pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps(result(Run(CELLS[0], 0.5, 9)))])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / Run(CELLS[0], RATES[0], 0).file
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(UserError, match=f"{path.name}: is not the result that its name says"):
        results.read(tmp_path)


def test_cells_leave_out_what_cannot_be() -> None:
    assert sweep.cells(["digits"] * 2, ["dense", "lmf", "lmf"], [4.0]) == [CELLS[0], CELLS[2]]
    both = sweep.cells(["digits"], ["hmd", "hmd_taught", "hmd_g2"], [4.0, 2.0])
    assert [(cell.method, cell.factor) for cell in both] == [
        ("hmd", 4.0), ("hmd_taught", 4.0), ("hmd_g2", 4.0), ("hmd", 2.0)
    ]  # fmt: skip
    assert sweep.cells(["digits"], ["hmf_d16"], [2.0, 8.0]) == [Cell("digits", "hmf_d16", 2.0)]
    with pytest.raises(UserError, match="nothing to compare: hmd cannot be so small"):
        sweep.cells(["digits"], ["hmd"], [30.0, 1e5])


@pytest.mark.parametrize("factor", [0.5, 1.0, nan, inf])
def test_factors_are_numbers_above_one(factor: float) -> None:
    with pytest.raises(UserError, match=f"factors: received {factor:g}, expected numbers above 1"):
        sweep.cells(["digits"], ["lmf"], [2.0, factor])


@pytest.mark.parametrize("name", ["dask", "ray", "local:2"])
def test_other_engines_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"engine: received '{name}', expected local or ray"):
        engine(name, 2)
