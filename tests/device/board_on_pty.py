"""An emulated board behind a pseudo-terminal, with faults of board, line and cable on request."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.board import Board
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.image import Image

Fault = Callable[[bytes], bytes]


def untouched(data: bytes) -> bytes:
    return data


class BoardOnPty:
    """Runs in a thread from `start` to `close`; `path` is a link to the terminal.

    Attributes:
        to_board, to_host: what a line of the host or of the board arrives as.
        before: called with each request before the board gets it, may `reset` or `pull` it.
    """

    def __init__(self, image: Image, board: Board, path: Path) -> None:
        self.path = path
        self.to_board: Fault = untouched
        self.to_host: Fault = untouched
        self.before: Callable[[bytes], None] = lambda request: None
        self._image, self._board = image, board
        self._replug_after: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self.reset()
        self._plug()
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def reset(self, image: Image | None = None) -> None:
        """The board starts anew, with other firmware if some is given."""
        self._image = image or self._image
        self._emulator = Emulator(self._image, self._board)

    def pull(self, replug_after: float) -> None:
        """The cable is out from now on; the board keeps its power."""
        self._replug_after = replug_after

    def _plug(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        link = self.path.with_suffix(".new")
        link.symlink_to(os.ttyname(slave))
        link.rename(self.path)
        os.close(slave)

    def _unplug(self) -> None:
        self.path.unlink()
        os.close(self._master)

    def _serve(self) -> None:
        received = b""
        while not self._ended.is_set():
            self._send(self._lines())
            received += self._receive()
            *lines, received = received.split(b"\n")
            for line in lines:
                if line:
                    self.before(line)
                if self._replug_after is not None:
                    break
                self._emulator.write(self.to_board(line + b"\n"))
                self._send(self._lines())
            if self._replug_after is not None:
                self._unplug()
                self._ended.wait(self._replug_after)
                self._replug_after, received = None, b""
                self._plug()
        self._unplug()

    def _lines(self) -> Iterator[bytes]:
        try:
            while line := self._emulator.readline():
                yield line
        except FirmwareError:
            return  # a board that faulted stands still

    def _receive(self) -> bytes:
        if not select.select([self._master], [], [], 0.02)[0]:
            return b""
        try:
            return os.read(self._master, 1 << 16)
        except OSError:  # nobody has the terminal open
            self._ended.wait(0.02)
            return b""

    def _send(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            data = self.to_host(line)
            while data and not self._ended.is_set():
                if select.select([], [self._master], [], 0.02)[1]:
                    data = data[os.write(self._master, data) :]
