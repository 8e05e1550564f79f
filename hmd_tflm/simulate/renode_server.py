"""A board in Renode that stays, as one does on a cable: firmware is loaded into it again and again.

    python -m hmd_tflm.simulate.renode_server serve FOLDER BOARD
    python -m hmd_tflm.simulate.renode_server load FOLDER BOARD FIRMWARE.elf

PlatformIO's environments `*_renode` call it (`-t simulator`, `-t upload`; docs/platformio.md). FOLDER has
the board's serial port, the pseudo-terminal `tty`, and the Unix socket `control`: nothing listens on
a network. Time passes as on a board of 100 million instructions a second.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import Board, load_board
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.monitor import Monitor
from hmd_tflm.simulate.renode import board_script, quote

CONTROL, TTY = "control", "tty"
TIMEOUT = 120.0
"""Seconds for firmware to be loaded; the first time, Renode compiles its descriptions."""


def serve(folder: Path, board: Board, ready: Callable[[], None] = lambda: None) -> None:
    """Take firmware for a board until interrupted.

    ready: called as soon as firmware is taken.

    Raises:
        UserError: no suitable Renode, a board without a description, a simulator in the folder.
    """
    description = board_script(board)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        _listening(folder) as control,
        TemporaryDirectory(prefix="hmd-tflm-") as files,
        Monitor(Path(files)) as monitor,
    ):
        ready()
        loaded = False
        while True:
            connection, _ = control.accept()
            with connection:
                received = _receive(connection)
                if not received:  # somebody looked whether a simulator runs
                    continue
                request = json.loads(received)
                try:
                    _require_board(request["board"], board)
                    _load(monitor, Path(request["elf"]), description, folder / TTY, loaded)
                    loaded, reply = True, {}
                except (UserError, FirmwareError) as error:
                    reply = {"error": str(error)}
                with suppress(BrokenPipeError):
                    connection.sendall(json.dumps(reply).encode() + b"\n")


def load(folder: Path, board: Board, elf: Path) -> None:
    """Load firmware into the simulator of a folder and reset the board.

    Raises:
        UserError: no simulator, one of another board, no firmware.
        FirmwareError: Renode does not take it.
    """
    Image.load(elf)
    connection = _connect(folder)
    if connection is None:
        raise UserError(
            f"{folder}: no simulator runs there; start one: pio run -e {board.name}_renode -t simulator"
        )
    with connection:
        request = {"board": board.name, "elf": str(elf.resolve())}
        connection.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(_receive(connection) or '{"error": "the simulator ended"}')
    if "error" in reply:
        raise FirmwareError(reply["error"])


def _load(monitor: Monitor, elf: Path, description: Path, tty: Path, loaded: bool) -> None:
    if loaded:
        commands = ["pause", "machine Reset", f"sysbus LoadELF {quote(elf)}"]
    else:
        tty.unlink(missing_ok=True)
        commands = [
            f"$elf={quote(elf)}",
            f"include {quote(description)}",
            "emulation SetGlobalAdvanceImmediately false",
            f'emulation CreateUartPtyTerminal "tty" {quote(tty)}',
            "connector Connect $uart tty",
        ]
    for command in [*commands, "start"]:
        answer = monitor.execute(command, TIMEOUT)
        if "rror" in answer:
            raise FirmwareError(f"Renode answered {command!r} with: {answer}")


def _require_board(received: str, board: Board) -> None:
    if received != board.name:
        raise UserError(
            f"received firmware for {received}, but the simulator is a {board.name}; end it and "
            f"start one: pio run -e {received}_renode -t simulator"
        )


@contextmanager
def _listening(folder: Path) -> Iterator[socket.socket]:
    """The socket for requests; at the end it is removed, and the link to the serial port too."""
    if running := _connect(folder):
        running.close()
        raise UserError(
            f"{folder}: a simulator runs there already; end it, or load firmware into it"
        )
    (folder / CONTROL).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as control:
        with chdir(folder):  # the path of a socket has 107 bytes at most
            control.bind(CONTROL)
        control.listen()
        try:
            yield control
        finally:
            for name in (CONTROL, TTY):
                (folder / name).unlink(missing_ok=True)


def _connect(folder: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    try:
        with chdir(folder):
            connection.connect(CONTROL)
    except OSError:
        connection.close()
        return None
    return connection


def _receive(connection: socket.socket) -> str:
    with connection.makefile() as lines:
        return lines.readline()


def main(arguments: list[str]) -> int:
    """The command of this module."""
    try:
        match arguments:
            case ["serve", folder, board]:
                signal.signal(signal.SIGTERM, signal.default_int_handler)  # Renode ends with it
                where = Path(folder).absolute()
                welcome = (
                    f"{board} in Renode takes -t upload; serial port {where / TTY}; Ctrl-C ends it"
                )
                serve(where, load_board(board), lambda: print(welcome, flush=True))
            case ["load", folder, board, elf]:
                load(Path(folder).absolute(), load_board(board), Path(elf))
                print(f"{elf}: runs on the simulated {board}")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except FirmwareError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
