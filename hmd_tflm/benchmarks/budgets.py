"""What the reference models cost on a board, held against a committed budget.

A budget is of one compiler: another one makes other code, which says nothing about ours.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hmd_tflm.codegen import generate, model_io
from hmd_tflm.errors import UserError
from hmd_tflm.files import read_whole
from hmd_tflm.simulate.simulate import simulate

ROOT = Path(__file__).parents[2] / "benchmarks"
FILE = ROOT / "budgets.json"
BOARD = "disco_f407vg"
GROWTH = 0.01  # that a budget allows
COUNTS = ("instructions", "cycles")


@dataclass(frozen=True, slots=True)
class Change:
    """One number beside its budget."""

    model: str
    count: str
    budget: int
    measured: int

    @property
    def growth(self) -> float:
        """Relative to the budget."""
        return self.measured / self.budget - 1

    @property
    def exceeds(self) -> bool:
        """Whether it grew by more than `GROWTH`."""
        return self.measured > self.budget * (1 + GROWTH)


def measure() -> Iterator[tuple[str, dict[str, int]]]:
    """Name, and instructions and cycles of one inference, of each model in benchmarks/models."""
    for path in sorted((ROOT / "models").glob("*.tflite")):
        content = read_whole(path)
        size = model_io(content)[0].size
        x = np.random.default_rng(0).integers(-128, 128, (1, size)).astype(np.int8)
        with TemporaryDirectory(prefix="hmd-tflm-") as folder:
            report = simulate(generate(content, folder, path.stem).parent, BOARD, x)
        yield path.stem, {name: int(getattr(report, name).sum()) for name in COUNTS}


def compiler() -> str:
    """The first line of what arm-none-eabi-gcc says of its version.

    Raises:
        UserError: it is not installed.
    """
    try:
        done = subprocess.run(
            ["arm-none-eabi-gcc", "--version"], check=True, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise UserError(
            "arm-none-eabi-gcc is not in PATH; install it: apt install gcc-arm-none-eabi "
            "libnewlib-arm-none-eabi"
        ) from error
    return done.stdout.splitlines()[0]


def load() -> dict:
    """The committed budgets."""
    return json.loads(FILE.read_text())


def changes(budgets: dict, measured: dict[str, dict[str, int]]) -> list[Change]:
    """Each number beside its budget.

    Raises:
        UserError: a model without a budget, or a budget without a model.
    """
    if budgets["models"].keys() != measured.keys():
        raise UserError(
            f"{FILE.name}: received budgets of {', '.join(budgets['models'])}, expected of "
            f"{', '.join(measured)}; run hmd-tflm bench --update"
        )
    return [
        Change(model, count, budgets["models"][model][count], counts[count])
        for model, counts in measured.items()
        for count in COUNTS
    ]
