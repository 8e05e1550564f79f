"""Choose the matrix shape of each recurrent layer so that a trained model keeps within limits on a board.

Every shape costs cycles, flash and RAM, which formulas predict; and accuracy, for which stand the part
of the trained matrices that the shape misses, or with --dataset the growth of the loss on its validation
data. The shapes that lose least within the limits are tried: prediction and simulation are shown side by
side. Limits are of the whole firmware. --output writes the compressed model, which needs fine-tuning.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmd_tflm.errors import UserError
from hmd_tflm.files import check_output, save_model
from hmd_tflm.quiet import quiet

if TYPE_CHECKING:
    from hmd_tflm.plan.plan import Plan

EXAMPLE = "model.keras --board nucleo_f446re --max-ms 5 --max-flash 48k --dataset digits"
SUFFIXES = {"": 1, "k": 1 << 10, "M": 1 << 20}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm plan`."""
    parser.add_argument("model", help="a trained .keras file with LSTM or GRU layers")
    parser.add_argument("--board", required=True, help="board name, e.g. nucleo_f446re")
    parser.add_argument("--max-ms", metavar="MS", help="milliseconds of an inference")
    parser.add_argument("--max-flash", metavar="BYTES", help="e.g. 48k (of 1024) or 1M")
    parser.add_argument("--max-ram", metavar="BYTES", help="likewise, without the stack")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--dataset", metavar="NAME", help="labelled data: accuracy is probed")
    data.add_argument("--calibration", metavar="FILE", help="inputs, .npy or .npz")
    parser.add_argument("--output", type=Path, metavar="KERAS", help="write the compressed model")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Plan, write and report."""
    from hmd_tflm.plan.choose import Limits
    from hmd_tflm.plan.cost import check_board
    from hmd_tflm.simulate.board import load_board

    output: Path | None = arguments.output
    if output:
        check_output(output, ".keras")
    board = load_board(arguments.board)
    check_board(board)
    ms = _number("--max-ms", arguments.max_ms, {"": 1})
    limits = Limits(
        cycles=ms * board.clock_hz / 1e3,
        flash=_number("--max-flash", arguments.max_flash, SUFFIXES),
        ram=_number("--max-ram", arguments.max_ram, SUFFIXES),
    )
    if limits == Limits():
        raise UserError("limits: received none, expected --max-ms, --max-flash or --max-ram")
    with quiet():
        from hmd_tflm.convert.load import load_calibration, load_model
        from hmd_tflm.datasets import load
        from hmd_tflm.plan.plan import plan

    data: dict[str, Any] = {}
    if arguments.dataset:
        data["dataset"] = load(arguments.dataset)
    if arguments.calibration:
        data["calibration"] = load_calibration(arguments.calibration)
    result = plan(load_model(arguments.model), board, limits, **data)
    if output:
        save_model(result.model, output)
    if arguments.json:
        json.dump(result.as_dict(), sys.stdout, indent=2)
        print()
    else:
        print(_text(result, arguments))


def _number(name: str, text: str | None, suffixes: dict[str, int]) -> float:
    """A limit, without one infinite."""
    if text is None:
        return inf
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(\w?)", text.strip())
    if match is None or match[2] not in suffixes or not float(match[1]):
        expected = " or ".join(f"5{suffix}" for suffix in suffixes)
        raise UserError(f"{name}: received {text!r}, expected a positive number such as {expected}")
    return float(match[1]) * suffixes[match[2]]


def _text(plan: Plan, arguments: argparse.Namespace) -> str:
    from hmd_tflm.plan.plan import describe
    from hmd_tflm.simulate.cycles.validation import explanation

    lines = [f"{'layer':20}  {'shape':32}  compression     error"]
    for name, option in plan.chosen.items():
        s = option.structure
        lines.append(f"{name:20}  {describe(s):32}  {s.compression:10.2f}x  {option.error:8.4f}")
    lines += [
        f"error: {plan.error_is}",
        "",
        f"{'':12}  {'limit':>12}  {'predicted':>12}  {'simulated':>12}  difference",
    ]
    for row in plan.table():
        limit, predicted, simulated = (
            "" if value is None else f"{value:,.{row.digits}f}"
            for value in (row.limit, row.predicted, row.simulated)
        )
        difference = "" if row.difference is None else f"{row.difference:+.1%}"
        line = f"{row.name:12}  {limit:>12}  {predicted:>12}  {simulated:>12}  {difference:>9}"
        lines.append(line.rstrip() + ("  over the limit" if row.over else ""))
    waits = plan.wait_states
    lines += [
        "",
        f"simulated cycles are those {'with flash' if waits else 'at zero wait states'}",
        *explanation(waits),
    ]
    output = arguments.output or "compressed.keras"
    data = arguments.dataset or arguments.calibration or "DATA"
    lines += [
        "",
        "next:" if arguments.output else f"next: the same with --output {output}, then",
        f"  train it some epochs: import hmd_tflm.layers; keras.saving.load_model('{output}').fit(...)",
        f"  hmd-tflm convert {output} --calibration {data} --output model.tflite",
    ]
    return "\n".join(lines)
