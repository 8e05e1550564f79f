"""C sources of the firmware as a library in this process, under sanitizers on request.

A test module loads its sources once, and has one test that runs the module under sanitizers:

    kernels = native.load(native.NN / "src" / "add.c")

    @native.outside_sanitizers
    def test_under_sanitizers() -> None:
        native.rerun_under_sanitizers(__file__)
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FIRMWARE = Path(__file__).parents[2] / "firmware"
NN = FIRMWARE / "lib/hmd_nn"
FLAGS = ["-std=c99", "-pedantic", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
INCLUDES = [f"-I{NN / 'include'}"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")

outside_sanitizers = pytest.mark.skipif(SANITIZED, reason="starts the run under sanitizers")

_folder = tempfile.TemporaryDirectory(prefix="hmd_native_")


def load(*sources: Path, sanitize: bool = SANITIZED) -> ctypes.CDLL:
    """Compile with asserts, and load.

    Args:
        sources: C files.
        sanitize: stop the process at the first memory error or undefined behaviour; works only
            where the address sanitizer was preloaded, as `rerun_under_sanitizers` does.
    """
    with tempfile.NamedTemporaryFile(dir=_folder.name, suffix=".so", delete=False) as library:
        flags = [*FLAGS, *(SANITIZERS if sanitize else []), "-fPIC", "-shared"]
        command = ["gcc", *flags, *INCLUDES, "-o", library.name, *map(str, sources)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(library.name)


def pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    """Of a contiguous array, which must outlive the call."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def rerun_under_sanitizers(test_file: str) -> None:
    """Run the tests of a module in a process with the address sanitizer; fail with its report."""
    # libstdc++ too, since the sanitizer looks up its `__cxa_throw` at the start
    preloaded = " ".join(_library(name) for name in ("libasan.so", "libstdc++.so.6"))
    environment = {
        **os.environ,
        "LD_PRELOAD": preloaded,
        "ASAN_OPTIONS": "detect_leaks=0",  # Python leaves memory at exit
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    # -s, so that the report of a stopped process is not lost in pytest's capture
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-s", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, test_file], env=environment, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _library(name: str) -> str:
    command = ["gcc", f"-print-file-name={name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
