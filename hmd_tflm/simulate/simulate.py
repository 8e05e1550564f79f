"""Runs a model's firmware on inputs in the emulator and reports what it computed and cost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.protocol import Info, Link
from hmd_tflm.simulate.timing import CYCLE_MODEL


@dataclass(frozen=True)
class Report:
    """What a simulation gave. Sizes in bytes; the cycles are a model's, not a board's.

    outputs: int8 [n, output bytes]. instructions, cycles: int64 [n, ops], of each inference and
    op. flash, ram: of the firmware, `ram` without the stack of which `stack_reserved` are reserved
    and `stack_used` were used at most. `arena_used` of `model.arena` bytes were ever touched.
    """

    model: Info
    outputs: NDArray[np.int8]
    instructions: NDArray[np.int64]
    cycles: NDArray[np.int64]
    flash: int
    ram: int
    stack_reserved: int
    stack_used: int
    arena_used: int

    def to_json(self) -> str:
        """All of the report, as one JSON object."""
        return json.dumps(
            {
                "board": self.model.board,
                "clock_hz": self.model.clock_hz,
                "model": self.model.model,
                "model_crc32": f"{self.model.crc32:08X}",
                "cycle_model": CYCLE_MODEL,
                "instructions": self.instructions.sum(axis=1).tolist(),
                "cycles": self.cycles.sum(axis=1).tolist(),
                "ops": [
                    {
                        "name": name,
                        "instructions": self.instructions[:, op].tolist(),
                        "cycles": self.cycles[:, op].tolist(),
                    }
                    for op, name in enumerate(self.model.ops)
                ],
                "flash": self.flash,
                "ram": self.ram,
                "stack_reserved": self.stack_reserved,
                "stack_used": self.stack_used,
                "arena_reserved": self.model.arena,
                "arena_used": self.arena_used,
                "outputs": self.outputs.tolist(),
            }
        )


def simulate(source: Path, board_name: str, inputs: NDArray[np.int8]) -> Report:
    """Run inferences on an emulated board, in order, after one reset of the recurrent state.

    source: a firmware ELF file, or the folder with a model's C files to build one from. inputs:
    int8 [n, ...], one inference each.

    Raises:
        UserError: an unknown board, inputs of another type or size, or what `build` raises.
        FirmwareError: the firmware failed.
    """
    board = load_board(board_name)
    image = build(source, board) if source.is_dir() else Image.load(source)
    emulator = Emulator(image, board)
    link = Link(emulator)
    model = link.info()
    _check(inputs, model)
    link.reset()
    emulator.readings.clear()
    runs = [link.run(x.tobytes()) for x in np.ascontiguousarray(inputs)]
    if len(emulator.readings) != len(runs) * (len(model.ops) + 1):
        raise FirmwareError(
            f"the firmware read its cycle counter {len(emulator.readings)} times in {len(runs)} "
            f"inferences, expected once before the first of {len(model.ops)} ops and once after each"
        )
    readings = np.array([(r.instructions, r.cycles) for r in emulator.readings], np.int64)
    spent = np.diff(readings.reshape(len(runs), len(model.ops) + 1, 2), axis=1)
    return Report(
        model=model,
        outputs=np.array([np.frombuffer(run.output, np.int8) for run in runs]),
        instructions=spent[..., 0],
        cycles=spent[..., 1],
        flash=image.flash,
        ram=image.ram,
        stack_reserved=image.stack,
        stack_used=max(run.stack for run in runs),
        arena_used=max(run.arena for run in runs),
    )


def _check(inputs: NDArray[np.int8], model: Info) -> None:
    if inputs.dtype != np.int8 or inputs.ndim < 2 or len(inputs) == 0:
        raise UserError(
            f"received {inputs.dtype} inputs of shape {list(inputs.shape)}, expected int8 [n, ...] "
            "with n of at least 1; quantise them with the model's input scale and zero point"
        )
    if inputs[0].size != model.input:
        raise UserError(
            f"received inputs of {inputs[0].size} values {list(inputs.shape[1:])}, but "
            f"{model.model} takes {model.input}; give an array of one input a row"
        )
