"""Sequences of inferences on a board that may be reset, and on a port that may go away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.device.link import DeviceLink
from hmd_tflm.device.port import Port, PortLost
from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.protocol import Info, Run, StepError

WAIT = 30.0
"""Seconds in which a port that went away is to come back."""

MOST_LOSSES = 5  # of the state or the port, without a new inference in between


class Device:
    """A board with firmware on a port; close it, or use it in a `with`.

    url: of the port, as pyserial takes it. tell: called with one line on what was lost and what is
    done about it.

    Raises:
        UserError: the port cannot be opened.
        FirmwareError: nothing answers there that speaks the protocol.

    Attributes:
        info: what the board says of itself.
        link: to the board.
        events: what was told.
    """

    def __init__(
        self, url: str, tell: Callable[[str], None] = lambda event: None, wait: float = WAIT
    ) -> None:
        self._tell = tell
        self._wait = wait
        self._port = Port(url)
        self.events: list[str] = []
        self.link = DeviceLink(self._port)
        try:
            self.info: Info = self.link.info()
        except BaseException:
            self.close()
            raise

    def run(self, rows: NDArray[np.int8], stateful: bool) -> Iterator[tuple[int, Run]]:
        """Run inferences in order, the state reset before the first.

        Args:
            rows: ``[n, ...]``.
            stateful: the state goes on from row to row, so that where it is lost the rows before
                are run again; else only the row that was lost.

        Yields:
            Number of a row and its inference; again from 0 on after a loss of the state.

        Raises:
            FirmwareError: the firmware failed, the port or the state was lost for good, or another
                board or model came back.
        """
        row, furthest, losses, begun = 0, 0, 0, False
        while row < len(rows):
            try:
                if not begun:
                    self.link.reset()
                    begun = True
                result = self.link.run(rows[row].tobytes())
            except (PortLost, StepError) as error:
                losses += 1
                if losses > MOST_LOSSES:
                    raise FirmwareError(
                        f"{losses} times at inference {furthest}: {error}; check cable and power"
                    ) from error
                if isinstance(error, PortLost):
                    self._reconnect(error)
                else:
                    self._event(_loss(row, stateful, error))
                    row, begun = 0 if stateful else row, False
                continue
            yield row, result
            row += 1
            if row > furthest:
                furthest, losses = row, 0

    def close(self) -> None:
        """Gives the port free."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reconnect(self, error: PortLost) -> None:
        self._event(f"{error}; waiting {self._wait:g} s for it to come back")
        start = time.monotonic()
        self._port.reopen(self._wait)
        info = self.link.info()
        if (info.crc32, info.board) != (self.info.crc32, self.info.board):
            raise FirmwareError(
                f"{self._port.url}: came back as {info.board} with {info.model} (crc32 "
                f"{info.crc32:08X}), expected {self.info.board} with {self.info.model} "
                f"({self.info.crc32:08X}); plug the same board in and begin again"
            )
        self._event(f"{self._port.url}: is back after {time.monotonic() - start:.1f} s")

    def _event(self, event: str) -> None:
        self.events.append(event)
        self._tell(event)


def _loss(row: int, stateful: bool, error: StepError) -> str:
    if error.expected == 0:
        what = "the board was reset"
    else:
        what = f"the reply to inference {row} was lost, and the board cannot repeat it"
    if not stateful:
        return f"{what}: going on with inference {row}"
    return f"{what}: the state after {row} inferences is lost, they are run again"
