"""Dense, HMD and LMF layers on one data set: accuracy, bytes, instructions, cycles, flash and RAM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hmd_tflm.codegen import generate
from hmd_tflm.convert import convert
from hmd_tflm.datasets import Dataset
from hmd_tflm.errors import FirmwareError
from hmd_tflm.files import write_whole
from hmd_tflm.layers.train import accuracy, build, structure, train
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.simulate import simulate

TITLES = {"dense": "dense", "hmd": "HMD", "lmf": "LMF", "lmf_shared": "LMF shared"}
CANDIDATES = (("dense", 1.0), *product(("hmd", "lmf", "lmf_shared"), (2.0, 4.0)))
SIMULATED_ROWS = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One trained, converted and simulated model.

    Attributes:
        method, factor: what was asked for.
        rows, blocks, rank, units: the structure that came of it.
        float_accuracy, int8_accuracy: on the test set, 0..1.
        model_bytes: of the `.tflite`; recurrent_bytes: of the HMD op's constants.
        instructions, cycles: of one inference on the board, all ops; cycles are modelled.
        cycles_with_flash: with the waits for the board's flash, None where they are not modelled.
        wait_states: of that flash.
        flash, ram: of the firmware; ram without stack.
    """

    method: str
    factor: float
    units: int
    rows: int
    blocks: int
    rank: int
    float_accuracy: float
    int8_accuracy: float
    model_bytes: int
    recurrent_bytes: int
    macs: int
    instructions: int
    cycles: int
    cycles_with_flash: int | None
    wait_states: int
    flash: int
    ram: int
    stack: int

    @property
    def label(self) -> str:
        """Method and factor in words."""
        return TITLES[self.method] + (f" {self.factor:g}x" if self.factor > 1 else "")

    def as_dict(self) -> dict[str, Any]:
        """The record for JSON."""
        return asdict(self)


def compare(data: Dataset, board: str, folder: Path, seed: int) -> Iterator[Record]:
    """Train, convert, run and simulate each candidate, one after the other.

    Args:
        data: the set that each learns and is tested on.
        board: of the simulation.
        folder: gets the `.keras` and `.tflite` files and the generated C.
        seed: of all random numbers.

    Raises:
        UserError: an unknown board, a missing tool.
        FirmwareError: the firmware answered other bytes than the host.
    """
    for method, factor in CANDIDATES:
        stem = f"{data.name}_{method}" + (f"_{factor:g}x" if factor > 1 else "")
        shape = structure(method, data.x_train.shape[2], data.recipe.units, factor)
        model = build(data, shape, seed=seed)
        train(model, data, data.recipe, seed=seed)
        float_accuracy = accuracy(model, data.x_test, data.y_test)
        model.save(folder / f"{stem}.keras")
        conversion = convert(model, data.calibration())
        write_whole(folder / f"{stem}.tflite", conversion.content)
        with Interpreter(conversion.content) as interpreter:
            rows = interpreter.inputs[0].quantize(data.x_test)
            outputs = interpreter.run(rows)
        source = generate(conversion.content, folder / f"{stem}_c", stem).parent
        report = simulate(source, board, rows[:SIMULATED_ROWS])
        expected = outputs[:SIMULATED_ROWS].reshape(SIMULATED_ROWS, -1)
        if not np.array_equal(report.outputs, expected):
            raise FirmwareError(f"{stem}: the firmware's outputs are not those of the host")
        (layer,) = conversion.layers
        flash = report.cycles_with_flash
        yield Record(
            method,
            factor,
            layer.units,
            layer.rows,
            layer.blocks,
            layer.rank,
            round(float_accuracy, 4),
            round(float(np.mean(outputs.argmax(-1) == data.y_test)), 4),
            len(conversion.content),
            layer.bytes,
            layer.macs,
            round(float(report.instructions.sum(1).mean())),
            round(float(report.cycles.sum(1).mean())),
            None if flash is None else round(float(flash.sum(1).mean())),
            report.wait_states,
            report.flash,
            report.ram,
            report.stack_used,
        )
