"""The line protocol over a line that loses and alters: requests are sent again until one is answered."""

from __future__ import annotations

import re

from hmd_tflm.device.port import BAUD, Port, other_ports
from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.protocol import Link, decode, encode

FIRST_PATIENCE = (0.5,) * 6
"""Seconds of silence after which a board that never answered is asked again."""

PATIENCE = (1.0, 1.0, 2.0, 2.0, *(4.0,) * 6)
"""The same for a board that has answered before, and may be computing."""

QUIET = 0.2  # seconds of silence after something damaged: what was damaged was probably the reply
MOST_LINES = 1000  # that are read in vain for one request


class DeviceLink(Link):
    """Requests to a board on a port, each safe to be sent again (docs/protocol.md, STEP).

    Its methods raise what those of `Link` do, and PortLost.

    Attributes:
        repeated: requests that were sent again.
        damaged: lines that did not arrive as they were sent, in either direction.
    """

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self._port = port
        self._answered = False
        self._garbage = b""
        self.repeated = 0
        self.damaged = 0

    def _exchange(self, text: str, expected: re.Pattern[str]) -> str:
        for attempt, patience in enumerate(PATIENCE if self._answered else FIRST_PATIENCE):
            self.repeated += attempt > 0
            self._port.write(b"\n" + encode(text))  # ends what noise may have begun
            reply = self._await(text, expected, patience)
            if reply is not None:
                self._answered = True
                return reply
        raise self._silence(text)

    def _await(self, text: str, expected: re.Pattern[str], patience: float) -> str | None:
        """The reply, or None where the request is to be sent again."""
        for _ in range(MOST_LINES):
            line = self._port.readline(patience)
            if not line:
                return None
            if not line.strip():
                continue
            try:
                reply = decode(line)
            except FirmwareError:
                reply = ""
                self._garbage = self._garbage or line[:20]
            if expected.fullmatch(reply):
                return reply
            if not reply or reply.startswith("err crc"):
                self.damaged += 1
                patience = QUIET
            elif reply.startswith("hmd ready"):  # the board has just started: it did not hear us
                return None
            elif not self._logged(reply) and not _is_late(text, reply):
                raise self._refusal(text, reply)
        return None

    def _silence(self, text: str) -> FirmwareError:
        url = self._port.url
        if self._answered:
            return FirmwareError(
                f"{url}: no reply to {text.split()[0]!r} any more, {self.damaged} damaged lines; "
                "check power and wiring, press the board's reset button and try again"
            )
        hint = (
            "flash the firmware (pio run -d firmware -e BOARD -t upload), check that this is the "
            f"board's port (others: {other_ports(url)}) and press its reset button"
        )
        if self._garbage:
            return FirmwareError(
                f"{url}: received {self._garbage!r} and nothing of docs/protocol.md at {BAUD} "
                f"baud: another firmware or another speed; {hint}"
            )
        return FirmwareError(f"{url}: the board says nothing at {BAUD} baud; {hint}")


def _is_late(text: str, reply: str) -> bool:
    """Whether a reply belongs to an earlier sending of this request or of another one."""
    word, step, *_ = [*text.split(" "), ""]
    if reply.startswith("err step "):
        return word != "run" or not reply.startswith(f"err step received={step} ")
    return reply.startswith("ok ") or (word == "info" and reply.startswith("err model"))
