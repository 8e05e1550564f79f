"""A session on a simulated board: inferences in order, and the counts at each reading of its clock."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import Board
from hmd_tflm.simulate.emulator import Emulator, Reading
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.protocol import Info, Link, Run, Transport
from hmd_tflm.simulate.renode import Renode
from hmd_tflm.simulate.trace import count_trace

MODELLED_CPU = "cortex-m4"
TRACED_TIMEOUT = 300.0  # seconds for an inference; a trace slows Renode down to 1 million a second


@dataclass(frozen=True)
class Session:
    """`readings`: what had been executed at each reading of the cycle counter during the runs.

    wait_states: of the flash whose waits the readings count, 0 where they do not.
    """

    model: Info
    runs: list[Run]
    readings: list[Reading]
    wait_states: int = 0


def emulator_session(image: Image, board: Board, inputs: NDArray[np.int8]) -> Session:
    """In this package's emulator."""
    emulator = Emulator(image, board)
    wait_states = board.flash.wait_states if board.flash else 0
    return Session(*_run(emulator, board, inputs), emulator.readings, wait_states)


def renode_session(image: Image, board: Board, inputs: NDArray[np.int8]) -> Session:
    """In the Renode that is in PATH, counted in its execution trace.

    The trace does not say what data is read, so that waits for the flash are not counted.

    Raises:
        UserError: what `Renode` raises, or a core whose cycles are not modelled.
        FirmwareError: what `Renode` raises, or its cycle counter disagrees with its trace.
    """
    if board.cpu != MODELLED_CPU:
        raise UserError(
            f"{board.name} has a {board.cpu}, but cycles are modelled for {MODELLED_CPU} only; "
            "run its firmware in Renode itself, see renode/README.md"
        )
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        trace = Path(folder) / "trace"
        with Renode(image, board, trace, TRACED_TIMEOUT) as renode:
            model, runs = _run(renode, board, inputs)
        readings = count_trace(trace, image).readings
    traced = [b.instructions - a.instructions for a, b in pairwise(readings)]
    del traced[len(model.ops) :: len(model.ops) + 1]  # from one inference to the next
    counted = [count for run in runs for count in run.op_cycles]
    if traced != counted:
        raise FirmwareError(
            f"Renode's counter gives {counted} instructions for the ops, its trace {traced}; the "
            "board's description in renode/ needs 100 MIPS and a DWT at 100 MHz"
        )
    return Session(model, runs, readings)


SIMULATORS = {"emulator": emulator_session, "renode": renode_session}


def connect(transport: Transport, board: Board, inputs: NDArray[np.int8]) -> tuple[Link, Info]:
    """A link to firmware that has just been reset, and what it says of itself.

    Raises:
        UserError: it is built for another board, or the inputs are not for its model.
        FirmwareError: what `Link` raises.
    """
    link = Link(transport)
    model = link.info()
    if model.board != board.name:
        raise UserError(
            f"the firmware says that it is built for {model.board}, expected {board.name}; build "
            "it for this board"
        )
    _check(inputs, model)
    link.reset()
    return link, model


def _run(transport: Transport, board: Board, inputs: NDArray[np.int8]) -> tuple[Info, list[Run]]:
    link, model = connect(transport, board, inputs)
    return model, [link.run(x.tobytes()) for x in np.ascontiguousarray(inputs)]


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
