"""The main job from end to end, on one data set: train dense, HMD and LMF networks, convert them to
int8 .tflite, run those on this computer, build firmware for an STM32, run it in an emulator, and
compare accuracy, bytes, instructions, cycles, flash and RAM. Writes models, results.json, report.md
and report.png into a folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hmd_tflm import datasets
from hmd_tflm.files import make_folder, write_whole
from hmd_tflm.quiet import quiet

EXAMPLE = "--dataset digits --output demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm demo`."""
    parser.add_argument("--dataset", default="digits", help="name of a data set (digits)")
    parser.add_argument("--board", default="disco_f407vg", help="simulated board (disco_f407vg)")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder (demo)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    parser.add_argument("--json", action="store_true", help="print the records as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Compare and report."""
    with quiet():
        from hmd_tflm.benchmarks.compare import CANDIDATES, compare
        from hmd_tflm.layers.train import check_seed
    from hmd_tflm.benchmarks.report import markdown, plot
    from hmd_tflm.simulate.board import load_board
    from hmd_tflm.simulate.cycles.validation import explanation

    load_board(arguments.board)  # before any work
    check_seed(arguments.seed)
    data = datasets.load(arguments.dataset)
    folder: Path = arguments.output
    make_folder(folder)
    records = []
    for record in compare(data, arguments.board, folder, arguments.seed):
        records.append(record)
        print(
            f"[{len(records)}/{len(CANDIDATES)}] {record.label}: int8 "
            f"{record.int8_accuracy:.1%}, {record.model_bytes:,} bytes, "
            f"{record.instructions:,} instructions, {record.cycles:,} cycles",
            file=sys.stderr,
        )
    title = f"{arguments.dataset} on {arguments.board}, {records[0].units} units"
    results = {
        "dataset": arguments.dataset,
        "board": arguments.board,
        "seed": arguments.seed,
        "command": f"hmd-tflm demo --dataset {arguments.dataset} --board {arguments.board} "
        f"--seed {arguments.seed}",
        "records": [record.as_dict() for record in records],
    }
    table = markdown(records)
    notes = "".join(f"- {line}\n" for line in explanation(records[0].wait_states))
    write_whole(folder / "results.json", json.dumps(results, indent=2) + "\n")
    write_whole(folder / "report.md", f"# {title}\n\n{table}\n{notes}\n![](report.png)\n")
    write_whole(folder / "report.png", plot(records, title))
    print(
        json.dumps(results)
        if arguments.json
        else f"{title}\n\n{table}\n{notes}\n{folder}/report.png"
    )
