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
        report = simulate(source, arguments.board, inputs, arguments.simulator)
    print(report.to_json() if arguments.json else _text(report))


def _text(report: Report) -> str:
    from hmd_tflm.simulate.cycles.model import CYCLE_MODEL
    from hmd_tflm.simulate.cycles.validation import error_bound

    instructions, cycles = report.instructions.mean(axis=0), report.cycles.mean(axis=0)
    rows = [
        (name, f"{instructions[op]:.0f}", f"{cycles[op]:.0f}")
        for op, name in enumerate(report.model.ops)
    ]
    rows.append(("total", f"{instructions.sum():.0f}", f"{cycles.sum():.0f}"))
    width = max(len(name) for name, *_ in rows)
    where = f"{report.model.board} ({report.simulator})"
    return "\n".join(
        [
            f"{report.model.model} on {where}, mean of {len(report.outputs)} inferences",
            "",
            f"{'op':{width}}  instructions        cycles",
            *(f"{name:{width}}  {done:>12}  {spent:>12}" for name, done, spent in rows),
            "",
            f"cycles: {CYCLE_MODEL}",
            f"their error: {error_bound()}",
            f"flash: {report.flash} bytes",
            f"RAM: {report.ram} bytes, of it {report.model.arena} of arena, {report.arena_used} used",
            f"stack: {report.stack_used} of {report.stack_reserved} bytes used",
        ]
    )
