"""A headless Renode, driven through its monitor on standard input and output: no socket."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from hmd_tflm.errors import FirmwareError, UserError

OLDEST, NEXT = (1, 16), (2,)
"""Versions of Renode from the first to before the second are supported; 1.16.1 is tested."""

_PATIENCE = 0.2  # seconds of silence before `hopeless` is asked
_START_LIMIT = 60.0  # seconds for Renode to say its version or to answer its first command


class Monitor:
    """Renode's command line, and the process behind it; close it, or use it in a `with`.

    folder: an empty folder for Renode's settings and temporary files; it writes nowhere else
    (in the shared folder for temporary files it would delete everything named `renode-*`).

    Raises:
        UserError: there is no Renode in PATH, or another version.
    """

    def __init__(self, folder: Path) -> None:
        command = [_find(), "--console", "--plain", "--disable-gui", "--hide-log"]
        command += ["--hide-analyzers", "--config", str(folder / "config")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"TMPDIR": str(folder), "XDG_CONFIG_HOME": str(folder)},
            start_new_session=True,  # `renode` is a script: its children end with it
        )
        self._received = b""
        self._commands = 0
        try:
            self.execute("version")  # and with its answer the greeting
        except BaseException:
            self.close()
            raise

    def execute(
        self,
        command: str,
        timeout: float = _START_LIMIT,
        hopeless: Callable[[], str] = lambda: "",
    ) -> str:
        """What Renode has to say to a command, "" mostly.

        hopeless: asked now and then while there is no answer; why none will come, "" if it may.

        Raises:
            FirmwareError: Renode ended, did not answer within `timeout` seconds, or will not.
        """
        self._commands += 1
        marker = f"answered {self._commands}"
        self._send(f'{command}\necho "{marker}"\n')
        end = re.compile(rb"^\r*" + marker.encode() + rb"\r*\n", re.MULTILINE)
        deadline = time.monotonic() + timeout
        while not (found := end.search(self._received)):
            self._receive(deadline, command, hopeless)
        answer, self._received = self._received[: found.start()], self._received[found.end() :]
        lines = (line.strip("\r") for line in answer.decode("utf-8", "replace").split("\n"))
        return "\n".join(line for line in lines if line and not _ECHO.match(line))

    def close(self) -> None:
        """Ends Renode at once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it had ended
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _send(self, text: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the next reading says so, with its last words

    def _receive(self, deadline: float, command: str, hopeless: Callable[[], str]) -> None:
        assert self._process.stdout
        stream = self._process.stdout.fileno()
        while not select.select([stream], [], [], _PATIENCE)[0]:
            if reason := hopeless():
                raise FirmwareError(reason)
            if time.monotonic() > deadline:
                raise FirmwareError(f"Renode did not answer in time to {command!r}")
        data = os.read(stream, 1 << 16)
        if not data:
            words = self._received.decode("utf-8", "replace").strip()[-400:]
            raise FirmwareError(f"Renode ended at {command!r}; its last words: {words or 'none'}")
        self._received += data


_ECHO = re.compile(r"\([\w-]+\) ")  # the prompt, and behind it the command


def _find() -> str:
    """The path of a Renode of a supported version."""
    path = shutil.which("renode")
    if path is None:
        raise UserError(
            "renode is not in PATH; install Renode 1.16.1 (https://renode.io), or simulate with "
            "the built-in emulator: --simulator emulator"
        )
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False, timeout=_START_LIMIT
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{path}: does not run ({error}); install Renode 1.16.1") from error
    version = re.search(r"Renode v(\d+)\.(\d+)\.(\d+)", said)
    if version is None or not OLDEST <= tuple(map(int, version.groups())) < NEXT:
        received = version.group(0) if version else repr(said.strip()[:80])
        raise UserError(f"{path}: is {received}, expected 1.16 to 1.x; install Renode 1.16.1")
    return path
