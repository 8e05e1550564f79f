"""The pipeline as a finite state machine over executed instructions: `step` applies the rules."""

from __future__ import annotations

from typing import NamedTuple

from hmd_tflm.simulate.cycles.fetch import Fetch, deliver, later, speculate, target
from hmd_tflm.simulate.cycles.instruction import Instruction, Kind
from hmd_tflm.simulate.cycles.rules import HAZARDS, Past, folds, own_cycles, remembered


class State(NamedTuple):
    """All that the instructions before can still do to the next one."""

    past: Past
    fetch: Fetch


START = State(Past(), target(0))
"""Nothing is under way, as after a reset."""


def step(state: State, instruction: Instruction, branched: bool) -> tuple[int, State]:
    """The cycles that an instruction adds, and the state that it leaves.

    branched: a branch led to the instruction, not the one before it in memory.
    """
    past, fetch = state
    refill = past.refill if branched else 0
    if branched:
        fetch = target(instruction.address)
    wait = max(hazard(past, instruction) for hazard in HAZARDS)
    late, fetch = deliver(later(fetch, wait), instruction.address, instruction.size)
    if instruction.kind is Kind.BRANCH:
        fetch = speculate(fetch)
    own = 0 if folds(past, instruction, branched) else own_cycles(instruction)
    return refill + wait + late + own, State(remembered(instruction), later(fetch, own))
