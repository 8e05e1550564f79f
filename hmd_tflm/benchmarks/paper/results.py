"""Runs and their result files: one JSON file for each finished run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmd_tflm.errors import UserError
from hmd_tflm.files import make_folder, read_whole, write_whole

FOLDER = Path(__file__).parents[3] / "benchmarks/results"

Result = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """What the comparison's tables have one entry for."""

    benchmark: str
    method: str
    factor: float


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """One training."""

    cell: Cell
    learning_rate: float
    seed: int

    @property
    def file(self) -> Path:
        """Of its result, in the folder of all results."""
        name = f"{self.cell.method}_{self.cell.factor:g}x_rate{self.learning_rate:g}_{self.seed}"
        return Path(self.cell.benchmark, f"{name}.json")


def write(folder: Path, run: Run, result: Result) -> None:
    """Write a result: whole or not at all."""
    path = folder / run.file
    make_folder(path.parent)
    write_whole(path, json.dumps(result, indent=1) + "\n")


def read(folder: Path) -> dict[Run, Result]:
    """All results in a folder.

    Raises:
        UserError: a file is not a result.
    """
    found = {}
    for path in sorted(folder.glob("*/*.json")):
        try:
            result = json.loads(read_whole(path))
            cell = Cell(result["benchmark"], result["method"], result["factor"])
            run = Run(cell, result["learning_rate"], result["seed"])
            fits = run.file == path.relative_to(folder)
        except (ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            raise UserError(
                f"{path}: is not the result that its name says; delete it, and the sweep makes it anew"
            )
        found[run] = result
    return found
