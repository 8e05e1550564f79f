"""Build firmware for a board around a model, run it in an emulator on inputs, and report outputs,
executed instructions, modelled cycles, flash and RAM.

The input file holds int8 inputs [n, ...]; the recurrent state is reset once, before the first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.files import read_input, read_whole

if TYPE_CHECKING:
    from hmd_tflm.simulate.simulate import Report

EXAMPLE = "model.tflite --board disco_f407vg --input x.npy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("model", type=Path, help="the .tflite file")
    parser.add_argument("--board", required=True, help="board name, e.g. disco_f407vg")
    parser.add_argument("--input", type=Path, required=True, help=".npy file of int8 [n, ...]")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command: 0, or 1 where the firmware failed."""
    try:
        from hmd_tflm.simulate.board import load_board
        from hmd_tflm.simulate.simulate import simulate
    except ModuleNotFoundError as error:
        raise UserError(
            f"the Python package {error.name} is not installed, simulation needs it; install it: "
            "pip install 'hmd-tflm[simulate]'"
        ) from error
    from hmd_tflm.codegen import generate

    load_board(arguments.board)  # before any work
    inputs = read_input(arguments.input)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        generate(read_whole(arguments.model), Path(folder), arguments.model.stem)
        try:
            report = simulate(Path(folder), arguments.board, inputs)
        except FirmwareError as error:
            print(f"hmd-tflm simulate: {error}", file=sys.stderr)
            return 1
    print(report.to_json() if arguments.json else _text(report))
    return 0


def _text(report: Report) -> str:
    from hmd_tflm.simulate.timing import CYCLE_MODEL

    instructions, cycles = report.instructions.mean(axis=0), report.cycles.mean(axis=0)
    rows = [
        (name, f"{instructions[op]:.0f}", f"{cycles[op]:.0f}")
        for op, name in enumerate(report.model.ops)
    ]
    rows.append(("total", f"{instructions.sum():.0f}", f"{cycles.sum():.0f}"))
    width = max(len(name) for name, *_ in rows)
    count = len(report.outputs)
    return "\n".join(
        [
            f"{report.model.model} on {report.model.board} (emulated), mean of {count} inferences",
            "",
            f"{'op':{width}}  instructions        cycles",
            *(f"{name:{width}}  {done:>12}  {spent:>12}" for name, done, spent in rows),
            "",
            f"cycles: {CYCLE_MODEL}",
            f"flash: {report.flash} bytes",
            f"RAM: {report.ram} bytes, of it {report.model.arena} of arena, {report.arena_used} used",
            f"stack: {report.stack_used} of {report.stack_reserved} bytes used",
        ]
    )
