"""What the cycle model has to know of one instruction, decoded with Capstone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import capstone
from capstone import arm

STACK_POINTER = 13
PROGRAM_COUNTER = 15

_CORE = {arm.ARM_REG_R0 + number: number for number in range(13)}
_CORE |= {arm.ARM_REG_SP: 13, arm.ARM_REG_LR: 14, arm.ARM_REG_PC: 15}
_FLOAT = {arm.ARM_REG_S0 + number: 1 << number for number in range(32)}
_FLOAT |= {arm.ARM_REG_D0 + number: 3 << 2 * number for number in range(16)}

_decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
_decoder.detail = True


class Kind(Enum):
    """Instructions that the pipeline treats alike."""

    PLAIN = auto()  # one cycle, registers only
    NOP = auto()
    IT = auto()
    LOAD = auto()  # of one core register or of one single-precision register
    STORE = auto()
    LOADS = auto()  # of several registers: LDM, POP, LDRD, VLDM, VLDR of a double
    STORES = auto()
    LOAD_PC = auto()  # LDR pc, or one of several LOADS
    BRANCH = auto()  # B, CBZ, CBNZ: the target is in the instruction
    CALL = auto()  # BL
    BRANCH_REGISTER = auto()  # BX, BLX, MOV pc
    TABLE_BRANCH = auto()
    DIVIDE = auto()
    BARRIER = auto()
    SYSTEM = auto()  # MRS, MSR, CPS
    FLOAT = auto()
    FLOAT_MULTIPLY_ADD = auto()
    FLOAT_DIVIDE = auto()
    FLOAT_MOVE = auto()  # without arithmetic: between registers, of flags


@dataclass(frozen=True)
class Instruction:
    """One instruction. Sets of registers are bit masks, by register number.

    address: its own, in bytes; size: 2 or 4 bytes. writes: core registers that get a result.
    addressing: core registers that make up the address of a load or store; `base` is the one that
    write-back changes, or None. indexed: there is an index register. words: that it moves, if it
    loads or stores. floats_read, floats_written: of s0 to s31.
    """

    address: int
    size: int
    kind: Kind
    writes: int = 0
    addressing: int = 0
    base: int | None = None
    indexed: bool = False
    words: int = 0
    floats_read: int = 0
    floats_written: int = 0


def decode(code: bytes, address: int) -> list[Instruction]:
    """The instructions in a piece of Thumb code; those unknown to Capstone are PLAIN."""
    instructions = []
    offset = 0
    while offset < len(code):
        size = _size(code, offset)
        decoded = next(_decoder.disasm(code[offset : offset + size], address + offset), None)
        if decoded is None:
            instructions.append(Instruction(address + offset, size, Kind.PLAIN))
        else:
            instructions.append(_instruction(decoded))
        offset += size
    return instructions


def _size(code: bytes, offset: int) -> int:
    """2 or 4 bytes (Armv7-M ARM, A5.1)."""
    return 4 if code[offset + 1] >> 3 >= 0b11101 else 2


def _instruction(decoded: capstone.CsInsn) -> Instruction:
    name = decoded.mnemonic.split(".")[0]
    read, written = decoded.regs_access()
    writes = _mask(written)
    memory = next((o.mem for o in decoded.operands if o.type == arm.ARM_OP_MEM), None)
    listed = [o.reg for o in decoded.operands if o.type == arm.ARM_OP_REG]
    indexed = memory is not None and memory.index != 0
    addressing = 0
    base = None
    if memory is not None:
        addressing = _mask([memory.base, memory.index]) & ~(1 << PROGRAM_COUNTER)
        base = _CORE.get(memory.base) if decoded.writeback else None
    elif name.startswith(("push", "pop", "vpush", "vpop")):
        addressing = 1 << STACK_POINTER
    elif name.startswith(("ldm", "stm", "vldm", "vstm")):
        addressing = _mask(listed[:1])
        listed = listed[1:]
    kind = _kind(name, writes)
    words = sum(2 if arm.ARM_REG_D0 <= r < arm.ARM_REG_D0 + 16 else 1 for r in listed)
    if kind in (Kind.LOAD, Kind.STORE) and words > 1 and name.startswith("v"):
        kind = Kind.LOADS if kind is Kind.LOAD else Kind.STORES
    return Instruction(
        address=decoded.address,
        size=decoded.size,
        kind=kind,
        writes=writes,
        addressing=addressing,
        base=base,
        indexed=indexed,
        words=words,
        floats_read=_float_mask(read),
        floats_written=_float_mask(written),
    )


_KINDS = (  # the first prefix that fits decides
    (("ldrd", "vldm", "vpop"), Kind.LOADS),
    (("strd", "vstm", "vpush", "push", "stm"), Kind.STORES),
    (("ldm", "pop"), Kind.LOADS),
    (("ldr", "vldr"), Kind.LOAD),
    (("str", "vstr"), Kind.STORE),
    (("sdiv", "udiv"), Kind.DIVIDE),
    (("tbb", "tbh"), Kind.TABLE_BRANCH),
    (("bx", "blx"), Kind.BRANCH_REGISTER),
    (("cbz", "cbnz"), Kind.BRANCH),
    (("dmb", "dsb", "isb"), Kind.BARRIER),
    (("mrs", "msr", "cps"), Kind.SYSTEM),
    (("vdiv", "vsqrt"), Kind.FLOAT_DIVIDE),
    (("vmla", "vmls", "vnmla", "vnmls"), Kind.FLOAT_MULTIPLY_ADD),
    (("vfma", "vfms", "vfnma", "vfnms"), Kind.FLOAT_MULTIPLY_ADD),
    (("vmov", "vmrs", "vmsr", "vabs", "vneg", "vcmp"), Kind.FLOAT_MOVE),
    (("v",), Kind.FLOAT),
)
_CONDITIONS = (
    "",
    "eq",
    "ne",
    "hs",
    "lo",
    "mi",
    "pl",
    "vs",
    "vc",
    "hi",
    "ls",
    "ge",
    "lt",
    "gt",
    "le",
)


def _kind(name: str, writes: int) -> Kind:
    if name.startswith("it") and not name.strip("ite"):
        return Kind.IT
    if name.startswith("nop"):
        return Kind.NOP
    if name[:1] == "b" and name[1:] in _CONDITIONS:
        return Kind.BRANCH
    if name[:2] == "bl" and name[2:] in _CONDITIONS:
        return Kind.CALL
    kind = next((kind for prefixes, kind in _KINDS if name.startswith(prefixes)), Kind.PLAIN)
    if writes >> PROGRAM_COUNTER:
        if kind in (Kind.LOAD, Kind.LOADS):
            return Kind.LOAD_PC
        if kind is Kind.PLAIN:
            return Kind.BRANCH_REGISTER
    return kind


def _mask(registers: list[int]) -> int:
    mask = 0
    for register in registers:
        if register in _CORE:
            mask |= 1 << _CORE[register]
    return mask


def _float_mask(registers: list[int]) -> int:
    mask = 0
    for register in registers:
        mask |= _FLOAT.get(register, 0)
    return mask
