"""Simulate the reference models in benchmarks/models and compare with benchmarks/budgets.json.

Exits with 1 if instructions or cycles of one grew by more than 1 %; --update writes what was
measured as the new budgets, which is a decision to commit.
"""

from __future__ import annotations

import argparse
import json
import sys

from hmd_tflm.files import write_whole

EXAMPLE = "--update"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm bench`."""
    parser.add_argument("--update", action="store_true", help="write the budgets anew")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure, then compare or update."""
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
