"""Turn a .tflite into C for the firmware (firmware/, PlatformIO): without an interpreter, or for TFLM.

hmd-tflm codegen model.tflite --output firmware/generated
pio run -d firmware -e disco_f407vg

hmd-tflm codegen --tflm model.tflite --output firmware/generated
TFLM_ROOT=... pio run -d firmware -e disco_f407vg_tflm
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hmd_tflm.codegen import generate, tflm
from hmd_tflm.files import read_whole

EXAMPLE = "model.tflite --output firmware/generated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm codegen`."""
    parser.add_argument("model", help="a .tflite file")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the C files")
    parser.add_argument(
        "--tflm", action="store_true", help="for firmware with TFLM, which docs/tflm.md describes"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Generate."""
    path = Path(arguments.model)
    write = tflm.generate if arguments.tflm else generate
    written = write(read_whole(path), arguments.output, path.stem)
    print(json.dumps({"written": str(written)}) if arguments.json else f"{written}: written")
