"""What conversion to int8 costs on the test splits: of every run, and of the means that are compared."""

from __future__ import annotations

from statistics import mean, stdev

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.claims import Entries, gain
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.results import Result, Run


def losses(results: dict[Run, Result], entries: Entries) -> str:
    """A row for each benchmark, in Markdown; below zero, int8 is better than float.

    Args:
        results: all runs, also with learning rates that are not chosen; the deviation needs two of a benchmark.
        entries: of all cells, as `summarise` makes them.
    """
    head = ("benchmark", "runs", "mean of all runs", "worst run", "worst mean")
    rows = [head, ("---", *["---:"] * (len(head) - 1))]
    for name in dict.fromkeys(cell.benchmark for cell in entries):
        bench = benchmark.load(name)
        unit = METRICS[bench.metric].unit
        runs = [
            gain(run.cell, result["float"], result["int8"])
            for run, result in results.items()
            if run.cell.benchmark == name
        ]
        means = [
            gain(cell, entry.float_mean, entry.int8_mean)
            for cell, entry in entries.items()
            if cell.benchmark == name
        ]
        values = (f"{mean(runs):.3f} ± {stdev(runs):.3f}", f"{max(runs):.2f}", f"{max(means):.2f}")
        rows.append((f"{bench.title}, {unit}", str(len(runs)), *values))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
