"""Processes that execute runs."""

import multiprocessing
from concurrent.futures.process import BrokenProcessPool

from hmd_tflm.benchmarks.paper.engines import local
from hmd_tflm.benchmarks.paper.results import Cell, Run


def test_a_process_that_dies_takes_only_its_own_run_along() -> None:
    cell = Cell("digits", "hmd", 4.0)
    with local(2) as engine:
        doomed = engine.submit(Run(cell, 0.003, 0))
        (process,) = multiprocessing.active_children()
        other = engine.submit(Run(cell, 0.006, 0))
        process.kill()
        assert isinstance(doomed.exception(), BrokenProcessPool)
        again = engine.submit(Run(cell, 0.003, 0))
        for future, rate in ((other, 0.006), (again, 0.003)):
            assert future.result()["learning_rate"] == rate
    assert not multiprocessing.active_children()
