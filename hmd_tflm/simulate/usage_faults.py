"""Usage faults that Unicorn lets pass and a core does not (native/usage_faults.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import NamedTuple

from unicorn import Uc
from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_R0
from unicorn.unicorn_const import UC_HOOK_CODE
from unicorn.unicorn_py3.unicorn import uclib

from hmd_tflm.simulate.hooks import add_hook, native_library
from hmd_tflm.simulate.image import Image

CCR = 0xE000_ED14
CCR_DIV_0_TRP = 1 << 4

_REGISTERS = {number: UC_ARM_REG_R0 + number for number in range(13)} | {14: UC_ARM_REG_LR}


class _Faults(ctypes.Structure):
    _fields_ = [
        ("read", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("trap_division", ctypes.c_uint32),
        ("raised", ctypes.c_uint32),
        ("value", ctypes.c_uint32),
    ]


class _Watch(ctypes.Structure):
    _fields_ = [("faults", ctypes.c_void_p), ("reg", ctypes.c_int32)]


class Suspect(NamedTuple):
    """An instruction that can raise a usage fault: by the divisor or the base in a register."""

    address: int
    divides: bool
    register: int


class UsageFaults:
    """Watches every instruction of `image` that can raise one, from now on.

    The emulation stops at an instruction that does, and `raised` says what it was.
    """

    def __init__(self, uc: Uc, image: Image) -> None:
        library = native_library()
        self._c = _Faults(
            ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p),
            ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p),
        )
        self._watches = {
            number: _Watch(ctypes.addressof(self._c), register)
            for number, register in _REGISTERS.items()
        }
        for address, divides, register in suspects(image):
            function = library.faults_division if divides else library.faults_words
            watch = ctypes.c_void_p(ctypes.addressof(self._watches[register]))
            add_hook(uc, UC_HOOK_CODE, function, watch, address, address)

    def configure(self, ccr: int) -> None:
        """Takes the configuration and control register."""
        self._c.trap_division = bool(ccr & CCR_DIV_0_TRP)

    @property
    def raised(self) -> str:
        """What the instruction that was stopped at did, "" if none was."""
        if not self._c.raised:
            return ""
        value = self._c.value
        return f" on an unaligned access to 0x{value:08X}" if value else " on a division by zero"


def suspects(image: Image) -> Iterator[Suspect]:
    """LDM, STM, LDRD, STRD, VLDM, VSTM, VLDR, VSTR, UDIV and SDIV in the functions of an image.

    Those on SP or PC, which are always aligned, are left out. Encodings: Armv7-M ARM, A5.2 to A5.3
    and A6.
    """
    for start, size, _ in dict.fromkeys(image.symbols):
        code = image.code(start, size)
        at = 0
        while at + 2 <= len(code):
            first = int.from_bytes(code[at : at + 2], "little")
            second = int.from_bytes(code[at + 2 : at + 4], "little")
            found = _suspect(first, second)
            if found and found[1] in _REGISTERS:
                yield Suspect(start + at, *found)
            at += 4 if first >> 11 >= 0b11101 else 2


def _suspect(first: int, second: int) -> tuple[bool, int] | None:
    """Whether it divides, and its divisor or base; None of all other instructions."""
    if first >> 12 == 0b1100:  # LDM, STM of 16 bits
        return False, first >> 8 & 7
    base = first & 15
    if first & 0xFE40 == 0xE800:  # LDM, STM
        return False, base
    if first & 0xFE40 == 0xE840 and first & 0x0120:  # LDRD, STRD
        return False, base
    if first & 0xFE00 == 0xEC00 and second & 0x0E00 == 0x0A00 and first & 0xFFE0 != 0xEC40:
        return False, base  # loads and stores of the FPU
    if first & 0xFFD0 == 0xFB90 and second & 0xF0 == 0xF0:  # SDIV, UDIV
        return True, second & 15
    return None
