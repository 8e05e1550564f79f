"""Firmware with TensorFlow Lite Micro beside firmware without an interpreter: memory and time.

    TFLM_ROOT=... python -m hmd_tflm.benchmarks.tflm

measures the models in benchmarks/models on an emulated board and writes benchmarks/tflm.json and its
table in docs/tflm.md. Both kinds of firmware must give the bytes of the host.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from hmd_tflm import codegen
from hmd_tflm.benchmarks.budgets import compiler
from hmd_tflm.benchmarks.flash_parts import PARTS, flash_by_part
from hmd_tflm.codegen import tflm
from hmd_tflm.errors import FirmwareError
from hmd_tflm.files import read_whole, write_whole
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.simulate import Report, simulate

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "benchmarks" / "models"
FILE = ROOT / "benchmarks" / "tflm.json"
PAGE = ROOT / "docs" / "tflm.md"
BLOCK = re.compile(r"(<!-- side by side -->\n).*?(<!-- end -->)", re.DOTALL)
PLAIN = load_board("disco_f407vg")
WITH_TFLM = dataclasses.replace(PLAIN, environment="disco_f407vg_tflm_offline")
Record = dict[str, Any]


def measure(tflm_root: Path) -> Iterator[Record]:
    """A record a model: the second inference, after one reset."""
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        plain, interpreted = Path(folder, "plain"), Path(folder, "tflm")
        for path in sorted(MODELS.glob("*.tflite")):
            content = read_whole(path)
            codegen.generate(content, plain, path.stem)
            tflm.generate(content, interpreted, path.stem)
            kinds = {"plain": build(plain, PLAIN), "tflm": build(interpreted, WITH_TFLM)}
            yield {"model": path.stem, "model_bytes": len(content)} | {
                kind: _record(content, image, tflm_root) for kind, image in kinds.items()
            }


def _record(content: bytes, image: Image, tflm_root: Path) -> Record:
    with Interpreter(content) as interpreter:
        shape = (2, *interpreter.inputs[0].shape[1:])
        x = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
        expected = interpreter.run(x).reshape(2, -1)
    report = simulate(image.path, PLAIN.name, x)
    if not np.array_equal(report.outputs, expected):
        raise FirmwareError(f"{image.path}: other outputs than the host's")
    parts = flash_by_part(image.path.with_suffix(".map"), tflm_root)
    return {
        "flash": report.flash,
        "parts": {part: parts[part] for part in PARTS if parts[part]},
        "static_ram": report.ram,
        "arena": report.arena_used,
        "stack": report.stack_used,
        "ops": [_op(report, number) for number in range(len(report.model.ops))],
    }


def _op(report: Report, number: int) -> Record:
    flash = report.cycles_with_flash
    return {
        "name": report.model.ops[number],
        "instructions": int(report.instructions[1, number]),
        "cycles": int(report.cycles[1, number]),
        "cycles_with_flash": None if flash is None else int(flash[1, number]),
    }


def page(text: str, results: Record) -> str:
    """docs/tflm.md with its block as the records say."""
    return BLOCK.sub(lambda m: f"{m[1]}{_tables(results)}{m[2]}", text)


def _tables(results: Record) -> str:
    records = results["records"]
    names = [record["model"] for record in records]
    kinds = [(record, kind) for record in records for kind in ("plain", "tflm")]
    total = [sum(op["cycles"] for op in record[kind]["ops"]) for record, kind in kinds]
    executed = [sum(op["instructions"] for op in record[kind]["ops"]) for record, kind in kinds]
    rows = [
        ("flash", [record[kind]["flash"] for record, kind in kinds]),
        *((f"- {part}", [r[k]["parts"].get(part, 0) for r, k in kinds]) for part in PARTS),
        ("static RAM", [record[kind]["static_ram"] for record, kind in kinds]),
        ("arena", [record[kind]["arena"] for record, kind in kinds]),
        ("stack", [record[kind]["stack"] for record, kind in kinds]),
        ("instructions", executed),
        ("cycles", total),
    ]
    head = ["", *(f"{name}{how}" for name in names for how in (", without", ", TFLM"))]
    lines = [head, ["---", *["---:"] * len(kinds)]]
    lines += [[name, *(f"{value:,}" for value in values)] for name, values in rows]
    ops = [["model", "op", "cycles without", "cycles with TFLM"], ["---", "---", "---:", "---:"]]
    ops += [
        [record["model"], plain["name"], f"{plain['cycles']:,}", f"{other['cycles']:,}"]
        for record in records
        for plain, other in zip(record["plain"]["ops"], record["tflm"]["ops"], strict=True)
    ]
    return (
        f"TFLM of {results['tflm']}; {results['compiler']}; {results['board']}.\n\n"
        f"{_markdown(lines)}\n{_markdown(ops)}"
    )


def _markdown(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write() -> None:
    """The block of docs/tflm.md, anew from the committed records."""
    write_whole(PAGE, page(PAGE.read_text(), json.loads(FILE.read_text())))


def version(tflm_root: Path) -> str:
    """Day and commit of a TFLM tree, where it is a git checkout."""
    command = ["git", "-C", str(tflm_root), "log", "-1", "--abbrev=12", "--format=%cs, commit %h"]
    own = os.environ | {"GIT_CEILING_DIRECTORIES": str(tflm_root.resolve().parent)}
    try:
        log = subprocess.run(command, check=True, capture_output=True, text=True, env=own)
    except (OSError, subprocess.CalledProcessError):
        return "an unknown day"
    return log.stdout.strip()


def main() -> None:
    """Measure and write."""
    root = Path(os.environ["TFLM_ROOT"])
    records = list(
        tqdm(measure(root), "simulate", len(list(MODELS.glob("*.tflite"))), unit="model")
    )
    results = {
        "tflm": version(root),
        "compiler": compiler(),
        "board": PLAIN.name,
        "records": records,
    }
    write_whole(FILE, json.dumps(results, indent=2) + "\n")
    write()


if __name__ == "__main__":
    main()
