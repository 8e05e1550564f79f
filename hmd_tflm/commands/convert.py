"""Turn a Keras model of HMDLSTM, HMDGRU and other layers into an int8 .tflite with HMD ops.

Calibration data are inputs like those that the model will see: a data set's name (some of its
training inputs), or an .npy/.npz file with [n, ...] rows. Prints a table of the layers.
"""

from __future__ import annotations

import argparse
import json
import sys

from hmd_tflm.files import check_output, write_whole
from hmd_tflm.quiet import quiet

EXAMPLE = "model.keras --calibration digits --output model.tflite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm convert`."""
    parser.add_argument("model", help="a .keras file")
    parser.add_argument(
        "--calibration", required=True, metavar="DATA", help="data set name, .npy or .npz"
    )
    parser.add_argument("--output", required=True, metavar="TFLITE", help="the file to write")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Convert and report."""
    check_output(arguments.output)
    with quiet():
        from hmd_tflm.convert import convert
        from hmd_tflm.convert.load import load_calibration, load_model

    model = load_model(arguments.model)
    result = convert(model, load_calibration(arguments.calibration))
    write_whole(arguments.output, result.content)
    if arguments.json:
        json.dump(result.as_dict(), sys.stdout, indent=2)
        print()
    else:
        print(result.table())
        print(f"{arguments.output}: {len(result.content):,} bytes")
