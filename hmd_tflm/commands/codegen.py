"""Turn a .tflite into model.c for firmware without an interpreter (firmware/, PlatformIO).

hmd-tflm codegen model.tflite --output firmware/generated
pio run -d firmware -e disco_f407vg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hmd_tflm.codegen import generate
from hmd_tflm.files import read_whole

EXAMPLE = "model.tflite --output firmware/generated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm codegen`."""
    parser.add_argument("model", help="a .tflite file")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for model.c")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Generate."""
    path = Path(arguments.model)
    written = generate(read_whole(path), arguments.output, path.stem)
    print(json.dumps({"written": str(written)}) if arguments.json else f"{written}: written")
