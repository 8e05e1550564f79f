"""Costs of whole blocks of code, each in the states in which it is entered."""

from __future__ import annotations

from collections.abc import Callable

from hmd_tflm.simulate.counter import Cost
from hmd_tflm.simulate.cycles.instruction import Instruction, decode
from hmd_tflm.simulate.cycles.machine import START, State, step

Read = Callable[[int, int], bytes]
"""The code at (address, bytes)."""


class CycleModel:
    """Prices blocks of code for a Counter; states of the pipeline get small numbers.

    A stream of executed instructions costs the same however it is cut into blocks. Instructions in
    an IT block count and cost as executed, whether their condition holds or not.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._code: dict[tuple[int, int], list[Instruction]] = {}
        self._numbers = {START: 0}
        self._states = [START]

    def __call__(self, address: int, size: int, entry: int) -> Cost:
        """The cost of the block at (address, bytes), entered in a state as Price defines it."""
        cycles, state = self._steps(address, size, entry)
        return Cost(len(cycles), sum(cycles), self._number(state))

    def each(self, address: int, size: int, entry: int) -> list[tuple[int, int]]:
        """Address and cycles of each instruction of a block; they add up to its cost.

        Cycles of waiting belong to the instruction that waits, those after a branch to its target.
        """
        cycles, _ = self._steps(address, size, entry)
        return [(i.address, n) for i, n in zip(self._decode(address, size), cycles, strict=True)]

    def _steps(self, address: int, size: int, entry: int) -> tuple[list[int], State]:
        """The cycles of each instruction of a block, and the state that it leaves."""
        state, branched = self._states[entry >> 1], bool(entry & 1)
        cycles = []
        for instruction in self._decode(address, size):
            spent, state = step(state, instruction, branched)
            cycles.append(spent)
            branched = False
        return cycles, state

    def _decode(self, address: int, size: int) -> list[Instruction]:
        key = address, size
        if key not in self._code:
            self._code[key] = decode(self._read(address, size), address)
        return self._code[key]

    def _number(self, state: State) -> int:
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number
