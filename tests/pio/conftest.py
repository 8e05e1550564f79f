"""PlatformIO as a user without its registry runs it, and the tools that it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hmd_tflm.simulate.platformio import offline

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
DUMMY = ROOT / "tests" / "firmware" / "dummy_model.c"
PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "cppcheck": "cppcheck",
    "gdb-multiarch": "gdb-multiarch",
    "qemu-system-arm": "qemu-system-arm",
}
Pio = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """A function that skips the test where a tool is missing."""

    def check(*tools: str) -> None:
        for tool in tools:
            if shutil.which(tool) is None:
                pytest.skip(f"no {tool}: apt install {PACKAGES[tool]}")

    return check


@pytest.fixture(scope="session")
def pio(needs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pio]:
    """A function that runs a command of PlatformIO, with a hand-written model and one workspace."""
    needs("arm-none-eabi-gcc")
    folder = tmp_path_factory.mktemp("platformio")
    (folder / "model").mkdir()
    shutil.copy(DUMMY, folder / "model" / "model.c")
    variables = offline(folder / "core") | {
        "PLATFORMIO_WORKSPACE_DIR": str(folder / "workspace"),
        "HMD_MODEL_DIR": str(folder / "model"),
        "HMD_TFLM": str(ROOT),
    }

    input_end, other_end = os.pipe()  # at the end of its input, `pio debug` would loop for ever

    def run(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "platformio", *map(str, arguments)],
            env=os.environ | variables | more,
            stdin=input_end,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )

    run.variables = variables
    yield run
    os.close(input_end)
    os.close(other_end)
