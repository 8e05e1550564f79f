"""The host's side of the line protocol of docs/protocol.md, over any transport.

The board's side is firmware/src/protocol.c. A transport is the emulator or a serial port.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from hmd_tflm.errors import FirmwareError

VERSION = 1


class Transport(Protocol):
    """A byte stream to a board; `readline` returns b"" where no line comes (serial: time-out)."""

    def write(self, data: bytes, /) -> object: ...

    def readline(self) -> bytes: ...


@dataclass(frozen=True)
class Info:
    """What the firmware says of itself: sizes in bytes, `crc32` of the .tflite file."""

    model: str
    crc32: int
    board: str
    clock_hz: int
    input: int
    output: int
    arena: int
    ops: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One inference: its output, cycles per op, bytes of stack and arena used at most so far."""

    output: bytes
    cycles: int
    op_cycles: tuple[int, ...]
    stack: int
    arena: int


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF); b"123456789" gives 0x29B1."""
    return crc_hqx(data, 0xFFFF)


def encode(text: str) -> bytes:
    """One line of the protocol: the text, its checksum, the line's end."""
    return f"{text} *{crc16(text.encode()):04X}\n".encode()


def decode(line: bytes) -> str:
    """The text of one line, its checksum verified.

    Raises:
        FirmwareError: the checksum is missing or another.
    """
    text, separator, checksum = line.rstrip(b"\r\n").rpartition(b" *")
    if not separator or checksum != b"%04X" % crc16(text):
        raise FirmwareError(
            f"received the damaged line {line!r}, expected text, a space, * and its CRC-16; "
            "check the wiring, the port and its speed (115200 baud)"
        )
    return text.decode("ascii", "replace")


class Link:
    """Requests to a board, one at a time.

    Its methods raise FirmwareError where the firmware faults, stays silent, or answers with an
    error or with anything but the protocol.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def info(self) -> Info:
        """The model, the board, their sizes."""
        reply = self._request("info")
        if reply.get("protocol") != str(VERSION):
            raise FirmwareError(
                f"the firmware speaks protocol {reply.get('protocol')}, expected {VERSION}; "
                "build it anew"
            )
        with _reading(reply):
            return Info(
                model=reply["model"],
                crc32=int(reply["crc32"], 16),
                board=reply["board"],
                clock_hz=int(reply["clock_hz"]),
                input=int(reply["input"]),
                output=int(reply["output"]),
                arena=int(reply["arena"]),
                ops=tuple(reply["ops"].split(",")),
            )

    def reset(self) -> None:
        """Sets the recurrent state to zero."""
        self._request("reset")

    def run(self, data: bytes) -> Run:
        """One inference."""
        reply = self._request(f"run {data.hex().upper()}")
        with _reading(reply):
            return Run(
                output=bytes.fromhex(reply["output"]),
                cycles=int(reply["cycles"]),
                op_cycles=tuple(int(count) for count in reply["op_cycles"].split(",")),
                stack=int(reply["stack"]),
                arena=int(reply["arena"]),
            )

    def _request(self, text: str) -> dict[str, str]:
        self._transport.write(encode(text))
        while True:
            line = self._transport.readline()
            if not line:
                raise FirmwareError(
                    f"no reply to {text.split()[0]!r}; check that the board runs this firmware"
                )
            if not line.strip():
                continue
            reply = decode(line)
            if reply.startswith("hmd ready"):  # the board has just started
                continue
            status, *fields = reply.split(" ")
            if status != "ok":
                raise FirmwareError(f"the firmware answered {text.split()[0]!r} with: {reply}")
            return dict(_pair(field) for field in fields)


@contextmanager
def _reading(reply: dict[str, str]) -> Iterator[None]:
    """Turns a missing field, or one that is no number, into a FirmwareError."""
    try:
        yield
    except (KeyError, ValueError) as error:
        raise FirmwareError(
            f"the reply {reply} is not as docs/protocol.md says ({error!r}); build the firmware anew"
        ) from error


def _pair(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name, value
