"""The kernels' measurements as a page with tables and a roofline plot."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hmd_tflm.benchmarks.cost import PARTS
from hmd_tflm.benchmarks.sparse_forms import Form
from hmd_tflm.benchmarks.targets import Verdict, verdicts
from hmd_tflm.op.cells import GRU, LSTM
from hmd_tflm.simulate.cycles.validation import error_bound

ROOT = Path(__file__).parents[2]
FLOOR = 1.15  # cycles per MAC of packed pairs: 4 instructions and a load for 4 MACs, input loads
SHOWN = 10, 118  # inputs and units of the GRU whose numbers are all shown: keyword spotting
Record = dict[str, Any]


def load(name: str) -> Any:
    """A measurement file of benchmarks/."""
    return json.loads((ROOT / f"benchmarks/{name}.json").read_text())


def page(records: Sequence[Record]) -> str:
    """The part of docs/benchmarks.md."""
    peer = load("peer")
    per_mac = {(p["inputs"], p["units"]): p["cycles_per_mac"] for p in peer["layers"]}
    lstm, gru = ([r for r in records if r["gates"] == cell.gates] for cell in (LSTM, GRU))
    sections = [
        _HEAD.format(steps=records[0]["steps"], peer=peer["what"], bound=error_bound()),
        f"## Targets\n\n{_targets(list(verdicts(lstm, per_mac)))}",
        _pruned(),
    ]
    for size in dict.fromkeys(map(_size, lstm)):
        rows = [r for r in lstm if _size(r) == size]
        shares = [r["cycles"] / r["nominal_macs"] / per_mac[size] for r in rows]
        table = _layers(rows, "of the peer's dense", shares)
        sections.append(f"## LSTM, {_title(size)}\n\n{table}")
    sections.append(_gru(gru, lstm))
    return "\n".join(sections)


def _size(record: Record) -> tuple[int, int]:
    return record["inputs"], record["units"]


def _key(record: Record) -> tuple[tuple[int, int], str]:
    return _size(record), label(record)


def _title(size: tuple[int, int]) -> str:
    return f"{size[0]} inputs, {size[1]} units"


def _gru(gru: Sequence[Record], lstm: Sequence[Record]) -> str:
    """Its targets, every layer beside the LSTM's, and all numbers of one size."""
    theirs = {_key(r): r["cycles"] for r in lstm}
    share = {_key(r): r["cycles"] / theirs[_key(r)] for r in gru}
    cells = {_key(r): f"{r['cycles'] / r['macs']:.2f}, {share[_key(r)]:.2f}" for r in gru}
    sizes = list(dict.fromkeys(map(_size, gru)))
    rows = [
        (name, *(cells.get((size, name), "") for size in sizes))
        for name in dict.fromkeys(map(label, gru))
    ]
    shown = [r for r in gru if _size(r) == SHOWN]
    return _GRU.format(
        targets=_targets(list(verdicts(gru))),
        overview=_table(_sizes_head(sizes), rows),
        size=_title(SHOWN),
        layers=_layers(shown, "of the LSTM's", [share[_key(r)] for r in shown]),
    )


def _sizes_head(sizes: Sequence[tuple[int, int]]) -> list[str]:
    return ["inputs, units", *(f"{inputs}, {units}" for inputs, units in sizes)]


def _targets(found: Sequence[Verdict]) -> str:
    missed = sum(not v.met for v in found)
    summary = f"{missed} of {len(found)} are missed." if missed else f"All {len(found)} are met."
    sizes = list(dict.fromkeys((v.inputs, v.units) for v in found))
    rows = []
    for what in dict.fromkeys(v.what for v in found):
        of = {(v.inputs, v.units): v for v in found if v.what == what}
        rows.append((what, *(_verdict(of[size]) for size in sizes)))
    return f"{summary} Each cell: measured, target.\n\n{_table(_sizes_head(sizes), rows)}"


def _verdict(v: Verdict) -> str:
    text = f"{v.measured:.2f} {'>=' if v.at_least else '<='} {v.limit:.2f}"
    return text if v.met else f"**missed:** {v.measured:.2f}, {v.limit:.2f}"


def _pruned() -> str:
    forms = [Form(**f) for f in load("sparse_forms")]
    cycles = {(f.name, f.density): f.cycles for f in forms}
    saved = 1 - cycles["row pairs", 0.25] / cycles["byte indices", 0.25]
    return _PRUNED.format(forms=_forms(forms), saved=f"{saved:.0%}")


def _forms(forms: Sequence[Form]) -> str:
    rows = []
    for name in dict.fromkeys(f.name for f in forms):
        of = {f.density: f for f in forms if f.name == name}
        numbers = [x for f in of.values() for x in (f"{f.cycles:.2f}", f"{f.bytes:.2f}")]
        rows.append((name, *numbers))
    densities = dict.fromkeys(f.density for f in forms)
    head = [h for d in densities for h in (f"cycles at 1/{1 / d:.0f}", f"bytes at 1/{1 / d:.0f}")]
    return _table(("form", *head), rows)


def _layers(records: Sequence[Record], share: str, shares: Sequence[float]) -> str:
    """All numbers of some layers, among them a share of other cycles."""
    head = (
        *("layer", "cycles", "per MAC", "per dense MAC", share),
        *(f"{part}, %" for part in PARTS),
        *("instructions", "per MAC", "flash", "RAM"),
    )
    rows = []
    for r, of_others in zip(records, shares, strict=True):
        rows.append(
            (
                label(r),
                f"{r['cycles']:,}",
                f"{r['cycles'] / r['macs']:.2f}",
                f"{r['cycles'] / r['nominal_macs']:.2f}",
                f"{of_others:.2f}",
                *(f"{100 * r['parts'][part] / r['cycles']:.0f}" for part in PARTS),
                f"{r['instructions']:,}",
                f"{r['instructions'] / r['macs']:.2f}",
                f"{r['flash_bytes']:,}",
                f"{r['ram_bytes']:,}",
            )
        )
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numbers = [all(row[i][:1].isdigit() for row in rows if row[i]) for i in range(len(head))]
    rule = ["---:" if number else "---" for number in numbers]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *rows))


def label(record: Record) -> str:
    """Method and factor."""
    method = record["method"].replace("hmd", "HMD").replace("lmf", "LMF").replace("hmf", "HMF")
    return method + (f" {record['factor']:g}x" if record["factor"] > 1 else "")


def plot(records: Sequence[Record]) -> bytes:
    """Cycles against MACs of one inference, and the floor of the multiply loop; a PNG."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for number, method in enumerate(dict.fromkeys(r["method"] for r in records)):
        for cell in (LSTM, GRU):
            ours = [r for r in records if (r["method"], r["gates"]) == (method, cell.gates)]
            axes.scatter(
                [r["macs"] for r in ours],
                [r["cycles"] for r in ours],
                s=18,
                marker="s" if method == "pruned" else "o",
                edgecolors=f"C{number}",
                facecolors=f"C{number}" if cell is LSTM else "none",
                label=label({**ours[0], "factor": 1}) if cell is LSTM else None,
            )
    ends = [min(r["macs"] for r in records), max(r["macs"] for r in records)]
    axes.plot(ends, [FLOOR * n for n in ends], "k--", lw=1, label=f"floor, {FLOOR} cycles a MAC")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"multiply-accumulates of {records[0]['steps']} steps")
    axes.set_ylabel("cycles, all of the layer (modelled, Cortex-M4)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, title="filled: LSTM, else GRU", title_fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()


_HEAD = """\
# What a layer costs

Made by `python -m hmd_tflm.benchmarks.render` from benchmarks/kernels.json, which `hmd-tflm bench kernels --update`
measures: instructions counted by the emulator, and cycles of the project's model for a Cortex-M4 at zero wait states
(docs/cycles.md), whose error is a
{bound}. {steps} time steps from zero state, everything of the layer included; every
output is compared with the NumPy reference. A dense MAC is one of the uncompressed layer of the same size. Flash and
RAM are the whole firmware's in bytes, without its stack; flash includes the weights and, of pruned layers, indices.

The parts are told apart by the labels in the kernels' assembly. Activations are the look-ups of sigmoid and tanh;
element-wise is the arithmetic of the cell and of h, and the expansion of x and h to int16; other is what each product
sets up, calls and copies.

Layers are LSTMs up to the section on the GRU. The peer is the {peer}.

![cycles against MACs](kernels.png)
"""

_PRUNED = """\
## Pruned layers

The pruned layer (firmware/peers/pruned) keeps as many weights as HMD has parameters, those of the largest magnitudes
anywhere in the gates. Everything but its product is HMD_LSTM's, or HMD_GRU's. Cycles of the multiply loop and bytes,
both for each weight that is not zero, in a row of 256 columns, of the forms that were tried
(`python -m hmd_tflm.benchmarks.sparse_forms`); each in assembly and with its padding:

{forms}
- *byte indices*, the form of the pruned layer: four columns, four weights; a segment of 256 columns begins anew. A load
  among loads takes one cycle, so an index costs no more as a byte load than in a word that has to be taken apart.
- *relative indices* (Han et al. 2016, arXiv 1602.01528): the distance to the weight before. UXTAB adds one up in a
  cycle, but the words of indices must be loaded beside, and long gaps need weights of zero.
- *pairs*, *1x4 blocks* (as in TensorFlow Lite's sparse kernels): SMLAD takes two columns at a time. Where the mask has no
  pattern, much of a block is zeros.
- *row pairs*: columns that two rows have in common are multiplied as packed pairs, the others as in the first form. At
  4x that would save {saved} of the dot products at most, less the set-up, not counted here, of three lists for two rows
  instead of two; too little for a second kind of batch.
- *zeros in place*: the dense kernel, in its layer's full size. At 2x it is faster than any of these forms, at 4x not:
  the table of targets has HMD against both.
"""

_GRU = """\
## GRU

HMD_GRU and the same methods. TensorFlow Lite Micro has no GRU op, so there is no peer. A GRU has three gates to an
LSTM's four, 0.75 of the MACs, but it multiplies twice a step: for z and r, then for the candidate, whose columns are x
and r h. So a compressed GRU takes more than 0.75 of the LSTM's cycles, in small layers as many: its products have fewer
rows, there are more of them, and shared projections are computed in both phases.

{targets}
There is no target for shared LMF, which has more MACs than HMD here.

Every layer: cycles per MAC, and its cycles as a share of the same LSTM's. All numbers are in benchmarks/kernels.json.

{overview}
## GRU, {size}

{layers}"""
