"""What a training step of HMDLSTM costs next to one of keras.layers.LSTM of the same units.

Both stand below a softmax layer, are compiled by XLA and take turns in one process, so that
whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from hmd_tflm.files import write_whole
from hmd_tflm.layers import HMDLSTM

CLASSES = 10
TURNS = 15
STEPS_PER_TURN = 10


@dataclass(frozen=True, slots=True)
class Case:
    """A layer's shape, the batch and how much HMDLSTM compresses."""

    steps: int
    features: int
    units: int
    batch: int
    compression: float


CASES = [
    Case(steps, features, units, batch, compression)
    for steps, features, units, batch in ((128, 9, 64, 64), (49, 10, 118, 128), (64, 65, 128, 64))
    for compression in (2.0, 4.0)
]


def measure(case: Case) -> dict[str, Any]:
    """Time both layers.

    Returns:
        The case, the medians over the turns of the milliseconds a step took, and the median of
        the ratios of neighbouring turns.
    """
    stepper = {
        "lstm": _stepper(keras.layers.LSTM(case.units), case),
        "hmdlstm": _stepper(HMDLSTM(case.units, case.compression), case),
    }
    turns: dict[str, list[float]] = {name: [] for name in stepper}
    for _ in range(TURNS):
        for name, step in stepper.items():
            begin = time.perf_counter()
            for _ in range(STEPS_PER_TURN):
                step()
            turns[name].append(1e3 * (time.perf_counter() - begin) / STEPS_PER_TURN)
    ratios = [hmd / lstm for hmd, lstm in zip(turns["hmdlstm"], turns["lstm"], strict=True)]
    return asdict(case) | {
        "lstm_ms": round(median(turns["lstm"]), 2),
        "hmdlstm_ms": round(median(turns["hmdlstm"]), 2),
        "ratio": round(median(ratios), 3),
    }


def _stepper(layer: keras.Layer, case: Case) -> Callable[[], Any]:
    """A compiled model's training step on one fixed batch, already warm."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(case.batch, case.steps, case.features)).astype(np.float32)
    y = rng.integers(CLASSES, size=case.batch)
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), layer, keras.layers.Dense(CLASSES, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    model.train_on_batch(x, y)
    return lambda: model.train_on_batch(x, y)


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def main() -> None:
    """Measure all cases, print each, and write them with what they depend on."""
    parser = argparse.ArgumentParser(prog="python -m hmd_tflm.benchmarks.train_step")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    arguments = parser.parse_args()
    results = []
    for case in CASES:
        results.append(measure(case))
        print(results[-1], file=sys.stderr)
    report = {
        "command": f"python -m hmd_tflm.benchmarks.train_step {' '.join(sys.argv[1:])}".strip(),
        "cpu": _processor(),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "turns": TURNS,
        "steps_per_turn": STEPS_PER_TURN,
        "results": results,
    }
    text = json.dumps(report, indent=2) + "\n"
    if arguments.json is None:
        print(text, end="")
    else:
        write_whole(arguments.json, text)


if __name__ == "__main__":
    main()
