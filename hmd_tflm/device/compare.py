"""A model on a board beside the same on this computer: outputs bit for bit, cycles beside modelled ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.codegen import generate
from hmd_tflm.device.session import Device
from hmd_tflm.device.workload import Workload
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.files import read_whole
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.protocol import Info
from hmd_tflm.simulate.simulate import Report, simulate

MODELLED_ROWS = 10


@dataclass(frozen=True)
class Comparison:
    """What a board computed, and what it should have.

    Attributes:
        model: what the board says of itself.
        outputs: int8 ``[n, ...]`` of the board, the first n rows of the workload of `rows` rows.
        expected: the same of this computer.
        cycles: int64 ``[n, ops]``, measured on the board.
        stack, arena: bytes used at most.
        modelled: a simulation of the first rows, or why there is none.
        accuracy: on the board, None without labels.
        events: what was lost on the way.
        repeated, damaged: requests that were sent again, lines that arrived altered.
        failure: why not all rows were run, "" if they were.
    """

    model: Info
    rows: int
    outputs: NDArray[np.int8]
    expected: NDArray[np.int8]
    cycles: NDArray[np.int64]
    stack: int
    arena: int
    modelled: Report | str
    accuracy: float | None
    events: list[str]
    repeated: int
    damaged: int
    failure: str

    @property
    def different(self) -> list[int]:
        """The rows whose outputs are not bit for bit the same."""
        rows = (self.outputs != self.expected).reshape(len(self.outputs), -1)
        return np.flatnonzero(rows.any(axis=1)).tolist()

    @property
    def modelled_cycles(self) -> NDArray[np.int64] | None:
        """int64 ``[rows, ops]``, with the flash where it is modelled."""
        if isinstance(self.modelled, str):
            return None
        flash = self.modelled.cycles_with_flash
        return self.modelled.cycles if flash is None else flash

    @property
    def ratios(self) -> NDArray[np.float64] | None:
        """Measured by modelled cycles of the same rows, of each op and of all; None without any."""
        modelled = self.modelled_cycles
        if modelled is None or not len(self.cycles):
            return None
        count = min(len(modelled), len(self.cycles))
        sums = [cycles[:count].sum(axis=0) for cycles in (self.cycles, modelled)]
        measured, computed = (np.append(each, each.sum()) for each in sums)
        return measured / np.maximum(computed, 1)

    def to_json(self) -> str:
        """All of it, as one JSON object."""
        modelled, ratios = self.modelled_cycles, self.ratios
        return json.dumps(
            {
                "board": self.model.board,
                "clock_hz": self.model.clock_hz,
                "model": self.model.model,
                "model_crc32": f"{self.model.crc32:08X}",
                "rows": self.rows,
                "done": len(self.outputs),
                "different": self.different,
                "accuracy": self.accuracy,
                "cycles": self.cycles.sum(axis=1).tolist(),
                "ops": [
                    {
                        "name": name,
                        "cycles": self.cycles[:, op].tolist(),
                        "modelled": None if modelled is None else modelled[:, op].tolist(),
                        "ratio": None if ratios is None else float(ratios[op]),
                    }
                    for op, name in enumerate(self.model.ops)
                ],
                "ratio": None if ratios is None else float(ratios[-1]),
                "modelled": self.modelled if isinstance(self.modelled, str) else "",
                "stack_used": self.stack,
                "arena_used": self.arena,
                "repeated_requests": self.repeated,
                "damaged_lines": self.damaged,
                "events": self.events,
                "failure": self.failure,
                "outputs": self.outputs.tolist(),
            }
        )


def compare(
    model: Path,
    device: Device,
    work: Workload,
    firmware: Path | None = None,
    progress: Callable[[int], object] = lambda row: None,
) -> Comparison:
    """Run a workload on a board and on this computer.

    Args:
        model: the `.tflite` that the board should run.
        device: the board.
        work: of this model.
        firmware: the ELF file that was flashed, for the model of cycles; by default one is built
            for the board, without an interpreter.
        progress: called with each row that is done.

    Raises:
        UserError: the board runs another model.
        FirmwareError: before any inference was done; later ones are in `Comparison.failure`.
    """
    content = read_whole(model)
    _check(content, model, device.info)
    expected = _on_this_computer(content, work)
    modelled = _modelled(content, device.info, work, firmware)
    outputs = np.zeros_like(expected)
    cycles: list[tuple[int, ...]] = []
    stack = arena = 0
    failure = ""
    try:
        for begin in range(0, len(work.rows), work.length):
            rows = work.rows[begin : begin + work.length]
            for row, run in device.run(rows, work.stateful):
                outputs[begin + row] = np.frombuffer(run.output, np.int8).reshape(expected[0].shape)
                del cycles[begin + row :]
                cycles.append(run.op_cycles)
                stack, arena = max(stack, run.stack), max(arena, run.arena)
                progress(begin + row)
    except FirmwareError as error:
        if not cycles:
            raise
        failure = str(error)
    done = len(cycles)
    return Comparison(
        model=device.info,
        rows=len(work.rows),
        outputs=outputs[:done],
        expected=expected[:done],
        cycles=np.array(cycles, np.int64),
        stack=stack,
        arena=arena,
        modelled=modelled,
        accuracy=work.accuracy(outputs[:done]),
        events=device.events,
        repeated=device.link.repeated,
        damaged=device.link.damaged,
        failure=failure,
    )


def _check(content: bytes, model: Path, info: Info) -> None:
    if info.crc32 != crc32(content):
        raise UserError(
            f"the board runs {info.model} (crc32 {info.crc32:08X}), expected this model "
            f"({crc32(content):08X}); flash it: hmd-tflm codegen {quote(str(model))} --output "
            f"firmware/generated && pio run -d firmware -e {info.board} -t upload"
        )


def _on_this_computer(content: bytes, work: Workload) -> NDArray[np.int8]:
    with Interpreter(content) as interpreter:
        parts = []
        for begin in range(0, len(work.rows), work.length):
            interpreter.reset()
            parts.append(interpreter.run(work.rows[begin : begin + work.length]))
    return np.concatenate(parts)


def _modelled(content: bytes, info: Info, work: Workload, firmware: Path | None) -> Report | str:
    rows = work.rows[: min(MODELLED_ROWS, work.length)]
    try:
        clock_hz = load_board(info.board).clock_hz
        if info.clock_hz != clock_hz:
            return f"the board runs at {info.clock_hz} Hz, cycles are modelled for {clock_hz} Hz"
        with TemporaryDirectory(prefix="hmd-tflm-") as folder:
            source = firmware or generate(content, folder, info.model).parent
            report = simulate(source, info.board, rows)
    except (UserError, FirmwareError) as error:
        if firmware:
            raise
        return str(error).splitlines()[0]
    if report.model.ops != info.ops or report.model.crc32 != info.crc32:
        other = f"the simulated firmware has the ops {','.join(report.model.ops)}"
        hint = "give the ELF file that was flashed: --firmware"
        return f"{other}, the board {','.join(info.ops)}; {hint}"
    return report
