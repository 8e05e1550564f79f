"""The methods at a glance: one row for a method and factor, one column for a benchmark."""

from __future__ import annotations

from statistics import geometric_mean

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.claims import SEEDS, Entries
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.results import Cell


def overview(entries: Entries, factors: tuple[float, ...]) -> str:
    """Mean metrics of the converted models and the speed-up over dense, in Markdown.

    The best of each benchmark and factor is bold; cells with fewer than three seeds are empty.

    Args:
        entries: of all cells.
        factors: those to show, below the dense networks.
    """
    whole = {cell: entry for cell, entry in entries.items() if entry.seeds >= SEEDS}
    names = list(dict.fromkeys(cell.benchmark for cell in whole))
    titles = [f"{(b := benchmark.load(name)).title}, {METRICS[b.metric].unit}" for name in names]
    rows = [("method", *titles, "dense / this, cycles"), ("---", *["---:"] * (len(names) + 1))]
    for factor in (1.0, *factors):
        for method, one in METHODS.items():
            cells = [Cell(name, method, factor) for name in names]
            if any(cell in whole for cell in cells):
                title = one.title if factor == 1 else f"{one.title} {factor:g}x"
                rows.append((title, *(_value(whole, cell) for cell in cells), _speed(whole, cells)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _value(entries: Entries, cell: Cell) -> str:
    if cell not in entries:
        return ""
    better = max if METRICS[benchmark.load(cell.benchmark).metric].higher_is_better else min
    rivals = [
        entry.int8_mean
        for other, entry in entries.items()
        if (other.benchmark, other.factor) == (cell.benchmark, cell.factor)
    ]
    entry = entries[cell]
    text = spread(entry.int8_mean, entry.int8_std, entry.seeds)
    best = len(rivals) > 1 and entry.int8_mean == better(rivals)
    return f"**{text}**" if best else text


def spread(mean: float, deviation: float, seeds: int) -> str:
    """A mean with its deviation, where there is one."""
    return f"{mean:.2f} ± {deviation:.2f}" if seeds > 1 else f"{mean:.2f}"


def _speed(entries: Entries, cells: list[Cell]) -> str:
    """How many times as fast as dense: the geometric mean, if the row has all benchmarks."""
    dense = [Cell(cell.benchmark, "dense", 1.0) for cell in cells]
    if not all(cell in entries for cell in (*cells, *dense)):
        return ""
    pairs = zip(dense, cells, strict=True)
    return f"{geometric_mean(entries[a].cycles / entries[b].cycles for a, b in pairs):.2f}"
