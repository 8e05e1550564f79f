"""Measure on an emulated board what the project promises.

budgets: simulate the reference models in benchmarks/models and compare with benchmarks/budgets.json;
exits with 1 if instructions or cycles of one grew by more than 1 %.
kernels: one layer in many sizes and matrix shapes.

--update writes what was measured (budgets.json; kernels.json, docs/benchmarks.md and docs/kernels.png)
into the checkout: a decision to commit.
"""

from __future__ import annotations

import argparse
import json
import sys

from hmd_tflm.files import write_whole

EXAMPLE = "budgets --update"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm bench`."""
    parser.add_argument("what", nargs="?", choices=("budgets", "kernels"), default="budgets")
    parser.add_argument("--update", action="store_true", help="write the committed files anew")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure, then compare, print or update."""
    return {"budgets": _budgets, "kernels": _kernels}[arguments.what](arguments)


def _budgets(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hmd_tflm.benchmarks import budgets

    measured = dict(tqdm(budgets.measure(), "simulate", unit="model"))
    new = {"compiler": budgets.compiler(), "board": budgets.BOARD, "models": measured}
    if arguments.json:
        print(json.dumps(new))
    if arguments.update:
        write_whole(budgets.FILE, json.dumps(new, indent=2) + "\n")
        return 0
    changes = budgets.changes(budgets.load(), measured)
    if not arguments.json:
        for change in changes:
            print(
                f"{change.model:20} {change.count:12} {change.measured:>12,} "
                f"{change.growth:+8.2%} of {change.budget:,}"
            )
    grown = [f"{c.model} {c.count} {c.growth:+.1%}" for c in changes if c.exceeds]
    if grown:
        print(f"over budget: {', '.join(grown)}; run with --update if it is meant", file=sys.stderr)
    return int(bool(grown))


def _kernels(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hmd_tflm.benchmarks import kernels
    from hmd_tflm.benchmarks.kernels_report import ROOT, page, plot

    records = list(tqdm(kernels.run(), "simulate", len(kernels.CASES), unit="layer"))
    text = json.dumps(records, indent=2) + "\n"
    if arguments.update:
        write_whole(ROOT / "benchmarks/kernels.json", text)
        write_whole(ROOT / "docs/benchmarks.md", page(records))
        write_whole(ROOT / "docs/kernels.png", plot(records))
    print(text if arguments.json else page(records))
    return 0
