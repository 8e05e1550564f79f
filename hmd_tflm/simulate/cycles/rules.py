"""Rules 1 to 10: what an instruction costs by itself, after another, and when it branches.

docs/cycles.md has the source of each. State is passed as Past, what the instruction before left.
Rules that hold an instruction up give 0 or more cycles; the longest of them counts.
"""

from __future__ import annotations

from typing import NamedTuple

from hmd_tflm.simulate.cycles.instruction import Instruction, Kind

_LOADS = {Kind.LOAD, Kind.LOADS, Kind.LOAD_PC, Kind.TABLE_BRANCH}
_FLOAT_ARITHMETIC = {Kind.FLOAT, Kind.FLOAT_MULTIPLY_ADD, Kind.FLOAT_DIVIDE}

_CYCLES = {  # rules 2 and 3; rule 1: all others take one
    Kind.TABLE_BRANCH: 2,
    Kind.DIVIDE: 6,  # 2 to 12 by the operands, which a trace does not have
    Kind.BARRIER: 5,
    Kind.SYSTEM: 2,
    Kind.FLOAT_MULTIPLY_ADD: 3,
    Kind.FLOAT_DIVIDE: 14,
}
_REFILL = {  # rule 10
    Kind.CALL: 2,
    Kind.BRANCH_REGISTER: 2,
    Kind.LOAD_PC: 3,
    Kind.TABLE_BRANCH: 4,
}


class Past(NamedTuple):
    """What the pipeline still holds of the instruction before. Sets of registers are bit masks."""

    loading: int | None = None  # the registers whose data is to come, of a single load
    storing: bool = False  # a single store stands in the write buffer
    base: int | None = None  # the register that a single load or store wrote back
    computed: int = 0  # core registers that the ALU has only now
    floats: int = 0  # floating-point registers that arithmetic has only now
    narrow: bool = False  # it had 16 bits
    refill: int = 1  # rule 10: cycles until the target executes, if a branch leads to it


def own_cycles(instruction: Instruction) -> int:
    """Rules 1 to 3: the cycles of an instruction that nothing holds up."""
    if instruction.kind in (Kind.LOADS, Kind.STORES):
        return 1 + instruction.words
    if instruction.kind is Kind.STORE:
        return 2 if instruction.indexed else 1
    return _CYCLES.get(instruction.kind, 1)


def folds(past: Past, instruction: Instruction, branched: bool) -> bool:
    """Rule 4: an IT takes no cycle where it shares a word with a 16-bit instruction before it."""
    in_same_word = past.narrow and bool(instruction.address & 2) and not branched
    return instruction.kind is Kind.IT and in_same_word


def waits_for_load(past: Past, instruction: Instruction) -> int:
    """Rule 5: a load takes a second cycle, unless another load or a NOP can use it."""
    if past.loading is None or instruction.kind is Kind.NOP:
        return 0
    pairs = instruction.kind is Kind.LOAD and not instruction.addressing & past.loading
    return 0 if pairs and not _same_base(past, instruction) else 1


def waits_for_address(past: Past, instruction: Instruction) -> int:
    """Rule 6: addresses are computed a cycle early, when the ALU's last result is not there yet."""
    return int(bool(instruction.addressing & past.computed))


def waits_for_store(past: Past, instruction: Instruction) -> int:
    """Rule 7: a load cannot begin while a store leaves."""
    return int(past.storing and instruction.kind in _LOADS)


def waits_for_base(past: Past, instruction: Instruction) -> int:
    """Rule 8: stores that write back the same register cannot follow each other at once."""
    stores = past.storing and instruction.kind is Kind.STORE
    return int(stores and _same_base(past, instruction))


def waits_for_float(past: Past, instruction: Instruction) -> int:
    """Rule 9: a result of floating-point arithmetic can be used one instruction later."""
    return int(bool(instruction.floats_read & past.floats))


HAZARDS = (waits_for_load, waits_for_address, waits_for_store, waits_for_base, waits_for_float)


def remembered(instruction: Instruction) -> Past:
    """What the pipeline holds of an instruction when the next one is due."""
    kind, base = instruction.kind, instruction.base
    written_back = 0 if base is None else 1 << base
    single = kind in (Kind.LOAD, Kind.STORE)
    computes = kind in (Kind.PLAIN, Kind.DIVIDE, Kind.FLOAT_MOVE)
    return Past(
        loading=instruction.writes & ~written_back if kind is Kind.LOAD else None,
        storing=kind is Kind.STORE,
        base=base if single else None,
        computed=instruction.writes if computes else 0,
        floats=instruction.floats_written if kind in _FLOAT_ARITHMETIC else 0,
        narrow=instruction.size == 2,
        refill=_REFILL.get(kind, 1) + (instruction.words if kind is Kind.LOAD_PC else 0),
    )


def _same_base(past: Past, instruction: Instruction) -> bool:
    return past.base is not None and past.base == instruction.base
