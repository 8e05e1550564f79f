"""Runs firmware in Unicorn as if it were a board on a serial port."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from unicorn import Uc, UcError
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_SP,
    UC_ARM_REG_XPSR,
    UC_CPU_ARM_CORTEX_M4,
)
from unicorn.unicorn_const import (
    UC_ARCH_ARM,
    UC_HOOK_MEM_INVALID,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_READ_UNMAPPED,
    UC_MEM_WRITE_PROT,
    UC_MEM_WRITE_UNMAPPED,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    UC_PROT_ALL,
    UC_PROT_EXEC,
    UC_PROT_READ,
)

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import Board
from hmd_tflm.simulate.calls import CallTree
from hmd_tflm.simulate.cores import require_core
from hmd_tflm.simulate.counter import Counter
from hmd_tflm.simulate.cycles.model import CycleModel
from hmd_tflm.simulate.cycles.wait_states import FlashWaits
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.peripherals import DWT_CYCCNT, Registers, Uart, add_clock_control
from hmd_tflm.simulate.usage_faults import CCR, UsageFaults

BUDGET = 1_000_000_000
"""Instructions that may pass without a reply: 6 s and more of an STM32F407, a minute here."""

_CPUS = {"cortex-m4": UC_CPU_ARM_CORTEX_M4}
_REGISTER_SPACES = ((0x4000_0000, 0x2000_0000), (0xE000_0000, 0x10_0000))
_ACCESSES = {
    UC_MEM_READ_UNMAPPED: "read of",
    UC_MEM_WRITE_UNMAPPED: "write of",
    UC_MEM_WRITE_PROT: "write of",
    UC_MEM_FETCH_UNMAPPED: "jump to",
}
XPSR_T = 1 << 24  # Thumb code is executed
_NOWHERE = 0xFFFF_FFFE  # an address that is never executed


@dataclass(frozen=True)
class Reading:
    """What had been executed before the block of code in which the cycle counter was read.

    waits: cycles of waiting for the flash, not part of `cycles`; 0 where they are not counted.
    """

    instructions: int
    cycles: int
    waits: int = 0


class Emulator:
    """A board with its firmware, just reset. It runs while a line is waited for.

    The firmware's cycle counter gives executed instructions; `readings` has instructions, modelled
    cycles and waits for the board's flash of every time that it was read; `on_reading` is called
    after each.

    Raises:
        UserError: a CPU or device that cannot be emulated, an image for another core or memory map.
        FirmwareError: a reset vector that leads nowhere.
    """

    def __init__(self, image: Image, board: Board, budget: int = BUDGET) -> None:
        require_core(image.path, image.built_for, board.cpu)
        if board.cpu not in _CPUS:
            raise UserError(f"CPU {board.cpu!r} cannot be emulated, expected {', '.join(_CPUS)}")
        self.readings: list[Reading] = []
        self.on_reading: Callable[[], None] = lambda: None
        self._image = image
        self._budget = budget
        self._waits = False
        self._access = ""
        self._uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(_CPUS[board.cpu])
        self._map(board)
        self._load(board)
        self._uc.hook_add(UC_HOOK_MEM_INVALID, self._remember)
        self._faults = UsageFaults(self._uc, image)
        self._registers.on_write[CCR] = self._faults.configure
        self.model = CycleModel(self._code)
        self.counter = Counter(self.model)
        self.counter.attach(self._uc)
        self._flash = self._follow_flash(board)

    def follow_calls(self) -> CallTree:
        """Follow function calls from now on."""
        return CallTree(self._uc, self.counter, self._flash, self._image)

    def write(self, data: bytes) -> int:
        """Sends bytes to the board's UART."""
        self._uart.received.extend(data)
        return len(data)

    def readline(self) -> bytes:
        """A line from the board's UART, b"" where the board waits for a request instead.

        Raises:
            FirmwareError: the firmware faults or does not end within the budget.
        """
        while b"\n" not in self._uart.sent:
            if self._waits and not self._uart.received:
                return b""
            self._run()
        line, _, rest = self._uart.sent.partition(b"\n")
        self._uart.sent[:] = rest
        return bytes(line + b"\n")

    def _run(self) -> None:
        self._waits = False
        self.counter.budget = self.counter.instructions + self._budget
        try:
            self._uc.emu_start(self._uc.reg_read(UC_ARM_REG_PC) | 1, _NOWHERE)
        except UcError as error:
            raise FirmwareError(self._fault(f": {error}")) from error
        self.counter.raise_pending()
        if self._flash:
            self._flash.raise_pending()
        if self._faults.raised:
            raise FirmwareError(self._fault())
        if self._waits:
            return
        if self.counter.instructions < self.counter.budget:
            raise FirmwareError(
                f"the firmware waits for an interrupt {self._place()}, but the emulator has none; "
                "poll instead"
            )
        raise FirmwareError(
            f"the firmware was still busy after {self._budget} instructions, {self._place()}; "
            "look for an endless loop there"
        )

    def _fault(self, what: str = "") -> str:
        thumb = self._uc.reg_read(UC_ARM_REG_XPSR) & XPSR_T
        jump = "" if thumb else " on a jump to an even address"
        return f"the firmware faulted {self._place()}{self._faults.raised or self._access or jump}{what}"

    def _place(self) -> str:
        pc = self._uc.reg_read(UC_ARM_REG_PC)
        place = f"at pc=0x{pc:08X} in {self._image.function_at(pc)}"
        if place.endswith("?"):
            lr = self._uc.reg_read(UC_ARM_REG_LR) & ~1
            place += f", with lr=0x{lr:08X} in {self._image.function_at(lr)}"
        return place

    def _wait(self) -> None:
        self._waits = True
        self.counter.halt()

    def _map(self, board: Board) -> None:
        for kind, memory in board.memory.items():
            access = UC_PROT_READ | UC_PROT_EXEC if kind == "flash" else UC_PROT_ALL
            self._uc.mem_map(memory.origin, memory.size, access)
        registers = self._registers = Registers()
        self._uart = Uart(registers, board.uart, self._wait)
        add_clock_control(registers, board.rcc)
        registers.on_read[DWT_CYCCNT] = self._read_cycle_counter
        for origin, size in _REGISTER_SPACES:
            self._uc.mmio_map(
                origin,
                size,
                lambda uc, offset, size, base: registers.read(base + offset),
                origin,
                lambda uc, offset, size, value, base: registers.write(base + offset, value),
                origin,
            )

    def _remember(
        self, uc: Uc, access: int, address: int, size: int, value: int, user_data: object
    ) -> bool:
        self._access = f" on a {_ACCESSES.get(access, 'access to')} 0x{address:08X}"
        return False  # it stays a fault

    def _load(self, board: Board) -> None:
        flash = board.memory["flash"]
        for address, data in self._image.segments:
            if not flash.origin <= address <= flash.origin + flash.size - len(data):
                raise UserError(
                    f"{self._image.path}: has {len(data)} bytes for 0x{address:08X}, outside the "
                    f"flash of {board.name}; build it for this board"
                )
            self._uc.mem_write(address, data)
        stack, reset = struct.unpack("<II", self._uc.mem_read(flash.origin, 8))
        if not reset & 1:
            raise FirmwareError(
                f"the firmware's reset vector is 0x{reset:08X}, expected an odd address (Thumb "
                "code): a core locks up there; look at the linker script"
            )
        self._uc.reg_write(UC_ARM_REG_SP, stack)
        self._uc.reg_write(UC_ARM_REG_PC, reset)

    def _follow_flash(self, board: Board) -> FlashWaits | None:
        if board.flash is None or board.flash.wait_states == 0:
            return None
        if board.flash.kind != "stm32f4":
            raise UserError(f"flash kind {board.flash.kind!r} is not known, expected 'stm32f4'")
        memory = board.memory["flash"]
        return FlashWaits(
            self._uc,
            self.counter,
            self.model,
            memory.origin,
            memory.size,
            board.flash.wait_states,
        )

    def _code(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))

    def _read_cycle_counter(self, stored: int) -> int:
        waits = self._flash.total if self._flash else 0
        reading = Reading(self.counter.instructions, self.counter.cycles, waits)
        self.readings.append(reading)
        self.on_reading()
        return reading.instructions % 2**32
