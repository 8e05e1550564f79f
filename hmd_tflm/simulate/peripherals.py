"""The registers of an emulated board: most are plain memory, a few are devices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from hmd_tflm.errors import UserError
from hmd_tflm.simulate.board import Device

DWT_CYCCNT = 0xE000_1004
UARTS = {"stm32f4": (0x00, 0x04, 0x04), "stm32f7": (0x1C, 0x24, 0x28)}
"""Offsets of status, received and sent data: SR, DR, DR or ISR, RDR, TDR."""

READY_BITS = {
    "stm32f4": ((1, 0), (17, 16), (25, 24)),  # HSI, HSE, PLL
    "stm32l4": ((1, 0), (10, 8), (17, 16), (25, 24)),  # MSI, HSI16, HSE, PLL
}
"""In RCC_CR: the bits in which an oscillator is ready, and in which it is on."""


class Registers:
    """32-bit registers by address: what was written is read, unless a device says otherwise.

    `on_read` maps an address to a function of the stored value that gives the value read,
    `on_write` to a function that takes the value written.
    """

    def __init__(self) -> None:
        self._stored: dict[int, int] = {}
        self.on_read: dict[int, Callable[[int], int]] = {}
        self.on_write: dict[int, Callable[[int], None]] = {}

    def read(self, address: int) -> int:
        stored = self._stored.get(address, 0)
        device = self.on_read.get(address)
        return device(stored) if device else stored

    def write(self, address: int, value: int) -> None:
        self._stored[address] = value
        device = self.on_write.get(address)
        if device:
            device(value)


class Uart:
    """A USART that is always ready to send and receives what lies in `received`.

    `on_idle` is called where the firmware waits for a character: it asked for one twice, found
    none, and sent none in between.
    """

    def __init__(self, registers: Registers, device: Device, on_idle: Callable[[], None]) -> None:
        _require_kind(device, "UART", UARTS)
        status, receive, send = UARTS[device.kind]
        self.received: deque[int] = deque()
        self.sent = bytearray()
        self._on_idle = on_idle
        self._polls = 0
        registers.on_read[device.base + status] = self._status
        registers.on_read[device.base + receive] = self._receive
        registers.on_write[device.base + send] = self._send

    def _status(self, stored: int) -> int:
        if self.received:
            return 0xE0  # TXE, TC, RXNE
        self._polls += 1
        if self._polls >= 2:
            self._on_idle()
        return 0xC0  # TXE, TC

    def _receive(self, stored: int) -> int:
        self._polls = 0
        return self.received.popleft() if self.received else 0

    def _send(self, value: int) -> None:
        self._polls = 0
        self.sent.append(value & 0xFF)


def add_clock_control(registers: Registers, device: Device) -> None:
    """An RCC whose oscillators are ready at once and whose clock switches at once."""
    _require_kind(device, "RCC", READY_BITS)
    bits = READY_BITS[device.kind]

    def control(cr: int) -> int:
        return cr | sum(1 << ready for ready, on in bits if cr >> on & 1)

    registers.on_read[device.base + 0x00] = control
    registers.on_read[device.base + 0x08] = lambda cfgr: cfgr & ~0xC | (cfgr & 3) << 2  # SWS = SW


def _require_kind(device: Device, what: str, known: Collection[str]) -> None:
    if device.kind not in known:
        raise UserError(f"{what} kind {device.kind!r} is not known, expected {' or '.join(known)}")
