"""What a model's firmware costs with other shapes in its recurrent layers, without building it.

Weights, state, scratch and the arena are computed exactly, the cycles of recurrent layers by
`hmd_tflm.plan.cost`. What remains (the other ops, the code, and by how much the formula is off in
this firmware for these values) is taken from one simulation of the model with small shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.codegen import generate, model_io
from hmd_tflm.codegen.arena import Buffer, place
from hmd_tflm.codegen.generate import arena_buffers
from hmd_tflm.codegen.ops import SCRATCH, scratch_bytes
from hmd_tflm.convert import convert
from hmd_tflm.op.cells import CELLS
from hmd_tflm.op.packing import packed_sizes
from hmd_tflm.op.read import read_layers
from hmd_tflm.plan.cost import Op, measured
from hmd_tflm.simulate.board import Board
from hmd_tflm.simulate.simulate import Report, simulate
from hmd_tflm.structure import Structure

SIMULATED_ROWS = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one inference and its firmware.

    Attributes:
        cycles: with the waits for the flash where the board's is modelled.
        flash, ram: bytes; ram without the stack.
    """

    cycles: float
    flash: int
    ram: int


class Firmware:
    """A model's firmware as a function of the shapes of its recurrent layers.

    Args:
        model: of HMDLSTM layers, their shapes at will: the smaller, the faster is this.
        calibration: as for `hmd_tflm.convert.convert`.
        board: whose cycles are modelled.

    Attributes:
        ops: by layer name, in the order of execution.
        least: by layer name, the shape that was simulated.
        rest: of the simulated cost, what is not from formulas.
        stack: bytes reserved for it.

    Raises:
        UserError, FirmwareError: what `convert` and `simulate` raise.
    """

    def __init__(self, model: keras.Model, calibration: NDArray, board: Board) -> None:
        self.board = board
        content, report, names = built(model, calibration, board)
        layers = read_layers(tflite.read(content))
        self.ops = {
            name: Op(o.structure, layer.steps, o.return_sequences)
            for name, layer in zip(names, layers, strict=True)
            for o in [layer.integers.options]
        }
        self.least = {name: op.structure for name, op in self.ops.items()}
        places = [n for n, op in enumerate(report.model.ops) if op in CELLS]
        self._number = dict(zip(names, places, strict=True))
        self._buffers = arena_buffers(content)
        self.stack = report.stack_reserved
        total = cost(report)
        formula = sum(self.cycles(name, s) for name, s in self.least.items())
        constants = sum(map(constant_bytes, self.least.values()))
        self.rest = Cost(
            total.cycles - formula,
            total.flash - constants,
            total.ram - place(self._buffers)[1],
        )

    def cost(self, structures: Mapping[str, Structure]) -> Cost:
        """Predicted, with these shapes, and the least ones for the layers not named."""
        shapes = self.least | dict(structures)
        buffers = dict(self._buffers)
        for name, structure in shapes.items():
            number = self._number[name]
            buffers[SCRATCH, number] = Buffer(scratch_bytes(structure), number, number)
        return Cost(
            self.rest.cycles + sum(self.cycles(name, s) for name, s in shapes.items()),
            self.rest.flash + sum(map(constant_bytes, shapes.values())),
            self.rest.ram + place(buffers)[1],
        )

    def cycles(self, name: str, structure: Structure) -> float:
        """Predicted, of one layer."""
        found = measured().cycles(replace(self.ops[name], structure=structure))
        return found.core + (found.waits if self.board.flash else 0)


def built(
    model: keras.Model, calibration: NDArray, board: Board
) -> tuple[bytes, Report, list[str]]:
    """A converted model, simulated inferences, and the names of the HMD layers in order.

    Rows of the calibration data are simulated, since waits for the flash depend a little on where
    the table of sigmoids is read.
    """
    conversion = convert(model, calibration)
    source = model_io(conversion.content)[0]
    x = source.quantize(calibration[:: -(-len(calibration) // SIMULATED_ROWS)])
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        code = generate(conversion.content, Path(folder), "plan").parent
        report = simulate(code, board.name, x)
    return conversion.content, report, [layer.name for layer in conversion.layers]


def cost(report: Report) -> Cost:
    """As simulated, in the mean of the inferences."""
    cycles = (report.cycles + report.waits).sum(axis=1).mean()
    return Cost(float(cycles), report.flash, report.ram)


def constant_bytes(s: Structure) -> int:
    """Weights and requantisation table in flash."""
    weights, rows = packed_sizes(s)
    return weights + 4 * rows
