"""`hmd-tflm`: one command over the whole path, a module of `hmd_tflm.commands` each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from hmd_tflm import __version__
from hmd_tflm.errors import FirmwareError, UserError

COMMANDS = {
    "datasets": "list the named data sets, prepare their files",
    "train": "train a recurrent classifier on a named data set",
    "convert": "turn a Keras model into an int8 .tflite with HMD ops",
    "plan": "choose the layers' shapes for a board and limits of time and memory",
    "run": "run a .tflite on this computer",
    "inspect": "show the layers, shapes and options of a .tflite",
    "codegen": "turn a .tflite into C for firmware without an interpreter",
    "simulate": "build firmware, run it in an emulator, report cycles and memory",
    "profile": "show where a model's cycles go, by op, function, line and instruction",
    "device": "run a data set on a board and compare with this computer",
    "bench": "measure budgets of models, kernels, or the methods of the paper",
    "demo": "train, convert, simulate and compare dense, HMD and LMF",
}
EXTRAS = {
    **dict.fromkeys(("keras", "tensorflow", "tqdm", "scipy", "sklearn"), "train"),
    **dict.fromkeys(("capstone", "elftools", "serial", "unicorn"), "simulate"),
    **dict.fromkeys(("markdown", "matplotlib"), "demo"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 2 for a mistake that the user can mend, 1 for firmware's."""
    argv = list(sys.argv[1:] if argv is None else argv)
    chosen = next((a for a in argv if a in COMMANDS), None)
    try:
        arguments = _parser(chosen).parse_args(argv)
        return int(arguments.run(arguments) or 0)
    except (UserError, FirmwareError) as error:
        print(f"hmd-tflm {chosen}: {error}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRAS:
            raise
        print(
            f"hmd-tflm {chosen}: the Python package {package} is not installed; run "
            f"pip install 'hmd-tflm[{EXTRAS[package]}]'",
            file=sys.stderr,
        )
        return 2


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """All commands, but only the chosen one's module: `run` must not load TensorFlow."""
    parser = argparse.ArgumentParser(prog="hmd-tflm", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        sub = subparsers.add_parser(
            name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name == chosen:
            module = import_module(f"hmd_tflm.commands.{name}")
            sub.description = module.__doc__
            sub.epilog = f"example:\n  hmd-tflm {name} {module.EXAMPLE}"
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser
