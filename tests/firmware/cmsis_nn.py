"""Where CMSIS-NN is, and which of its files hmd_nn calls."""

from __future__ import annotations

import os
import re
from pathlib import Path

import native
import pytest

SCRIPT = native.FIRMWARE / "scripts/cmsis_nn.py"
NAMES = re.findall(r'"(\w+/\w+\.c)"', SCRIPT.read_text())


def root() -> Path:
    """CMSIS_NN_ROOT, or TFLM's copy; skips the test if there is none."""
    if os.environ.get("CMSIS_NN_ROOT"):
        return Path(os.environ["CMSIS_NN_ROOT"])
    if not os.environ.get("TFLM_ROOT"):
        pytest.skip("no CMSIS-NN: set CMSIS_NN_ROOT to its tree, or TFLM_ROOT to one with a copy")
    downloads = "tensorflow/lite/micro/tools/make/downloads"
    return Path(os.environ["TFLM_ROOT"]) / downloads / "cmsis_nn"


def sources() -> list[Path]:
    """The files to compile."""
    return [root() / "Source" / name for name in NAMES]
