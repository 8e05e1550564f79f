"""Where a model's cycles go: by op, function, source line and instruction."""

from __future__ import annotations

from collections import Counter as Sum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import capstone
import numpy as np
from numpy.typing import NDArray

from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build, firmware_folder
from hmd_tflm.simulate.calls import CallTree
from hmd_tflm.simulate.counter import Executed
from hmd_tflm.simulate.cycles.model import CycleModel
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.flame import Stack
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.lines import Lines
from hmd_tflm.simulate.protocol import Info
from hmd_tflm.simulate.session import connect
from hmd_tflm.simulate.simulate import with_wait_states

GENERATED = "model.c"

_decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)


@dataclass(frozen=True)
class Share:
    """What one op, function or line spent, in all inferences together.

    Attributes:
        own: code of this project, not of the compiler's libraries.
        waits: cycles of waiting for the flash, not part of `cycles`; not known of lines.
    """

    name: str
    instructions: int
    cycles: int
    own: bool = True
    waits: int = 0


@dataclass(frozen=True)
class Profile:
    """Shares are sorted by cycles, those of ops stand in the order of the ops.

    Attributes:
        model: what the firmware says of itself.
        inferences: how many the numbers add up.
        wait_states: of the flash, 0 where the waits for it are left out.
        mnemonics: executed instructions by mnemonic, the most frequent first.
        stacks: cycles by op and chain of functions, for a flame graph.
        foreign: share of the cycles spent in code of the compiler's libraries, 0..1.
    """

    model: Info
    inferences: int
    wait_states: int
    ops: list[Share]
    functions: list[Share]
    lines: list[Share]
    mnemonics: dict[str, int]
    stacks: dict[Stack, int]
    foreign: float
    stack_used: int
    arena_used: int


def profile(
    source: Path, board_name: str, inputs: NDArray[np.int8], wait_states: int | None = None
) -> Profile:
    """Run inferences on an emulated board and charge what they spend.

    Args:
        source: folder with the generated C of a model, or a firmware ELF file.
        board_name: of the board.
        inputs: int8 ``[n, ...]``.
        wait_states: of the flash, by default the board's at its clock; 0 leaves the waits out.

    Raises:
        UserError, FirmwareError: as `hmd_tflm.simulate.simulate.simulate`.
    """
    board = with_wait_states(load_board(board_name), wait_states)
    image = build(source, board) if source.is_dir() else Image.load(source)
    emulator = Emulator(image, board)
    link, model = connect(emulator, board, inputs)
    emulator.readings.clear()
    watch = _Watch(emulator)
    runs = [link.run(x.tobytes()) for x in np.ascontiguousarray(inputs)]
    names = {number: _op(model, number) for number in range(len(emulator.readings))}
    executed = watch.executed(names)
    code = _Code(image)
    functions = _functions(watch.calls, names, code)
    total = sum(share.cycles for share in functions)
    return Profile(
        model=model,
        inferences=len(runs),
        wait_states=board.flash.wait_states if board.flash else 0,
        ops=_ops(watch.calls, names, model),
        functions=functions,
        lines=_lines(executed, emulator.model, code),
        mnemonics=_mnemonics(executed, code),
        stacks=_stacks(watch.calls, names, code),
        foreign=sum(share.cycles for share in functions if not share.own) / total,
        stack_used=max(run.stack for run in runs),
        arena_used=max(run.arena for run in runs),
    )


def _op(model: Info, reading: int) -> str | None:
    """The op that begins where the cycle counter is read for the n-th time; None after the last."""
    number = reading % (len(model.ops) + 1)
    return f"{number} {model.ops[number]}" if number < len(model.ops) else None


class _Watch:
    """Divides a run into sections at the readings of the cycle counter."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._counts: list[dict[tuple[int, int, int], int]] = []
        self._blocks: dict[tuple[int, int, int], Executed] = {}
        self.calls: CallTree = emulator.follow_calls()
        emulator.on_reading = self._divide

    def _divide(self) -> None:
        self.calls.section(len(self._emulator.readings) - 1)
        blocks = {(b.address, b.size, b.entry): b for b in self._emulator.counter.executed()}
        self._blocks |= blocks
        self._counts.append({key: block.count for key, block in blocks.items()})

    def executed(self, names: dict[int, str | None]) -> list[tuple[Executed, int]]:
        """Each block with how often it was executed inside ops."""
        times: Sum[tuple[int, int, int]] = Sum()
        for number, (before, after) in enumerate(zip(self._counts, self._counts[1:], strict=False)):
            if names[number]:
                times.update({key: n - before.get(key, 0) for key, n in after.items()})
        return [(self._blocks[key], n) for key, n in times.items() if n]


class _Code:
    """Names and places of a firmware's code."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._lines = Lines(image.path)
        self._files = {path.name for path in firmware_folder().rglob("*.[chS]")} | {GENERATED}
        self._base, self._bytes = min(image.segments)

    def function(self, address: int) -> str:
        return self._image.function_at(address)

    def line(self, address: int) -> tuple[str, bool]:
        """File and line, and whether the file is one of this project."""
        file, number = self._lines.at(address)
        return f"{file}:{number}" if number else self.function(address), file in self._files

    def instructions(self, block: Executed) -> Iterator[tuple[int, str]]:
        """Address and mnemonic."""
        at = block.address - self._base
        for instruction in _decoder.disasm(self._bytes[at : at + block.size], block.address):
            yield instruction.address, instruction.mnemonic.split(".")[0]


def _shares(rows: Iterable[Share]) -> list[Share]:
    """Added up by name, most cycles first."""
    shares: dict[str, Share] = {}
    for row in rows:
        old = shares.get(row.name, Share(row.name, 0, 0))
        shares[row.name] = Share(
            row.name,
            old.instructions + row.instructions,
            old.cycles + row.cycles,
            row.own,
            old.waits + row.waits,
        )
    return sorted(shares.values(), key=lambda share: (-share.cycles, share.name))


def _ops(calls: CallTree, names: dict[int, str | None], model: Info) -> list[Share]:
    rows = [
        Share(name, s.instructions, s.cycles, waits=s.waits)
        for s in calls.spent()
        if (name := names.get(s.section))
    ]
    shares = {share.name: share for share in _shares(rows)}
    order = [f"{number} {op}" for number, op in enumerate(model.ops)]
    return [shares.get(name, Share(name, 0, 0)) for name in order]


def _functions(calls: CallTree, names: dict[int, str | None], code: _Code) -> list[Share]:
    return _shares(
        Share(
            code.function(s.chain[-1]),
            s.instructions,
            s.cycles,
            code.line(s.chain[-1])[1],
            s.waits,
        )
        for s in calls.spent()
        if names.get(s.section) and s.chain
    )


def _stacks(calls: CallTree, names: dict[int, str | None], code: _Code) -> dict[Stack, int]:
    stacks: Sum[Stack] = Sum()
    for s in calls.spent():
        name = names.get(s.section)
        if name:
            stacks[(name, *(code.function(address) for address in s.chain))] += s.cycles
    return dict(stacks)


def _lines(executed: list[tuple[Executed, int]], model: CycleModel, code: _Code) -> list[Share]:
    rows = []
    for block, times in executed:
        for address, cycles in model.each(block.address, block.size, block.entry):
            name, own = code.line(address)
            rows.append(Share(name, times, times * cycles, own))
    return _shares(rows)


def _mnemonics(executed: list[tuple[Executed, int]], code: _Code) -> dict[str, int]:
    counts: Sum[str] = Sum()
    for block, times in executed:
        for _, mnemonic in code.instructions(block):
            counts[mnemonic] += times
    return dict(counts.most_common())
