"""Counts instructions and cycles of an emulation, with a hook in C (native/counter.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from unicorn import Uc, UcError
from unicorn.unicorn_const import UC_ERR_OK, UC_HOOK_BLOCK
from unicorn.unicorn_py3.unicorn import uclib

from hmd_tflm.errors import UserError
from hmd_tflm.simulate.timing import Cost

Price = Callable[[int, int], Cost]
"""The cost of the block of code at (address, bytes)."""


class _Block(ctypes.Structure):
    _fields_ = [
        ("address", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("instructions", ctypes.c_uint32),
        ("cycles", ctypes.c_uint32),
        ("taken", ctypes.c_uint32),
    ]


_PRICE = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Block))


class _State(ctypes.Structure):
    _fields_ = [
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("budget", ctypes.c_uint64),
        ("stop", ctypes.c_void_p),
        ("price", _PRICE),
        ("halt", ctypes.c_uint32),
    ]


class Counter:
    """Counts every instruction that `uc` executes from now on.

    `price` is asked once for every block of code. The emulation stops where `budget`, a total of
    instructions, is spent, and where `halt` asks for it. Totals are exact to the current block:
    differences between two of them are exact where both are taken in the same block.
    """

    def __init__(self, uc: Uc, price: Price) -> None:
        library = _library()
        self._price = price
        self._error: Exception | None = None
        self._memory = ctypes.create_string_buffer(library.counter_size())
        self._state = _State.from_buffer(self._memory)
        self._state.stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p)
        self._state.price = _PRICE(self._fill_in)
        self.budget = 2**64 - 1
        status = uclib.uc_hook_add(
            uc._uch,
            ctypes.byref(ctypes.c_size_t()),
            ctypes.c_int(UC_HOOK_BLOCK),
            ctypes.cast(library.counter_block, ctypes.c_void_p),
            self._memory,
            ctypes.c_uint64(1),  # begin > end: every address
            ctypes.c_uint64(0),
        )
        if status != UC_ERR_OK:
            raise UcError(status)

    @property
    def instructions(self) -> int:
        """Executed before the current block."""
        return self._state.instructions

    @property
    def cycles(self) -> int:
        """Spent before the current block."""
        return self._state.cycles

    @property
    def budget(self) -> int:
        """The total of instructions at which the emulation stops."""
        return self._state.budget

    @budget.setter
    def budget(self, instructions: int) -> None:
        self._state.budget = instructions

    def halt(self) -> None:
        """Stops the emulation before the next block."""
        self._state.halt = 1

    def raise_pending(self) -> None:
        """Raises what `price` raised during the emulation."""
        if self._error:
            raise self._error

    def _fill_in(self, entry: ctypes._Pointer[_Block]) -> None:
        block = entry.contents
        try:
            cost = self._price(block.address, block.size)
        except Exception as error:  # noqa: BLE001  ctypes would print it and go on
            self._error = error
            self.halt()
        else:
            block.instructions, block.cycles, block.taken = (
                cost.instructions,
                cost.cycles,
                cost.taken,
            )


def _library() -> ctypes.CDLL:
    names = [Path(__file__).with_name("_counter" + suffix) for suffix in EXTENSION_SUFFIXES]
    path = next((name for name in names if name.is_file()), None)
    if path is None:
        raise UserError(
            f"{names[0]} is missing; build the package's native parts with a C compiler: "
            "pip install -e ."
        )
    library = ctypes.CDLL(str(path))
    library.counter_size.restype = ctypes.c_uint64
    return library
