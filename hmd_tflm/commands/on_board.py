"""What commands that run a model on a simulated board share: arguments, checks, generated C."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from numpy.typing import NDArray

from hmd_tflm.files import read_input, read_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the board and the rows to run."""
    parser.add_argument(
        "model", type=Path, help="a .tflite file, or the ELF file of firmware built around one"
    )
    parser.add_argument("--board", required=True, help="board name, e.g. disco_f407vg")
    parser.add_argument("--input", type=Path, required=True, help="rows to run, .npy or .npz")
    parser.add_argument(
        "--wait-states",
        type=int,
        metavar="N",
        help="of the flash, for the second figure of cycles (the board's at its clock; 0: without)",
    )


@contextmanager
def generated(arguments: argparse.Namespace) -> Iterator[tuple[Path, NDArray]]:
    """A folder with the model's C, there until the block ends, and the rows as int8.

    Instead of the folder the model itself, if it is an ELF file; it takes rows of int8 only.

    Raises:
        UserError: an unknown board, a model that firmware cannot run, rows that do not fit it.
    """
    from hmd_tflm.codegen import generate, model_io
    from hmd_tflm.simulate.board import load_board
    from hmd_tflm.tflite import check_input

    load_board(arguments.board)  # before any work
    content = read_whole(arguments.model)
    if content.startswith(b"\x7fELF"):
        yield arguments.model, read_input(arguments.input)
        return
    rows = check_input(read_input(arguments.input), model_io(content)[0])
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        yield generate(content, folder, arguments.model.stem).parent, rows
