"""Writes the figures of docs/plan.md: ``python -m hmd_tflm.plan.report``.

What a piece of the kernels costs and how well the formula predicts comes from layer_costs.json, the
example from benchmarks/plan_digits.json, which the command in the document wrote with --json.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from hmd_tflm.files import write_whole
from hmd_tflm.plan.cost import FILE, PIECES, Coefficients, measured, read
from hmd_tflm.simulate.cycles.validation import explanation

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/plan.md"
EXAMPLE = ROOT / "benchmarks/plan_digits.json"
_BLOCK = re.compile(r"(<!-- (pieces|errors|example) -->\n).*?(<!-- end -->)", re.DOTALL)


def held_out_errors(seed: int = 0) -> dict[str, np.ndarray]:
    """Relative errors for each quarter of the layers, predicted from the other three.

    Returns:
        "core": of the cycles at zero wait states; "total": with the waits for the flash.
    """
    layers = json.loads(FILE.read_text())["layers"]
    order = np.random.default_rng(seed).permutation(len(layers))
    parts = []
    for quarter in (order[n::4] for n in range(4)):
        others = Coefficients([layers[i] for i in np.setdiff1d(order, quarter)])
        parts.append(errors(others, [layers[i] for i in quarter]))
    return {name: np.concatenate([part[name] for part in parts]) for name in ("core", "total")}


def errors(coefficients: Coefficients, layers: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Relative errors of predictions for measured layers."""
    found = [coefficients.cycles(read(layer)) for layer in layers]
    core = np.array([layer["cycles"] for layer in layers])
    total = core + [layer["waits"] for layer in layers]
    return {
        "core": np.array([f.core for f in found]) / core - 1,
        "total": np.array([f.core + f.waits for f in found]) / total - 1,
    }


def rendered(text: str) -> str:
    """A document with its blocks as the measurement files say."""
    blocks = {"pieces": _pieces, "errors": _errors, "example": _example}
    return _BLOCK.sub(lambda match: match[1] + blocks[match[2]]() + match[3], text)


def _pieces() -> str:
    columns = [spent for gates in (4, 3) for spent in measured().of(gates)]
    lines = [
        "| piece | LSTM: cycles | waits for the flash | GRU: cycles | waits for the flash |",
        "| --- " + "| ---: " * 4 + "|",
        *(
            f"| {piece} | " + " | ".join(f"{spent:.1f}" for spent in row) + " |"
            for piece, *row in zip(PIECES, *columns, strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"


def _errors() -> str:
    lines = []
    for name, label in (("core", "at zero wait states"), ("total", "with the waits for the flash")):
        found = np.abs(held_out_errors()[name])
        lines.append(
            f"- {label}: rms {np.sqrt(np.mean(found**2)):.1%}, worst {found.max():.1%} in "
            f"{len(found)} layers, each quarter predicted from the others;"
        )
    return "\n".join(lines).removesuffix(";") + ".\n"


def _example() -> str:
    plan = json.loads(EXAMPLE.read_text())
    lines = ["| layer | shape | compression | error |", "| --- | --- | ---: | ---: |"]
    lines += [
        f"| {layer['name']} | {layer['shape']} | {layer['compression']:.2f}x | {layer['error']:.4f} |"
        for layer in plan["layers"]
    ]
    lines += [
        "",
        "| | limit | predicted | simulated | difference |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in plan["table"]:
        digits = 3 if row["name"] == "ms" else 0
        limit, predicted, simulated = (
            "" if row[key] is None else f"{row[key]:,.{digits}f}"
            for key in ("limit", "predicted", "simulated")
        )
        difference = "" if row["difference"] is None else f"{row['difference']:+.1%}"
        lines.append(f"| {row['name']} | {limit} | {predicted} | {simulated} | {difference} |")
    lines += ["", *(f"- {line}" for line in explanation(plan["wait_states"]))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the document anew."""
    write_whole(DOCUMENT, rendered(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
