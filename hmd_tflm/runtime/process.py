"""A worker process: started, asked, ended."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from typing import Any

from hmd_tflm.errors import UserError


class Process:
    """One child that serves `hmd_tflm.runtime.worker`.

    Args:
        runtime: "tflite-runtime" or "litert".
    """

    def __init__(self, runtime: str) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hmd_tflm.runtime.worker", runtime],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the worker's `Runner`.

        Raises:
            UserError: the method failed, or the runtime took the process down.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump((method, arguments), self._process.stdin)
            self._process.stdin.flush()
            good, result = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError, ValueError) as error:
            code = self._process.wait()
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "no message"
            raise UserError(f"the runtime ended (code {code}: {last})") from error
        if not good:
            raise UserError(" ".join(str(result).split()))
        return result

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.communicate()
        self._log.close()
