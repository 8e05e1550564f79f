"""The kernels' measurements as a page with tables and a roofline plot."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
FLOOR = 1.15  # cycles per MAC of packed pairs: 4 instructions and a load for 4 MACs, input loads
Record = dict[str, Any]


def page(records: Sequence[Record]) -> str:
    """docs/benchmarks.md."""
    peer = json.loads((ROOT / "benchmarks/peer.json").read_text())
    per_mac = {(p["inputs"], p["units"]): p["cycles_per_mac"] for p in peer["layers"]}
    sections = [_HEAD.format(steps=records[0]["steps"], peer=peer["what"])]
    for size in dict.fromkeys((r["inputs"], r["units"]) for r in records):
        rows = [r for r in records if (r["inputs"], r["units"]) == size]
        theirs = per_mac[size]
        sections.append(f"## {size[0]} inputs, {size[1]} units\n\n{_table(rows, theirs)}")
    return "\n".join(sections)


def _table(records: Sequence[Record], theirs: float) -> str:
    head = ("layer", "cycles per MAC", "per dense MAC", "of the peer's dense", "instructions")
    lines = [head, ("---", *["---:"] * (len(head) - 1))]
    for r in records:
        dense = r["cycles"] / r["nominal_macs"]
        lines.append(
            (
                label(r),
                f"{r['cycles'] / r['macs']:.2f}",
                f"{dense:.2f}",
                f"{dense / theirs:.2f}",
                f"{r['instructions']:,}",
            )
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def label(record: Record) -> str:
    """Method and factor."""
    method = record["method"].replace("hmd", "HMD").replace("lmf", "LMF").replace("hmf", "HMF")
    return method + (f" {record['factor']:g}x" if record["factor"] > 1 else "")


def plot(records: Sequence[Record]) -> bytes:
    """Cycles against MACs of one inference, and the floor of the multiply loop; a PNG."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for method in dict.fromkeys(r["method"] for r in records):
        ours = [r for r in records if r["method"] == method]
        axes.scatter([r["macs"] for r in ours], [r["cycles"] for r in ours], s=18, label=method)
    ends = [min(r["macs"] for r in records), max(r["macs"] for r in records)]
    axes.plot(ends, [FLOOR * n for n in ends], "k--", lw=1, label=f"floor, {FLOOR} cycles a MAC")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"multiply-accumulates of {records[0]['steps']} steps")
    axes.set_ylabel("cycles, all of the layer (modelled, Cortex-M4)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()


_HEAD = """\
# What a layer costs

Made by `hmd-tflm bench kernels --update` from benchmarks/kernels.json: cycles of the project's model for a
Cortex-M4 at zero wait states (docs/cycles.md), {steps} time steps from zero state, everything of the layer included:
dot products, requantisation, activations, element-wise arithmetic, loops. A dense MAC is one of the uncompressed
layer of the same size. The peer is the {peer}.

![cycles against MACs](kernels.png)
"""
