"""Measure on an emulated board what the project promises.

budgets: simulate the reference models in benchmarks/models and compare with benchmarks/budgets.json;
exits with 1 if instructions or cycles of one grew by more than 1 %.
kernels: one layer in many sizes and matrix shapes.

--update writes what was measured (budgets.json; kernels.json and docs/benchmarks.*)
into the checkout: a decision to commit. Of paper it trains nothing: it measures anew, after kernels
have changed, what the networks of all results cost, but for pruned layers that run with indices.

paper: train the comparison of arXiv 1906.04886, several seeds of each method, benchmark and factor;
a file in benchmarks/results for each run. What is there is not run again: after an interruption,
start the same command once more. --report makes a page with tables and plots of what is there.

    hmd-tflm bench paper --benchmarks digits --methods dense hmd lmf --results sweep
    hmd-tflm bench paper --results sweep --report sweep
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from hmd_tflm.errors import UserError
from hmd_tflm.files import make_folder, write_whole
from hmd_tflm.quiet import quiet

EXAMPLE = "budgets --update"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm bench`."""
    parser.add_argument("what", nargs="?", choices=WHAT, default="budgets")
    parser.add_argument("--update", action="store_true", help="write the committed files anew")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    paper = parser.add_argument_group("paper")
    paper.add_argument("--benchmarks", nargs="+", metavar="NAME", help="some (all but digits)")
    paper.add_argument("--methods", nargs="+", metavar="NAME", help="some methods (all)")
    paper.add_argument("--factors", nargs="+", type=float, help="instead of the benchmarks' own")
    paper.add_argument("--seeds", type=int, default=3, help="trainings of each (3)")
    paper.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time (cores)")
    paper.add_argument(
        "--engine", default="local", help="local, or ray:ADDRESS for a Ray cluster (ray:local)"
    )
    paper.add_argument("--results", type=Path, help="folder (benchmarks/results of the checkout)")
    paper.add_argument("--report", type=Path, metavar="FOLDER", help="train nothing, write a page")


def run(arguments: argparse.Namespace) -> int:
    """Measure, then compare, print or update."""
    return WHAT[arguments.what](arguments)


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

    from hmd_tflm.benchmarks import kernels, pages
    from hmd_tflm.benchmarks.kernels_report import ROOT, page

    records = list(tqdm(kernels.run(), "simulate", len(kernels.CASES), unit="layer"))
    text = json.dumps(records, indent=2) + "\n"
    if arguments.update:
        write_whole(ROOT / "benchmarks/kernels.json", text)
        pages.write()
    print(text if arguments.json else page(records))
    return 0


def _paper(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from hmd_tflm.benchmarks.paper import benchmark, engines, methods, results, sweep

    folder = make_folder(arguments.results or results.FOLDER)
    if arguments.update:
        written = _update_paper(folder)
        print(json.dumps({"written": written}) if arguments.json else f"{written} results written")
        return 0
    if arguments.report:
        page = _report_paper(folder, arguments.report)
        print(json.dumps({"written": str(page)}) if arguments.json else page)
        return 0
    for name in ("seeds", "jobs"):
        if getattr(arguments, name) < 1:
            raise UserError(f"--{name}: received {getattr(arguments, name)}, expected 1 or more")
    benchmarks = arguments.benchmarks or benchmark.compared()
    wanted = sweep.cells(benchmarks, arguments.methods or list(methods.METHODS), arguments.factors)
    total, done = sweep.size(wanted, arguments.seeds, results.read(folder))
    failures = []
    with (
        engines.engine(arguments.engine, arguments.jobs) as engine,
        tqdm(total=total, initial=done, desc="paper", unit="run") as bar,
    ):
        for end in sweep.sweep(wanted, arguments.seeds, engine, folder):
            bar.update()
            if isinstance(end, sweep.Failure):
                failures.append(end)
                bar.write(f"{end.run.file} failed: {end.error}", file=sys.stderr)
            elif arguments.json:
                print(json.dumps(end), flush=True)
            else:
                bar.write(_sentence(end), file=sys.stdout)
    if failures:
        raise failures[0].error
    return 0


def _update_paper(folder: Path) -> int:
    """How many results were written."""
    from tqdm import tqdm

    from hmd_tflm.benchmarks.paper import results

    with quiet():
        from hmd_tflm.benchmarks.paper.update import updated

    found = results.read(folder)
    for run, result in tqdm(updated(found), "simulate", len(found), unit="run"):
        results.write(folder, run, result)
    return len(found)


def _report_paper(folder: Path, output: Path) -> Path:
    """The page that was written."""
    from hmd_tflm.benchmarks import pages
    from hmd_tflm.benchmarks.paper import results

    if not (found := results.read(folder)):
        raise UserError(f"{folder}: holds no results; hmd-tflm bench paper makes them")
    pages.write_comparison(found, make_folder(output))
    return output / "comparison.html"


def _sentence(result: dict[str, Any]) -> str:
    name = f"{result['benchmark']} {result['method']} {result['factor']:g}x"
    return (
        f"{name}, rate {result['learning_rate']:g}, seed {result['seed']}: {result['metric']} "
        f"{result['float']:.2f} in float, {result['int8']:.2f} in int8; "
        f"{result['cycles']:,} cycles; {result['seconds']:.0f} s"
    )


WHAT = {"budgets": _budgets, "kernels": _kernels, "paper": _paper}
