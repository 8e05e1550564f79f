"""What arXiv 1906.04886 claims in its abstract and what variations of its methods bring, held against entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

from scipy.stats import t

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.results import Cell
from hmd_tflm.benchmarks.paper.summary import Entry

HMD = "hmd"
BLOCKS_AND_RANKS = ("hmd_k1", "hmd_k4", "hmf_d2", "hmf_d4", "hmf_d8", "hmf_d16")
SEEDS = 3  # that an accuracy needs to be compared
Entries = dict[Cell, Entry]


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark and factor: a sentence's worth of numbers, and whether the claim holds.

    Attributes:
        means: whether it holds by the means alone.
        holds: None if the seeds do not tell.
    """

    cell: Cell
    what: str
    means: bool
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and every case that the results have of it."""

    title: str
    cases: tuple[Case, ...]

    @property
    def verdict(self) -> str:
        """In words, with the counts."""
        if not self.cases:
            return "not measured yet"
        words = {True: "holds in", False: "does not hold in", None: "not decided in"}
        counts = {holds: sum(case.holds is holds for case in self.cases) for holds in words}
        told = ", ".join(f"{words[holds]} {n}" for holds, n in counts.items() if n)
        verdict = f"{told} of {len(self.cases)} cases"
        if counts[None]:
            verdict += f"; by the means alone it holds in {sum(case.means for case in self.cases)}"
        return verdict


def claims(entries: Entries) -> list[Claim]:
    """Each claim with its cases."""
    return [
        Claim("HMD runs faster than a pruned layer of the same size", (*_faster(entries),)),
        Claim(
            "HMD keeps more accuracy than LMF of the same size", (*_better(entries, HMD, "lmf"),)
        ),
        Claim(
            "HMD 2 to 4 times smaller is as good as the dense network",
            (*_as_good(entries),),
        ),
        Claim(
            "HMD keeps more accuracy than a small dense layer", (*_better(entries, HMD, "small"),)
        ),
    ]


def variations(entries: Entries) -> list[Claim]:
    """Of each other shape, training and reading: that it keeps more accuracy than what it varies.

    And of HMD, that it does so when both are taught, which LMF and HMD of the paper are not.
    """
    shapes = [(name, HMD) for name in BLOCKS_AND_RANKS]
    others = [(name, one.base) for name, one in METHODS.items() if one.base]
    return [
        Claim(f"{METHODS[ours].title}: more accuracy than {METHODS[theirs].title}", cases)
        for ours, theirs in [*shapes, *others, ("hmd_taught", "lmf_taught")]
        if (cases := (*_better(entries, ours, theirs),))
    ]


def gain(cell: Cell, ours: float, theirs: float) -> float:
    """By how much the first value of the metric is better than the second."""
    up = METRICS[benchmark.load(cell.benchmark).metric].higher_is_better
    return ours - theirs if up else theirs - ours


def _pairs(
    entries: Entries, ours: str, theirs: str, seeds: int = SEEDS
) -> Iterator[tuple[Entry, Entry]]:
    """Two methods where both are there: of one factor, but for the dense network, which has its own."""
    for cell, entry in entries.items():
        factor = 1.0 if theirs == "dense" else cell.factor
        other = entries.get(Cell(cell.benchmark, theirs, factor))
        if cell.method == ours and other and min(entry.seeds, other.seeds) >= seeds:
            yield entry, other


def _faster(entries: Entries) -> Iterator[Case]:
    for hmd, pruned in _pairs(entries, HMD, "pruned", seeds=1):
        ratio = pruned.cycles / hmd.cycles
        yield Case(hmd.cell, f"{ratio:.2f} times as fast", ratio > 1, ratio > 1)


def _better(entries: Entries, ours: str, theirs: str) -> Iterator[Case]:
    for one, other in _pairs(entries, ours, theirs):
        better, reach = _difference(one, other)
        yield _case(one.cell, better, reach, 0.0)


def _as_good(entries: Entries) -> Iterator[Case]:
    for hmd, dense in _pairs(entries, HMD, "dense"):
        better, reach = _difference(hmd, dense)
        margin = METRICS[benchmark.load(hmd.cell.benchmark).metric].margin
        yield _case(hmd.cell, better, reach, -margin)


def _case(cell: Cell, better: float, reach: float, least: float) -> Case:
    """Whether something is better by more than the least, of which the reach of its interval decides."""
    unit = METRICS[benchmark.load(cell.benchmark).metric].unit
    what = f"{abs(better):.2f} ± {reach:.2f} {unit} {'better' if better > 0 else 'worse'}"
    decided = abs(better - least) > reach
    return Case(cell, what, better > least, better > least if decided else None)


def _difference(ours: Entry, theirs: Entry) -> tuple[float, float]:
    """By how much the int8 mean is better, and half the 95 % interval of that (Welch's t over seeds)."""
    squares = [(e.int8_std**2 / e.seeds, e.seeds - 1) for e in (ours, theirs)]
    variance = sum(square for square, _ in squares)
    reach = 0.0
    if variance:
        freedom = variance**2 / sum(square**2 / count for square, count in squares)
        reach = float(t.ppf(0.975, freedom)) * sqrt(variance)
    return gain(ours.cell, ours.int8_mean, theirs.int8_mean), reach
