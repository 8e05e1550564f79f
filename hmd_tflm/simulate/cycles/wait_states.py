"""Cycles of waiting for an STM32F4's flash behind its accelerator (native/wait_states.c)."""

from __future__ import annotations

import ctypes
import weakref

from unicorn import Uc
from unicorn.arm_const import UC_ARM_REG_EPSR
from unicorn.unicorn_const import UC_HOOK_BLOCK, UC_HOOK_MEM_READ
from unicorn.unicorn_py3.unicorn import uclib

from hmd_tflm.simulate.counter import Counter, Price
from hmd_tflm.simulate.hooks import add_hook, native_library


class _Waits(ctypes.Structure):
    _fields_ = [
        ("current", ctypes.c_void_p),
        ("pieces", ctypes.c_void_p),
        ("cycles", ctypes.c_void_p),
        ("flash", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("total", ctypes.c_uint64),
        ("epsr", ctypes.c_int32),
        ("wait_states", ctypes.c_uint32),
        ("origin", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
    ]


class FlashWaits:
    """Follows what an emulation reads from flash from now on: code by lines of 16 bytes, and data.

    Args:
        uc: the emulated core, its flash filled.
        counter: attached to it before.
        price: the model that the counter uses.
        origin, size: of the flash, in bytes.
        wait_states: cycles from asking for a line to having it, beyond the first.
    """

    def __init__(
        self, uc: Uc, counter: Counter, price: Price, origin: int, size: int, wait_states: int
    ) -> None:
        library = native_library()
        library.waits_new.restype = ctypes.c_void_p
        pointer = library.waits_new()
        if not pointer:
            raise MemoryError("no memory to follow the flash")
        weakref.finalize(self, library.waits_free, ctypes.c_void_p(pointer))
        self._pointer = ctypes.c_void_p(pointer)
        self._counter, self._pieces = counter, Counter(price)
        self._flash = (ctypes.c_uint8 * size).from_buffer_copy(uc.mem_read(origin, size))
        self._c = _Waits.from_address(pointer)
        _, _, self._c.current = counter.totals()
        _, self._c.cycles, _ = self._pieces.totals()
        self._c.pieces = self._pieces.pointer
        self._c.flash = ctypes.addressof(self._flash)
        self._c.write = ctypes.cast(uclib.uc_reg_write, ctypes.c_void_p)
        self._c.epsr = UC_ARM_REG_EPSR
        self._c.origin, self._c.size, self._c.wait_states = origin, size, wait_states
        add_hook(uc, UC_HOOK_BLOCK, library.waits_block, self._pointer)
        last = origin + size - 1
        add_hook(uc, UC_HOOK_MEM_READ, library.waits_read, self._pointer, origin, last)

    @property
    def total(self) -> int:
        """Cycles of waiting before the current block, to be added to the counter's."""
        return self._c.total

    @property
    def total_address(self) -> int:
        """Where other native code finds `total`, a uint64 that lives as long as this object."""
        return ctypes.addressof(self._c) + _Waits.total.offset

    def raise_pending(self) -> None:
        """Raises what `price` raised during the emulation, or a MemoryError."""
        self._pieces.raise_pending()
