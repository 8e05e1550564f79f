"""A comparison's records as a Markdown table and a plot."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from hmd_tflm.benchmarks.compare import TITLES, Record


def markdown(records: Sequence[Record]) -> str:
    """A table, one record a row; accuracies in percent of the test set."""
    waits = records[0].wait_states
    head = (
        ("model", "float acc. %", "int8 acc. %", ".tflite bytes", "instructions")
        + ("cycles (modelled)", "vs dense", f"at {waits} wait states", "flash bytes", "RAM bytes")
    )  # fmt: skip
    dense = next(r.cycles for r in records if r.method == "dense")
    rows = [
        (
            r.label,
            f"{100 * r.float_accuracy:.1f}",
            f"{100 * r.int8_accuracy:.1f}",
            f"{r.model_bytes:,}",
            f"{r.instructions:,}",
            f"{r.cycles:,}",
            f"{r.cycles / dense:.2f}",
            f"{r.cycles_with_flash:,}" if r.cycles_with_flash else "",
            f"{r.flash:,}",
            f"{r.ram:,}",
        )
        for r in records
    ]
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plot(records: Sequence[Record], title: str) -> bytes:
    """Accuracy against cycles, the area of a point its model's bytes; a PNG.

    A line leads from the cycles at zero wait states to those with the board's flash.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    largest = max(r.model_bytes for r in records)
    for method in dict.fromkeys(r.method for r in records):
        ours = [r for r in records if r.method == method]
        axes.scatter(
            [r.cycles / 1000 for r in ours],
            [100 * r.int8_accuracy for r in ours],
            s=[900 * r.model_bytes / largest for r in ours],
            alpha=0.6,
            label=TITLES[method],
        )
        for r in ours:
            axes.plot(
                [r.cycles / 1000, (r.cycles_with_flash or r.cycles) / 1000],
                [100 * r.int8_accuracy] * 2,
                "|-",
                color="gray",
                linewidth=0.8,
            )
            axes.annotate(
                f"{r.label}, {r.model_bytes / 1024:.0f} KiB",
                (r.cycles / 1000, 100 * r.int8_accuracy),
                xytext=(0, -18),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.margins(0.18)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("thousand cycles an inference (modelled, Cortex-M4), to | with flash waits")
    axes.set_ylabel("int8 test accuracy, %")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
