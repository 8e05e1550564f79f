"""Which learning rate a cell is trained with."""

from __future__ import annotations

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run


def best_rate(results: dict[Run, Result], cell: Cell) -> float | None:
    """The learning rate with which seed 0 did best on the validation split; of equals the least.

    None until each of the benchmark's rates has been tried.
    """
    bench = benchmark.load(cell.benchmark)
    sign = 1 if METRICS[bench.metric].higher_is_better else -1
    tried = {rate: results.get(Run(cell, rate, 0)) for rate in sorted(bench.learning_rates)}
    scores = {rate: sign * run["validation"] for rate, run in tried.items() if run}
    return max(scores, key=lambda rate: scores[rate]) if len(scores) == len(tried) else None
