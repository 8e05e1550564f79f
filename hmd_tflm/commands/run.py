"""Run a .tflite on this computer, its HMD ops by the firmware's own kernels.

The input is an .npy or .npz file of [n, ...] rows, float (quantised to the model's input, and the
output is float) or int8 (and the output is int8). State of a stateful model goes on from row to
row. Prints the outputs' shape and range, or writes them to a file.
"""

from __future__ import annotations

import argparse
import io
import json

import numpy as np

from hmd_tflm.errors import UserError
from hmd_tflm.files import check_output, read_input, write_whole
from hmd_tflm.runtime import RUNTIMES, Interpreter

EXAMPLE = "model.tflite --input x.npy --output y.npy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm run`."""
    parser.add_argument("model", help="a .tflite file")
    parser.add_argument("--input", required=True, metavar="NPY", help="rows to run, .npy or .npz")
    parser.add_argument("--output", metavar="NPY", help="write the outputs here")
    parser.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0])
    parser.add_argument("--json", action="store_true", help="print the outputs as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Run all rows."""
    if arguments.output:
        check_output(arguments.output)
    x = read_input(arguments.input)
    with Interpreter(arguments.model, arguments.runtime) as interpreter:
        if len(interpreter.outputs) != 1:
            raise UserError(
                f"{arguments.model}: received {len(interpreter.outputs)} outputs, expected one; "
                "in Python, hmd_tflm.runtime.Interpreter gives all"
            )
        y = interpreter.run(x)
    if arguments.output:
        buffer = io.BytesIO()
        np.save(buffer, y)
        write_whole(arguments.output, buffer.getvalue())
    if arguments.json:
        print(json.dumps({"outputs": y.tolist()}))
    else:
        print(f"{len(x)} rows in; out {list(y.shape)} of {y.dtype}, {y.min():g} to {y.max():g}")
