"""Cycles of waiting for an STM32F4's flash behind its accelerator (native/wait_states.c)."""

from __future__ import annotations

import ctypes
import weakref

from unicorn import Uc, UcError
from unicorn.unicorn_const import UC_ERR_OK, UC_HOOK_BLOCK, UC_HOOK_MEM_READ
from unicorn.unicorn_py3.unicorn import uclib

from hmd_tflm.simulate.counter import Counter, Price, native_library


class _Waits(ctypes.Structure):
    _fields_ = [
        ("current", ctypes.c_void_p),
        ("pieces", ctypes.c_void_p),
        ("cycles", ctypes.c_void_p),
        ("flash", ctypes.c_void_p),
        ("stalls", ctypes.c_uint64),
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
        self._c.origin, self._c.size, self._c.wait_states = origin, size, wait_states
        self._hook(uc, UC_HOOK_BLOCK, library.waits_block, 1, 0)  # begin > end: every address
        self._hook(uc, UC_HOOK_MEM_READ, library.waits_read, origin, origin + size - 1)

    @property
    def stalls(self) -> int:
        """Cycles of waiting so far, to be added to the counter's."""
        self._pieces.raise_pending()
        return self._c.stalls

    def _hook(self, uc: Uc, kind: int, function: object, begin: int, end: int) -> None:
        status = uclib.uc_hook_add(
            uc._uch,
            ctypes.byref(ctypes.c_size_t()),
            ctypes.c_int(kind),
            ctypes.cast(function, ctypes.c_void_p),  # type: ignore[arg-type]
            self._pointer,
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if status != UC_ERR_OK:
            raise UcError(status)
