"""Processes that execute runs."""

import multiprocessing
from concurrent.futures.process import BrokenProcessPool

import pytest

from hmd_tflm.benchmarks.paper.engines import local
from hmd_tflm.benchmarks.paper.results import Cell, Run
from hmd_tflm.errors import UserError


def run(benchmark: str) -> Run:
    """One that trains on digits only, and otherwise answers with its error at once."""
    return Run(Cell(benchmark, "hmd", 4.0), 0.003, 0)


def test_a_process_that_dies_takes_only_its_own_run_along() -> None:
    with local(2) as engine:
        doomed = engine.submit(run("digits"))
        (process,) = multiprocessing.active_children()
        other = engine.submit(run("one"))
        process.kill()
        assert isinstance(doomed.exception(), BrokenProcessPool)
        again = engine.submit(run("two"))
        for future, name in ((other, "one"), (again, "two")):
            with pytest.raises(UserError, match=f"benchmark: received '{name}'"):
                future.result()
    assert not multiprocessing.active_children()
