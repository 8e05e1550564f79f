"""Show the named data sets, and prepare those that are files.

list: the names, their shapes, and which are there.
prepare: make a data set's file from what its authors publish. Give the archive as it was downloaded
(its SHA-256 is checked) or the unpacked folder. If the command is killed, run it again: what was done
is kept. Files lie in the folder that HMD_TFLM_DATA names, or in ~/.cache/hmd_tflm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hmd_tflm import datasets

EXAMPLE = "prepare kws12 --from speech_commands_v0.02.tar.gz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="{list,prepare}")
    shown = actions.add_parser("list", help="show names, shapes, and which files are there")
    shown.epilog = "example: hmd-tflm datasets list"
    made = actions.add_parser("prepare", help="make the file of a data set")
    made.epilog = f"example: hmd-tflm datasets {EXAMPLE}"
    made.add_argument("name", metavar="NAME", help="name of a data set")
    made.add_argument(
        "--from",
        dest="path",
        type=Path,
        required=True,
        metavar="PATH",
        help="the archive, text or unpacked folder that the authors publish",
    )
    made.add_argument("--output", type=Path, metavar="FILE", help=".npz file to write (its place)")
    for action in (shown, made):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> None:
    """List or prepare."""
    if arguments.action == "list":
        rows = [_row(name) for name in datasets.names()]
        print(json.dumps(rows) if arguments.json else "\n".join(map(_line, rows)))
        return
    from hmd_tflm.datasets.prepare import prepare

    result = prepare(arguments.name, arguments.path, arguments.output)
    counts = ", ".join(f"{split} {result[split]:,}" for split in datasets.SPLITS)
    sentence = f"{result['output']}: {counts}; source: {result['source']}"
    print(json.dumps(result) if arguments.json else sentence)


def _row(name: str) -> dict[str, object]:
    """A data set, without reading its file."""
    description = datasets.describe(name)
    file = description["source"].get("file")
    path = file and str(datasets.folder() / file)
    return {
        "name": name,
        **description["shape"],
        "file": path,
        "present": path is None or Path(path).is_file(),
        "page": description.get("archive", {}).get("page"),
    }


def _line(row: dict[str, object]) -> str:
    shape = f"{row['steps']} x {row['features']}"
    where = row["file"] if row["present"] else f"absent; prepare it from {row['page']}"
    return f"{row['name']:20} {shape:>9}  {row['classes']:>3} classes  {where or 'scikit-learn'}"
