"""The host's side of the line protocol of docs/protocol.md, over any transport.

The board's side is firmware/src/protocol.c. A transport is the emulator or a serial port.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from hmd_tflm.errors import FirmwareError

VERSION = 2


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


class StepError(FirmwareError):
    """The board is at another step of the sequence: its state is not what the host believes.

    expected: the step that it would run.
    """

    def __init__(self, message: str, expected: int) -> None:
        super().__init__(message)
        self.expected = expected


class Link:
    """Requests to a board, one at a time, over a line that loses and alters nothing.

    Its methods raise FirmwareError where the firmware faults, stays silent, or answers with an
    error or with anything but the protocol.

    Attributes:
        log: messages of the firmware so far.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._step = 0
        self.log: list[str] = []

    def info(self) -> Info:
        """The model, the board, their sizes."""
        reply = self._request("info", r"ok protocol=.*")
        if reply["protocol"] != str(VERSION):
            raise FirmwareError(
                f"the firmware speaks protocol {reply['protocol']}, expected {VERSION}; "
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
        """Sets the recurrent state to zero: a sequence begins."""
        self._request("reset", r"ok step=0")
        self._step = 0

    def run(self, data: bytes) -> Run:
        """The next inference of the sequence.

        Raises:
            StepError: the board has run another number of inferences since its state was zero.
        """
        reply = self._request(
            f"run {self._step} {data.hex().upper()}", rf"ok step={self._step} output=.*"
        )
        self._step += 1
        with _reading(reply):
            return Run(
                output=bytes.fromhex(reply["output"]),
                cycles=int(reply["cycles"]),
                op_cycles=tuple(int(count) for count in reply["op_cycles"].split(",")),
                stack=int(reply["stack"]),
                arena=int(reply["arena"]),
            )

    def _request(self, text: str, expected: str) -> dict[str, str]:
        """The fields of the reply to a request, a line of the pattern `expected`."""
        reply = self._exchange(text, re.compile(expected))
        return dict(_pair(field) for field in reply.split(" ")[1:])

    def _exchange(self, text: str, expected: re.Pattern[str]) -> str:
        self._transport.write(encode(text))
        while line := self._transport.readline():
            if not line.strip():
                continue
            reply = decode(line)
            if expected.fullmatch(reply):
                return reply
            if not reply.startswith("hmd ready") and not self._logged(reply):
                raise self._refusal(text, reply)
        raise FirmwareError(
            f"no reply to {text.split()[0]!r}; check that the board runs this firmware"
        )

    def _logged(self, reply: str) -> bool:
        """Whether a line is one of the log, which then has it."""
        if reply.startswith("log "):
            self.log.append(reply.removeprefix("log "))
            return True
        return False

    def _refusal(self, text: str, reply: str) -> FirmwareError:
        """The error for a reply that is not the expected one."""
        step = re.fullmatch(r"err step received=(\d+) expected=(\d+)", reply)
        if step:
            return StepError(
                f"the board has run {step[2]} inferences since its state was zero, expected "
                f"{step[1]}; it was reset, or another program speaks to it",
                int(step[2]),
            )
        said = "".join(f"; it said: {message}" for message in dict.fromkeys(self.log))
        return FirmwareError(f"the firmware answered {text.split()[0]!r} with: {reply}{said}")


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
