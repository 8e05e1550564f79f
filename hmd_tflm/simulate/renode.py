"""Runs firmware in Renode as if it were a board on a serial port."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import hmd_tflm
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import Board
from hmd_tflm.simulate.cores import require_core
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.monitor import Monitor

TIMEOUT = 60.0
"""Seconds that may pass without a reply."""

# Seconds of 100 million instructions each: the first step while a line is waited for, by how much
# of what has passed the next ones are longer (so much may run on in vain), and the longest.
_FIRST_STEP, _GROWTH, _LAST_STEP = 0.0005, 0.1, 0.5

_ERRORS = 3  # a level of Renode's log
_FAULT = re.compile(rb"fault pc=([0-9A-F]{8}) cfsr=([0-9A-F]{8}) ")  # docs/protocol.md
_ABORT = re.compile(r"CPU abort \[PC=(0x[0-9A-Fa-f]+)\]: (.*)")


class Renode:
    """A board with its firmware, just reset, as renode/<board>.resc sets it up.

    It runs while a line is waited for and stands still in between. The firmware's cycle counter
    gives executed instructions. Close it, or use it in a `with`: Renode then ends and its files
    are removed.

    trace: a new file for the binary execution trace (Renode's format PCAndOpcode) of all that
    runs from the first request `run` to the end.

    Raises:
        UserError: no suitable Renode, a board without a description, an image for another core,
            `trace` exists.
        FirmwareError: Renode or the firmware failed.
    """

    def __init__(
        self, image: Image, board: Board, trace: Path | None = None, timeout: float = TIMEOUT
    ) -> None:
        require_core(image.path, image.built_for, board.cpu)
        script = board_script(board)
        if trace and trace.exists():
            raise UserError(f"{trace}: exists, expected a new file for the trace; remove it")
        self._image = image
        self._timeout = timeout
        self._trace = trace
        self._sent = b""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="hmd-tflm-")))
            self._monitor = stack.enter_context(Monitor(folder))
            self._do(f"$elf={quote(image.path.resolve())}")
            self._do(f"include {quote(script)}")
            self._log = folder / "log"
            self._do(f"logFile {quote(self._log)}")
            self._do(f"logLevel {_ERRORS}")
            self._uart = self._monitor.execute("echo $uart").strip('"')
            self._do(f"{self._uart} CreateFileBackend {quote(folder / 'sent')} true")
            self._output = stack.enter_context((folder / "sent").open("rb"))
            self._request = folder / "request.resc"
            self._run_to_line()  # what is written before the UART is ready would be lost
            self._stack = stack.pop_all()

    def write(self, data: bytes) -> int:
        """Sends lines of printable ASCII, as the protocol's are, to the board's UART."""
        if self._trace and data.startswith(b"run "):
            self._do(
                f'cpu CreateExecutionTracingSynchronous "trace" {quote(self._trace.absolute())} '
                "PCAndOpcode true"
            )
            self._trace = None
        lines = data.decode("ascii").splitlines()
        self._request.write_text("".join(f'{self._uart} WriteLine "{x}" LF\n' for x in lines))
        self._do(f"include {quote(self._request)}")
        return len(data)

    def readline(self) -> bytes:
        """A line from the board's UART.

        Raises:
            FirmwareError: none comes in time, or it says that the firmware faulted.
        """
        self._run_to_line()
        line, _, self._sent = self._sent.partition(b"\n")
        if fault := _FAULT.match(line):
            pc, status = (int(number, 16) for number in fault.groups())
            raise FirmwareError(
                f"the firmware faulted {self._at(pc)}, fault status (CFSR) 0x{status:08X}"
            )
        return line + b"\n"

    def close(self) -> None:
        """Completes the trace, ends Renode and removes its files."""
        with self._stack:
            self._do("cpu DisableExecutionTracing")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None:
            self.close()
        else:  # Renode may not answer any more
            self._stack.close()

    def _run_to_line(self) -> None:
        deadline = time.monotonic() + self._timeout
        passed = 0.0
        while b"\n" not in self._sent:
            left = deadline - time.monotonic()
            if left <= 0:
                raise FirmwareError(
                    f"the firmware was still busy after {self._timeout:g} seconds, "
                    f"{self._place()}; look for an endless loop there"
                )
            step = min(_FIRST_STEP + _GROWTH * passed, _LAST_STEP)
            self._do(f'emulation RunFor "{step:.6f}"', left + self._timeout, self._stopped)
            self._sent += self._output.read()
            passed += step

    def _place(self) -> str:
        answer = self._monitor.execute("cpu PC")
        try:
            pc = int(answer, 16)
        except ValueError:
            return f"at pc={answer}"
        return self._at(pc)

    def _at(self, pc: int) -> str:
        return f"at pc=0x{pc:08X} in {self._image.function_at(pc)}"

    def _stopped(self) -> str:
        """What stopped the core for good: Renode then waits for it in vain."""
        abort = _ABORT.search(self._log.read_text())
        if abort is None:
            return ""
        pc = int(abort[1], 16)
        return f"the core stopped {self._at(pc)}: {abort[2]}"

    def _do(
        self, command: str, timeout: float = TIMEOUT, stopped: Callable[[], str] = lambda: ""
    ) -> None:
        """Executes a command that has nothing to say."""
        answer = self._monitor.execute(command, timeout, stopped)
        if answer:
            raise FirmwareError(f"Renode answered {command!r} with: {answer}")


def board_script(board: Board) -> Path:
    """The script that sets a board up in Renode.

    Raises:
        UserError: there is none.
    """
    folder = Path(hmd_tflm.__file__).parents[1] / "renode"
    script = folder / f"{board.name}.resc"
    if not script.is_file():
        known = ", ".join(path.stem for path in sorted(folder.glob("*_*.resc"))) or "none"
        raise UserError(
            f"{script}: there is no description of {board.name} for Renode, only of {known}; use "
            "hmd-tflm from a checkout of its repository and add one there"
        )
    return script


def quote(path: Path) -> str:
    """A path as Renode's monitor reads it."""
    return "@" + str(path).replace(" ", "\\ ")
