"""The tree of function calls of an emulation, with a hook in C (native/calls.c)."""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass

from unicorn import Uc
from unicorn.unicorn_const import UC_HOOK_BLOCK

from hmd_tflm.simulate.counter import Counter
from hmd_tflm.simulate.cycles.wait_states import FlashWaits
from hmd_tflm.simulate.hooks import add_hook, native_library
from hmd_tflm.simulate.image import Image


class _Node(ctypes.Structure):
    _fields_ = [
        ("parent", ctypes.c_uint32),
        ("function", ctypes.c_uint32),
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("waits", ctypes.c_uint64),
    ]


class _Calls(ctypes.Structure):
    _fields_ = [
        ("instructions", ctypes.c_void_p),
        ("cycles", ctypes.c_void_p),
        ("waits", ctypes.c_void_p),
        ("current", ctypes.c_void_p),
        ("code", ctypes.c_void_p),
        ("functions", ctypes.c_void_p),
        ("code_base", ctypes.c_uint32),
        ("code_size", ctypes.c_uint32),
        ("function_count", ctypes.c_uint32),
        ("used", ctypes.c_uint32),
        ("nodes", ctypes.POINTER(_Node)),
    ]


_NO_WAITS = ctypes.c_uint64(0)


@dataclass(frozen=True)
class Spent:
    """What one function spent itself, called by one chain of callers in one section of a run.

    Attributes:
        section: the last number that `CallTree.section` was given.
        chain: entry addresses, the outermost function first.
        waits: cycles of waiting for the flash, not part of `cycles`.
    """

    section: int
    chain: tuple[int, ...]
    instructions: int
    cycles: int
    waits: int


class CallTree:
    """Follows the calls of an emulation from now on.

    Args:
        uc: the emulated core.
        counter: attached to it before; its totals are what is charged to the functions.
        flash: counts what is waited for it; None charges no waits.
        image: the firmware.
    """

    def __init__(self, uc: Uc, counter: Counter, flash: FlashWaits | None, image: Image) -> None:
        library = native_library()
        library.calls_new.restype = ctypes.c_void_p
        pointer = library.calls_new()
        if not pointer:
            raise MemoryError("no memory to follow calls")
        weakref.finalize(self, library.calls_free, ctypes.c_void_p(pointer))
        self._library = library
        self._pointer = ctypes.c_void_p(pointer)
        self._counted = counter, flash  # whose totals are read
        self._c = _Calls.from_address(pointer)
        self._c.instructions, self._c.cycles, self._c.current = counter.totals()
        self._c.waits = flash.total_address if flash else ctypes.addressof(_NO_WAITS)
        base, code = min(image.segments)
        self._code = (ctypes.c_uint8 * len(code)).from_buffer_copy(code)
        entries = [address for address, _, _ in image.symbols]
        self._functions = (ctypes.c_uint32 * len(entries))(*entries)
        self._c.code = ctypes.addressof(self._code)
        self._c.functions = ctypes.addressof(self._functions)
        self._c.code_base, self._c.code_size = base, len(code)
        self._c.function_count = len(entries)
        add_hook(uc, UC_HOOK_BLOCK, library.calls_block, self._pointer)
        uc.ctl_flush_tb()  # type: ignore[attr-defined]  # translated code would not call the hook
        library.calls_begin(self._pointer)

    def section(self, number: int) -> None:
        """What is spent from the beginning of the current block on belongs to this section."""
        self._library.calls_section(self._pointer, ctypes.c_uint32(number))

    def spent(self) -> list[Spent]:
        """The leaves and branches of the tree in which something was spent."""
        nodes = [(n.parent, n.function) for n in self._c.nodes[: self._c.used]]
        result = []
        for index in range(1, len(nodes)):
            node = self._c.nodes[index]
            if node.instructions:
                section, *chain = self._path(nodes, index)
                result.append(
                    Spent(section, tuple(chain), node.instructions, node.cycles, node.waits)
                )
        return result

    @staticmethod
    def _path(nodes: list[tuple[int, int]], index: int) -> list[int]:
        path = []
        while index:
            index, function = nodes[index][0], nodes[index][1]
            path.append(function)
        return path[::-1]
