"""Runs a model's firmware on inputs in a simulator and reports what it computed and cost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import Board, load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.cycles.validation import CYCLE_MODEL, error_bound, flash_error_bound
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.protocol import Info
from hmd_tflm.simulate.session import SIMULATORS

MAX_WAIT_STATES = 15  # RM0090, 3.9.1


@dataclass(frozen=True)
class Report:
    """What a simulation gave. Sizes in bytes; the cycles are a model's, not a board's.

    simulator: one of `SIMULATORS`, which counted the instructions.
    outputs: int8 [n, output bytes]. instructions, cycles: int64 [n, ops], of each inference and
    op. waits: int64 [n, ops], cycles of waiting for a flash with `wait_states`, not part of
    `cycles`; wait_states is 0 where they were not counted. flash, ram: of the firmware, `ram` without the stack of which `stack_reserved` are reserved
    and `stack_used` were used at most. `arena_used` of `model.arena` bytes were ever touched.
    """

    simulator: str
    model: Info
    outputs: NDArray[np.int8]
    instructions: NDArray[np.int64]
    cycles: NDArray[np.int64]
    waits: NDArray[np.int64]
    wait_states: int
    flash: int
    ram: int
    stack_reserved: int
    stack_used: int
    arena_used: int

    @property
    def cycles_with_flash(self) -> NDArray[np.int64] | None:
        """int64 [n, ops]: with the waits for the flash, None where they were not counted."""
        return self.cycles + self.waits if self.wait_states else None

    def to_json(self) -> str:
        """All of the report, as one JSON object."""
        flash = self.cycles_with_flash
        return json.dumps(
            {
                "simulator": self.simulator,
                "board": self.model.board,
                "clock_hz": self.model.clock_hz,
                "model": self.model.model,
                "model_crc32": f"{self.model.crc32:08X}",
                "cycle_model": CYCLE_MODEL,
                "cycle_error": error_bound(),
                "flash_wait_states": self.wait_states,
                "flash_error": flash_error_bound() if self.wait_states else None,
                "instructions": self.instructions.sum(axis=1).tolist(),
                "cycles": self.cycles.sum(axis=1).tolist(),
                "cycles_with_flash": None if flash is None else flash.sum(axis=1).tolist(),
                "ops": [
                    {
                        "name": name,
                        "instructions": self.instructions[:, op].tolist(),
                        "cycles": self.cycles[:, op].tolist(),
                        "cycles_with_flash": None if flash is None else flash[:, op].tolist(),
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


def with_wait_states(board: Board, wait_states: int | None) -> Board:
    """The board with its flash at another clock, or as it is where None is given.

    Raises:
        UserError: more wait states than the field of FLASH_ACR can hold, or a flash that is not
            modelled.
    """
    if wait_states is None:
        return board
    if not 0 <= wait_states <= MAX_WAIT_STATES:
        raise UserError(f"received {wait_states} wait states, expected 0 to {MAX_WAIT_STATES}")
    if board.flash is None:
        raise UserError(f"the flash of {board.name} is not modelled; leave its wait states out")
    return replace(board, flash=replace(board.flash, wait_states=wait_states))


def simulate(
    source: Path,
    board_name: str,
    inputs: NDArray[np.int8],
    simulator: str = "emulator",
    wait_states: int | None = None,
) -> Report:
    """Run inferences on a simulated board, in order, after one reset of the recurrent state.

    source: a firmware ELF file, or the folder with a model's C files to build one from. inputs:
    int8 [n, ...], one inference each. simulator: one of `SIMULATORS`. wait_states: of the flash,
    by default the board's at its clock; 0 leaves the waits out, as Renode always does.

    Raises:
        UserError: an unknown board or simulator, inputs of another type or size, wait states that
            are not modelled, or what `build` and the simulator raise.
        FirmwareError: the firmware failed.
    """
    board = with_wait_states(load_board(board_name), wait_states)
    if simulator not in SIMULATORS:
        raise UserError(f"simulator {simulator!r} is not known, expected {' or '.join(SIMULATORS)}")
    image = build(source, board) if source.is_dir() else Image.load(source)
    if simulator == "renode" and wait_states:
        raise UserError(
            f"received {wait_states} wait states, but Renode's trace does not say what data is "
            "read; count waits for the flash with --simulator emulator"
        )
    session = SIMULATORS[simulator](image, board, inputs)
    runs, ops = session.runs, session.model.ops
    if len(session.readings) != len(runs) * (len(ops) + 1):
        raise FirmwareError(
            f"the firmware read its cycle counter {len(session.readings)} times in {len(runs)} "
            f"inferences, expected once before the first of {len(ops)} ops and once after each"
        )
    readings = np.array([(r.instructions, r.cycles, r.waits) for r in session.readings], np.int64)
    spent = np.diff(readings.reshape(len(runs), len(ops) + 1, 3), axis=1)
    return Report(
        simulator=simulator,
        model=session.model,
        outputs=np.array([np.frombuffer(run.output, np.int8) for run in runs]),
        instructions=spent[..., 0],
        cycles=spent[..., 1],
        waits=spent[..., 2],
        wait_states=session.wait_states,
        flash=image.flash,
        ram=image.ram,
        stack_reserved=image.stack,
        stack_used=max(run.stack for run in runs),
        arena_used=max(run.arena for run in runs),
    )
