"""Cycles of a Cortex-M4 basic block at zero wait states, from Arm's tables. NOT validated.

Source: Cortex-M4 Technical Reference Manual (DDI 0439), 3.3.1 processor instructions, 3.3.2 load and
store timings, 7.2.3 FPU instructions. Where the manual gives a range, the choice is named below.
"""

from __future__ import annotations

from dataclasses import dataclass

import capstone
from capstone import arm

CYCLE_MODEL = "Cortex-M4 TRM instruction timings, zero wait states, not validated"

REFILL = 2  # pipeline refill P after a taken branch: 1 to 3 by the manual
DIVISION = 12  # 2 to 12 by the manual, with early termination
BARRIER = 4  # the pending writes are not known

_FPU = {"vdiv": 14, "vsqrt": 14, "vmrs": 1, "vmsr": 1}
_FPU |= dict.fromkeys(("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms"), 3)

_decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
_decoder.detail = True


@dataclass(frozen=True)
class Cost:
    """Of one pass through a basic block; `taken` is added where its last branch is taken."""

    instructions: int
    cycles: int
    taken: int


def block_cost(code: bytes, address: int) -> Cost:
    """The cost of a block of Thumb code.

    Instructions in an IT block count and cost as executed, whether their condition holds or not.
    """
    instructions = cycles = taken = offset = 0
    loaded: set[int] = set()  # by the instruction before this one
    while offset < len(code):
        size = instruction_size(code, offset)
        decoded = next(_decoder.disasm(code[offset : offset + size], address + offset), None)
        if decoded is None:
            cycles, taken, loaded = cycles + 1, 0, set()
        else:
            own, taken = _instruction(decoded)
            if _pipelines(decoded) and loaded and not loaded & _address_registers(decoded):
                own = 1
            cycles += own
            loads = _pipelines(decoded) and decoded.mnemonic.startswith("ldr")
            loaded = {decoded.operands[0].reg} if loads else set()
        instructions += 1
        offset += size
    return Cost(instructions, cycles, taken)


def instruction_size(code: bytes, offset: int) -> int:
    """2 or 4 bytes (Armv7-M ARM, A5.1)."""
    return 4 if code[offset + 1] >> 3 >= 0b11101 else 2


def _instruction(decoded: capstone.CsInsn) -> tuple[int, int]:
    """Cycles on its own, and what a taken branch adds."""
    name = decoded.mnemonic.split(".")[0]
    branches = arm.ARM_GRP_JUMP in decoded.groups or arm.ARM_REG_PC in decoded.regs_access()[1]
    refill = REFILL if branches else 0
    if name.startswith("v"):
        return _floating_point(decoded, name), refill
    if name.startswith(("ldm", "stm", "push", "pop", "ldrd", "strd")):
        return 1 + _transfers(decoded, name), refill
    if name.startswith("ldr"):
        return 2, refill
    if name.startswith("str"):
        return (2 if _has_index(decoded) else 1), refill
    if name.startswith(("sdiv", "udiv")):
        return DIVISION, refill
    if name in ("tbb", "tbh"):
        return 2, refill
    if name in ("dmb", "dsb", "isb"):
        return 1 + BARRIER, refill
    if name.startswith(("mrs", "msr", "cps")):
        return 2, refill
    return 1, refill


def _floating_point(decoded: capstone.CsInsn, name: str) -> int:
    if name.startswith(("vldr", "vstr")):
        return 1 + _transfers(decoded, name)
    if name.startswith(("vldm", "vstm", "vpush", "vpop")):
        return 1 + _transfers(decoded, name)
    return next((cycles for base, cycles in _FPU.items() if name.startswith(base)), 1)


def _transfers(decoded: capstone.CsInsn, name: str) -> int:
    """Words that a load or store of several registers moves."""
    registers = [
        decoded.reg_name(operand.reg)
        for operand in decoded.operands
        if operand.type == arm.ARM_OP_REG
    ]
    if "ldm" in name or "stm" in name:  # the first register is the address
        del registers[0]
    return sum(2 if register.startswith("d") else 1 for register in registers)


def _pipelines(decoded: capstone.CsInsn) -> bool:
    """Whether a load before this instruction takes a cycle from it: LDR and STR of one register."""
    return decoded.mnemonic.startswith(("ldr", "str")) and not decoded.mnemonic.startswith(
        ("ldrd", "strd")
    )


def _has_index(decoded: capstone.CsInsn) -> bool:
    return any(operand.type == arm.ARM_OP_MEM and operand.mem.index for operand in decoded.operands)


def _address_registers(decoded: capstone.CsInsn) -> set[int]:
    return {
        register
        for operand in decoded.operands
        if operand.type == arm.ARM_OP_MEM
        for register in (operand.mem.base, operand.mem.index)
        if register
    }
