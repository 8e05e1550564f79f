"""Build firmware for a board around a model, run it in a simulator on inputs, and report outputs,
executed instructions, modelled cycles, flash and RAM.

The input file holds inputs [n, ...], float (quantised as the model's input) or int8; the recurrent
state is reset once, before the first.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hmd_tflm.commands import on_board

if TYPE_CHECKING:
    from hmd_tflm.simulate.simulate import Report

EXAMPLE = "model.tflite --board disco_f407vg --input x.npy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm simulate`."""
    on_board.add_arguments(parser)
    parser.add_argument(
        "--simulator",
        choices=("emulator", "renode"),
        default="emulator",
        help="the built-in emulator (default), or the Renode in PATH",
    )
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Generate, build, simulate and report."""
    from hmd_tflm.simulate.simulate import simulate

    with on_board.generated(arguments) as (source, inputs):
        report = simulate(
            source, arguments.board, inputs, arguments.simulator, arguments.wait_states
        )
    print(report.to_json() if arguments.json else _text(report))


def _text(report: Report) -> str:
    from hmd_tflm.simulate.cycles.validation import explanation

    names = [*report.model.ops, "total"]
    columns = {"instructions": report.instructions, "cycles": report.cycles}
    if report.cycles_with_flash is not None:
        columns["with flash"] = report.cycles_with_flash
    means = [counts.mean(axis=0) for counts in columns.values()]
    rows = zip(names, *([*mean, mean.sum()] for mean in means), strict=True)
    width = max(map(len, names))
    where = f"{report.model.board} ({report.simulator})"
    return "\n".join(
        [
            f"{report.model.model} on {where}, mean of {len(report.outputs)} inferences",
            "",
            f"{'op':{width}}" + "".join(f"  {column:>12}" for column in columns),
            *(f"{name:{width}}" + "".join(f"  {n:12.0f}" for n in spent) for name, *spent in rows),
            "",
            *explanation(report.wait_states),
            f"flash: {report.flash} bytes",
            f"RAM: {report.ram} bytes, of it {report.model.arena} of arena, {report.arena_used} used",
            f"stack: {report.stack_used} of {report.stack_reserved} bytes used",
        ]
    )
