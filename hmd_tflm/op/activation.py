"""Sigmoid and tanh in integers: one table of 1024 values, without interpolation.

The table holds the sigmoid at the centres of 1024 equal intervals of -8..8. As
``tanh(x / 2) = 2 sigmoid(x) - 1``, it serves tanh too. Errors: docs/op.md.

``python -m hmd_tflm.op.activation`` prints the kernel's copy of it,
firmware/lib/hmd_nn/src/sigmoid_table.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ENTRIES = 1024
STEPS_PER_ENTRY = 64  # of a Q3.12 argument


def sigmoid_table() -> NDArray[np.int16]:
    """Q0.15 values of the intervals from -8 up, int16 ``[1024]``."""
    centres = (np.arange(ENTRIES) - ENTRIES / 2 + 0.5) * STEPS_PER_ENTRY / 2**12
    return np.rint(2**15 / (1 + np.exp(-centres))).astype(np.int16)


_TABLE = sigmoid_table().astype(np.int64)


def sigmoid(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sigmoid of a Q3.12 number of 16 bits, as Q0.15."""
    return _TABLE[x // STEPS_PER_ENTRY + ENTRIES // 2]


def tanh_of_half(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """``tanh(x / 2)`` of a Q3.12 number of 16 bits, as Q0.15."""
    return 2 * sigmoid(x) - 2**15


def c_source() -> str:
    """The table as a C file."""
    rows = sigmoid_table().reshape(-1, 16)
    body = "\n".join("    " + " ".join(f"{value}," for value in row) for row in rows)
    return (
        "/* Sigmoid of -8..8 at the centres of 1024 intervals, Q0.15.\n"
        "   Made by `python -m hmd_tflm.op.activation`. */\n"
        '#include "activation.h"\n\n'
        f"const int16_t hmd_sigmoid_table[{ENTRIES}] = {{\n{body}\n}};\n"
    )


if __name__ == "__main__":
    print(c_source(), end="")
