"""Show where a model's cycles go on a board: by op, C function, source line and instruction, with a
flame graph. Builds the firmware and runs it in the emulator.

With --output, writes profile.json, flame.txt (collapsed stacks) and flame.svg into a folder.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hmd_tflm.commands import on_board
from hmd_tflm.files import make_folder, write_whole

if TYPE_CHECKING:
    from hmd_tflm.simulate.profile import Profile, Share

EXAMPLE = "model.tflite --board disco_f407vg --input x.npy --output profile"
ROWS = 12  # of each table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm profile`."""
    on_board.add_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the files")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Generate, build, emulate and divide."""
    from hmd_tflm.simulate.cycles.validation import explanation
    from hmd_tflm.simulate.flame import collapsed, svg
    from hmd_tflm.simulate.profile import profile

    with on_board.generated(arguments) as (source, inputs):
        result = profile(source, arguments.board, inputs, arguments.wait_states)
    notes = explanation(result.wait_states)
    numbers = json.dumps(_numbers(result, notes), indent=2)
    if arguments.output:
        make_folder(arguments.output)
        executed = sum(share.instructions for share in result.ops)
        title = (
            f"{result.model.model} on {result.model.board}, {result.inferences} inferences, "
            f"{executed:,} instructions"
        )
        write_whole(arguments.output / "profile.json", numbers + "\n")
        write_whole(arguments.output / "flame.txt", collapsed(result.stacks))
        write_whole(arguments.output / "flame.svg", svg(result.stacks, title, notes))
    print(numbers if arguments.json else _text(result, notes))


def _numbers(result: Profile, notes: list[str]) -> dict[str, object]:
    fields = asdict(result)
    fields["stacks"] = {";".join(stack): cycles for stack, cycles in result.stacks.items()}
    return fields | {"notes": notes}


def _text(result: Profile, notes: list[str]) -> str:
    total = sum(share.cycles for share in result.ops) or 1
    executed = sum(result.mnemonics.values()) or 1
    mix = [f"{name} {n / executed:.1%}" for name, n in list(result.mnemonics.items())[:ROWS]]
    model, count = result.model, result.inferences
    lines = [f"{model.model} on {model.board} (emulated), {count} inferences"]
    for title, shares, flash in (
        ("op", result.ops, result.wait_states > 0),
        ("function (* = compiler's library)", result.functions, result.wait_states > 0),
        ("line", result.lines, False),
    ):
        lines += _table(title, shares, total, count, flash)
    lines += [
        "",
        f"instructions: {', '.join(mix)}",
        f"not this project's code: {result.foreign:.1%} of the cycles",
        f"stack: {result.stack_used} bytes; arena: {result.arena_used} of {model.arena} bytes",
        *notes,
    ]
    return "\n".join(lines)


def _table(title: str, shares: list[Share], total: int, inferences: int, flash: bool) -> list[str]:
    head = f"{title:36}  instructions        cycles  share"
    lines = ["", head + ("    with flash" if flash else "")]
    for share in shares[:ROWS]:
        name = share.name + ("" if share.own else " *")
        waiting = f"  {(share.cycles + share.waits) / inferences:12,.0f}" if flash else ""
        lines.append(
            f"{name:36}  {share.instructions / inferences:12,.0f}  "
            f"{share.cycles / inferences:12,.0f}  {share.cycles / total:5.1%}{waiting}"
        )
    return lines
