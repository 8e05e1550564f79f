"""The comparison as a page of tables and plots, from the result files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.benchmark import Benchmark
from hmd_tflm.benchmarks.paper.claims import Claim, claims, variations
from hmd_tflm.benchmarks.paper.int8 import losses
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.overview import overview, spread
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run
from hmd_tflm.benchmarks.paper.summary import Entry, summarise
from hmd_tflm.simulate.cycles.validation import error_bound

Entries = dict[Cell, Entry]
MARKS = "ox^sDv<>Pph*"
AXES = (
    "times fewer weights than dense",
    "million cycles an inference (modelled, Cortex-M4)",
    "KiB of recurrent weights, in the layers' own formats",
)


def page(results: dict[Run, Result]) -> str:
    """The comparison in Markdown; its plots are `paper_NAME.png` beside it."""
    entries = summarise(results)
    machines = sorted({r["machine"] for r in results.values()})
    hours = sum(r["seconds"] for r in results.values()) / 3600
    sections = [
        _HEAD.format(
            runs=len(results),
            hours=hours,
            machines="; ".join(machines),
            bound=error_bound(),
            margins=" or ".join(dict.fromkeys(f"{m.margin:g} {m.unit}" for m in METRICS.values())),
        ),
        _claims(claims(entries)),
    ]
    if varied := variations(entries):
        sections.append(_VARIATIONS + _claims(varied))
    factors = sorted({cell.factor for cell in entries} - {1.0})
    sections.append(f"## At a glance\n\n{_GLANCE}{overview(entries, tuple(factors))}")
    sections.append(f"## What int8 costs\n\n{_INT8}{losses(results, entries)}")
    for name in dict.fromkeys(cell.benchmark for cell in entries):
        bench = benchmark.load(name)
        rates = " or ".join(f"{rate:g}" for rate in bench.learning_rates)
        sections.append(
            f"## {bench.title}\n\n{bench.units} units, {bench.epochs} epochs in batches of "
            f"{bench.batch}, learning rate {rates}; {METRICS[bench.metric].title} on the test "
            f"split of {bench.dataset}{_data(name, results)}.\n\n{_table(bench, entries)}\n"
            f"![{bench.title}](paper_{name}.png)\n"
        )
    return "\n".join(sections)


def _data(bench: str, results: dict[Run, Result]) -> str:
    """How large the data set was, and which file."""
    result = next(result for run, result in results.items() if run.cell.benchmark == bench)
    sizes = " / ".join(f"{count:,}" for count in result["sequences"].values())
    return (
        f" ({sizes} sequences for training, validation and test; "
        f"SHA-256 {result['data_sha256'][:8]}...)"
    )


def _claims(held: Iterable[Claim]) -> str:
    lines = []
    for claim in held:
        lines.append(f"- **{claim.title}**: {claim.verdict}.")
        lines += [
            f"    - {benchmark.load(case.cell.benchmark).title}, {case.cell.factor:g}x: {case.what}"
            for case in claim.cases
        ]
    return "\n".join(lines) + "\n"


def _table(bench: Benchmark, entries: Entries) -> str:
    metric = METRICS[bench.metric]
    ours = [entry for cell, entry in entries.items() if cell.benchmark == bench.name]
    order = list(METHODS)
    ours.sort(key=lambda e: (e.cell.factor, order.index(e.cell.method)))
    dense = entries.get(Cell(bench.name, "dense", 1.0))
    head = (
        *("method", "weights", "smaller", f"float, {metric.unit}", f"int8, {metric.unit}", "seeds"),
        *("rate", "instructions", "cycles", "dense / this", "pruned / this", "weights, bytes"),
    )
    rows = []
    for entry in ours:
        pruned = entries.get(Cell(bench.name, "pruned", entry.cell.factor))
        rows.append(
            (
                METHODS[entry.cell.method].title,
                f"{entry.parameters:,}",
                f"{entry.compression:.2f}x",
                spread(entry.float_mean, entry.float_std, entry.seeds),
                spread(entry.int8_mean, entry.int8_std, entry.seeds),
                str(entry.seeds),
                f"{entry.learning_rate:g}",
                f"{entry.instructions:,}",
                f"{entry.cycles:,}",
                _ratio(dense, entry),
                _ratio(pruned, entry),
                f"{entry.weights_bytes:,}",
            )
        )
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *rows))


def _ratio(other: Entry | None, entry: Entry) -> str:
    return f"{other.cycles / entry.cycles:.2f}" if other else ""


def plot(name: str, results: dict[Run, Result]) -> bytes:
    """Of one benchmark the metric against size, cycles and bytes, with deviations; a PNG.

    A second row has the variations of methods, each beside what it varies.
    """
    bench = benchmark.load(name)
    metric = METRICS[bench.metric]
    entries = [e for cell, e in summarise(results).items() if cell.benchmark == name]
    varied = {e.cell.method: base for e in entries if (base := METHODS[e.cell.method].base)}
    rows = [[method for method, one in METHODS.items() if not one.base]]
    if varied:
        rows.append(["dense", *dict.fromkeys(varied.values()), *varied])
    figure = Figure(figsize=(13, 4.6 * len(rows)), layout="constrained")
    for axes, chosen in zip(
        figure.subplots(len(rows), 3, sharey=True, squeeze=False), rows, strict=True
    ):
        for method in chosen:
            _lines(axes, method, [e for e in entries if e.cell.method == method])
        for one, label in zip(axes, AXES, strict=True):
            one.set_xlabel(label)
            one.grid(alpha=0.3)
        axes[0].set_ylabel(f"{metric.title}, int8, {metric.unit}")
        axes[2].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    if not metric.higher_is_better:
        axes[0].invert_yaxis()  # of all, for they share it
    figure.suptitle(bench.title, fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _lines(axes: Sequence[Axes], method: str, entries: Sequence[Entry]) -> None:
    """One method's points in each of the three plots, in the colour and with the mark that it has anywhere."""
    number = list(METHODS).index(method)
    for one, x in zip(
        axes,
        (
            [e.compression for e in entries],
            [e.cycles / 1e6 for e in entries],
            [e.weights_bytes / 1024 for e in entries],
        ),
        strict=True,
    ):
        if entries:
            one.errorbar(
                x,
                [e.int8_mean for e in entries],
                yerr=[e.int8_std for e in entries],
                fmt=f"{MARKS[number % len(MARKS)]}-",
                color=colormaps["tab20"](number % 20),
                lw=0.8,
                ms=5,
                capsize=2,
                label=METHODS[method].title,
            )


_HEAD = """\
# The methods compared

From {runs} result files that `hmd-tflm bench paper` wrote ({hours:.1f} hours, one core a run; {machines}; docs/sweep.md says
how). The methods of a factor have the same recipe (Adam, cosine decay to 1 %, gradients clipped to a norm of 1); the same
tuning: each tries two learning rates, a factor of two apart, with one seed, and the one that is better on the validation
split is used for all seeds; and each has within 1 % as many weights in its recurrent layers as the number nearest to the
nominal factor's that all can meet so, other readings within 2.5 %. Values are means and standard deviations over the
seeds on the test split, of the Keras model (float) and of the converted file (int8). Cycles are those of one inference of
the whole network on a Cortex-M4 (docs/cycles.md; {bound}). A pruned layer runs in the faster of two forms: with indices,
or with its zeros in place. Bytes are the recurrent layers' constants in that form.

What the paper's abstract claims, and what these runs say to it, of the int8 models. Behind ± is half the 95 % confidence
interval of a difference of means (Welch's t): a claim holds where the whole interval says so, does not hold where the
whole interval says the opposite, and is not decided otherwise. As good means less than {margins} worse. The intervals are
of what differs between seeds; that the test splits are samples, too, is not in them.
"""

_GLANCE = """\
Of the int8 models. The last column is the geometric mean over the benchmarks, in rows that have all of them. A cell is empty
where there are fewer than three seeds, or where no such shape has so few weights.

"""

_INT8 = """\
By how much the converted model is worse than the float one on the test split (below zero: better): mean and standard
deviation over the runs, the worst of them, and the worst of the means in the tables below. Where the mean of all runs is near
zero, the others are what chance makes of windows whose two best classes are close.

"""

_VARIATIONS = """\
What other blocks and ranks, other ways of training (docs/training.md) and other readings of the paper's sentence on
rank-1 blocks (hmd_tflm/benchmarks/paper/readings.py) bring. From dense: a dense network is trained by the recipe,
compressed, and trained by the recipe again, hence twice the epochs; taught: the second time it learns from the dense
network, too.

"""
