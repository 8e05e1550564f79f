"""Counts instructions and cycles, block by block, with a hook in C (native/counter.c)."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from unicorn import Uc
from unicorn.unicorn_const import UC_HOOK_BLOCK
from unicorn.unicorn_py3.unicorn import uclib

from hmd_tflm.simulate.hooks import add_hook, native_library


@dataclass(frozen=True)
class Cost:
    """Of one pass through a block of code; `exit` is the number of the state it leaves behind."""

    instructions: int
    cycles: int
    exit: int


Price = Callable[[int, int, int], Cost]
"""The cost of the block of code at (address, bytes), entered in a state.

The entry state is 2 * exit of the block before, + 1 where a branch led from there; 1 at first.
"""


@dataclass(frozen=True)
class Executed:
    """A block of code, entered in one state: its `count` of executions, the costs of each."""

    address: int
    size: int
    entry: int
    count: int
    instructions: int
    cycles: int


class _Block(ctypes.Structure):
    _fields_ = [
        ("address", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("entry", ctypes.c_uint32),
        ("instructions", ctypes.c_uint32),
        ("cycles", ctypes.c_uint32),
        ("exit", ctypes.c_uint32),
        ("count", ctypes.c_uint64),
    ]


_PRICE = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Block))


class _Counter(ctypes.Structure):
    _fields_ = [
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("budget", ctypes.c_uint64),
        ("stop", ctypes.c_void_p),
        ("price", _PRICE),
        ("halt", ctypes.c_uint32),
        ("exhausted", ctypes.c_uint32),
        ("entry", ctypes.c_uint32),
        ("current", ctypes.c_uint32),
        ("used", ctypes.c_uint32),
        ("capacity", ctypes.c_uint32),
        ("blocks", ctypes.POINTER(_Block)),
    ]


class Counter:
    """Counts the blocks of code that `attach`ed emulators execute or that are `enter`ed.

    `price` is asked once for every block and entry state. Totals stand at the beginning of the
    current block: differences between two of them are exact where both are taken in the same block.
    """

    def __init__(self, price: Price) -> None:
        self._library = native_library()
        self._library.counter_new.restype = ctypes.c_void_p
        self._library.counter_free.argtypes = [ctypes.c_void_p]
        self._library.counter_free.restype = None
        self._library.counter_enter.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
        self._library.counter_enter.restype = None
        self._library.counter_leave.argtypes = [ctypes.c_void_p]
        self._library.counter_leave.restype = None
        self._price = price
        self._error: Exception | None = None
        pointer = self._library.counter_new()
        if not pointer:
            raise MemoryError("no memory to count executed blocks")
        weakref.finalize(self, self._library.counter_free, pointer)
        self._pointer = ctypes.c_void_p(pointer)
        self._c = _Counter.from_address(pointer)
        self._c.stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p)
        self._c.price = _PRICE(self._fill_in)
        self._c.entry = 1

    def attach(self, uc: Uc) -> None:
        """Counts every instruction that `uc` executes from now on.

        The emulation stops where `budget` is spent and where `halt` asks for it.
        """
        add_hook(uc, UC_HOOK_BLOCK, self._library.counter_block, self._pointer)

    def enter(self, address: int, size: int) -> None:
        """The block of `size` bytes at `address` begins, the one before it ends."""
        self._library.counter_enter(self._pointer, address, size)
        self.raise_pending()

    def leave(self) -> None:
        """The current block ends, and none begins."""
        self._library.counter_leave(self._pointer)

    @property
    def pointer(self) -> int:
        """Of the counter in C, for other native code; it lives as long as this object."""
        return ctypes.addressof(self._c)

    @property
    def instructions(self) -> int:
        """Executed before the current block."""
        return self._c.instructions

    @property
    def cycles(self) -> int:
        """Spent before the current block."""
        return self._c.cycles

    @property
    def budget(self) -> int:
        """The total of instructions at which an emulation stops."""
        return self._c.budget

    @budget.setter
    def budget(self, instructions: int) -> None:
        self._c.budget = instructions

    def executed(self) -> list[Executed]:
        """Every block that was entered, once for each entry state, in the order of first entry.

        Over all of them, count * instructions and count * cycles add up to the totals: the current
        block is not counted yet.
        """
        return [
            Executed(b.address, b.size, b.entry, b.count, b.instructions, b.cycles)
            for b in self._c.blocks[: self._c.used]
        ]

    def totals(self) -> tuple[int, int, int]:
        """Where other native code finds instructions, cycles and the current block's number.

        Addresses of uint64, uint64 and uint32; the last is 2**32 - 1 where no block is entered.
        They live as long as the counter.
        """
        base = ctypes.addressof(self._c)
        return (
            base + _Counter.instructions.offset,
            base + _Counter.cycles.offset,
            base + _Counter.current.offset,
        )

    def halt(self) -> None:
        """Stops the emulation before the next block."""
        self._c.halt = 1

    def raise_pending(self) -> None:
        """Raises what `price` raised during the emulation, or a MemoryError."""
        if self._error:
            raise self._error
        if self._c.exhausted:
            raise MemoryError(f"no memory for more than {self._c.used} executed blocks")

    def _fill_in(self, entry: ctypes._Pointer[_Block]) -> None:
        block = entry.contents
        try:
            cost = self._price(block.address, block.size, block.entry)
        except Exception as error:  # noqa: BLE001  ctypes would print it and go on
            self._error = error
            self.halt()
        else:
            block.instructions, block.cycles, block.exit = (
                cost.instructions,
                cost.cycles,
                cost.exit,
            )
