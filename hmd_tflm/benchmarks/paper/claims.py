"""What arXiv 1906.04886 claims in its abstract, held against the entries of the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import hypot

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.results import Cell
from hmd_tflm.benchmarks.paper.summary import Entry

HMD, LMF, PRUNED = "hmd", "lmf", "pruned"
SEEDS = 3  # that an accuracy needs to be compared
Entries = dict[Cell, Entry]


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark and factor: a sentence's worth of numbers, and whether the claim holds."""

    cell: Cell
    what: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and every case that the results have of it."""

    title: str
    cases: tuple[Case, ...]

    @property
    def verdict(self) -> str:
        """In words, with the count."""
        held = sum(case.holds for case in self.cases)
        if not self.cases:
            return "not measured yet"
        words = {0: "does not hold", len(self.cases): "holds"}.get(held, "holds in part")
        return f"{words}: in {held} of {len(self.cases)} cases"


def claims(entries: Entries) -> list[Claim]:
    """Each claim with its cases."""
    return [
        Claim("HMD runs faster than a pruned layer of the same size", (*_faster(entries),)),
        Claim("HMD keeps more accuracy than LMF of the same size", (*_better(entries, LMF),)),
        Claim(
            "HMD 2 to 4 times smaller is as good as the dense network, within two deviations",
            (*_as_good(entries),),
        ),
        Claim("HMD keeps more accuracy than a small dense layer", (*_better(entries, "small"),)),
    ]


def gain(cell: Cell, ours: float, theirs: float) -> float:
    """By how much the first value of the metric is better than the second."""
    up = METRICS[benchmark.load(cell.benchmark).metric].higher_is_better
    return ours - theirs if up else theirs - ours


def _pairs(
    entries: Entries, other: Callable[[Cell], Cell], seeds: int = SEEDS
) -> Iterator[tuple[Entry, Entry]]:
    for cell, entry in entries.items():
        against = entries.get(other(cell))
        if cell.method == HMD and against and min(entry.seeds, against.seeds) >= seeds:
            yield entry, against


def _faster(entries: Entries) -> Iterator[Case]:
    for hmd, pruned in _pairs(entries, lambda c: Cell(c.benchmark, PRUNED, c.factor), 1):
        ratio = pruned.cycles / hmd.cycles
        yield Case(hmd.cell, f"{ratio:.2f} times as fast", ratio > 1)


def _better(entries: Entries, method: str) -> Iterator[Case]:
    for hmd, other in _pairs(entries, lambda c: Cell(c.benchmark, method, c.factor)):
        yield _difference(hmd, other, lambda better, _: better > 0)


def _as_good(entries: Entries) -> Iterator[Case]:
    for hmd, dense in _pairs(entries, lambda c: Cell(c.benchmark, "dense", 1.0)):
        yield _difference(hmd, dense, lambda better, deviation: better > -2 * deviation)


def _difference(ours: Entry, theirs: Entry, holds: Callable[[float, float], bool]) -> Case:
    unit = METRICS[benchmark.load(ours.cell.benchmark).metric].unit
    better = gain(ours.cell, ours.float_mean, theirs.float_mean)
    deviation = hypot(ours.float_std, theirs.float_std)
    word = "better" if better > 0 else "worse"
    return Case(
        ours.cell,
        f"{abs(better):.2f} {unit} {word}, deviation {deviation:.2f}",
        holds(better, deviation),
    )
