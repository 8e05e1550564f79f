"""A serial port, or what pyserial takes for one (socket://, rfc2217://), and what can be wrong with it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

import serial
from serial.tools.list_ports import comports

from hmd_tflm.errors import FirmwareError, UserError

BAUD = 115200
LONGEST = 1 << 20  # bytes of a line
_POLL, _WRITE_TIMEOUT, _REOPEN_EVERY = 0.05, 10.0, 0.2  # seconds


class PortLost(FirmwareError):
    """The port is gone: a cable was pulled, or the other end of a socket was closed."""


class Port:
    """A byte stream to a board at 115200 baud, for one program at a time.

    Raises:
        UserError: there is no such port, it may not be opened, or another program has it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._received = bytearray()
        self._serial = _open(url)

    def write(self, data: bytes) -> None:
        """Sends bytes.

        Raises:
            PortLost: the port is gone.
        """
        self._guarded(lambda: self._serial.write(data))

    def readline(self, timeout: float = 1.0) -> bytes:
        """A line; or, when nothing came for `timeout` seconds, what came of one, b"" mostly.

        Raises:
            PortLost: the port is gone.
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._received and len(self._received) < LONGEST:
            data = self._guarded(lambda: self._serial.read(max(self._serial.in_waiting, 1)))
            if data:
                self._received += data
                deadline = time.monotonic() + timeout
            elif time.monotonic() >= deadline:
                line, self._received = bytes(self._received), bytearray()
                return line
        end = self._received.find(b"\n") + 1 or len(self._received)
        line = bytes(self._received[:end])
        del self._received[:end]
        return line

    def reopen(self, wait: float) -> None:
        """Opens the port again, as soon as it is there.

        Raises:
            FirmwareError: it was not there within `wait` seconds.
        """
        self.close()
        self._received.clear()
        deadline = time.monotonic() + wait
        while True:
            try:
                self._serial = _open(self.url)
                return
            except UserError as error:
                if time.monotonic() >= deadline:
                    raise FirmwareError(f"waited {wait:g} s in vain: {error}") from error
            time.sleep(_REOPEN_EVERY)

    def close(self) -> None:
        """Gives the port free."""
        self._serial.close()

    def _guarded(self, act: Callable[[], bytes | int | None]) -> bytes:
        try:
            return act() or b""  # type: ignore[return-value]
        except serial.SerialTimeoutException as error:
            raise PortLost(f"{self.url}: takes no bytes for {_WRITE_TIMEOUT:g} s") from error
        except (OSError, TypeError) as error:  # TypeError: pyserial's, when closed while it reads
            raise PortLost(f"{self.url}: the connection was lost ({error})") from error


def other_ports(url: str) -> str:
    """The serial ports of this computer but one, for messages."""
    return ", ".join(sorted(p.device for p in comports() if p.device != url)) or "none"


def _open(url: str) -> serial.SerialBase:
    # pyserial's RFC 2217 client refuses a time limit for writing
    limit = {} if url.lower().startswith("rfc2217:") else {"write_timeout": _WRITE_TIMEOUT}
    try:
        return serial.serial_for_url(url, BAUD, timeout=_POLL, exclusive=True, **limit)
    except (OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{url}: {_reason(url, error)}") from error


def _reason(url: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return (
            f"no such port; of this computer there are: {other_ports(url)}; plug the board in, or "
            "give another one"
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"permission denied; join its group: sudo usermod -aG {_group(url)} $USER, and log "
            "in again"
        )
    if number in (errno.EAGAIN, errno.EBUSY):
        return "another program has it open; close that (pio device monitor, a terminal)"
    return (
        f"cannot be opened as a serial port ({error}); expected a device such as /dev/ttyACM0, or "
        "socket://HOST:PORT or rfc2217://HOST:PORT with a server behind it"
    )


def _group(path: str) -> str:
    try:
        import grp

        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (ImportError, OSError, KeyError):
        return "dialout"
