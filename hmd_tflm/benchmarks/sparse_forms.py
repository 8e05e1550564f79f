"""Forms of a sparse int8 matrix on Cortex-M4: cycles and bytes for each weight that is not zero.

``python -m hmd_tflm.benchmarks.sparse_forms`` measures the multiply loops of
firmware/peers/sparse_forms on random rows, without their set-up, and writes
benchmarks/sparse_forms.json. docs/benchmarks.md says which the pruned layer has, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.benchmarks.bare_core import DATA, BareCore
from hmd_tflm.benchmarks.pruned_layer import pack_rows
from hmd_tflm.errors import FirmwareError
from hmd_tflm.files import write_whole

ROOT = Path(__file__).parents[2]
FILE = ROOT / "benchmarks/sparse_forms.json"
SOURCE = ROOT / "firmware/peers/sparse_forms/sparse_forms.S"
V, BATCHES = DATA, DATA + 0x1000
COLUMNS, ROWS, DENSITIES = 256, 32, (0.5, 0.25, 0.125)
LARGEST_GAP = 127  # columns, of a relative index in bytes


@dataclass(frozen=True, slots=True)
class Form:
    """One form at one density: cycles and bytes for each weight that is not zero."""

    name: str
    density: float
    cycles: float
    bytes: float


@dataclass(frozen=True, slots=True)
class _Loop:
    """One call: its function, its batches."""

    name: str
    batches: NDArray[np.int8]


def measure() -> Iterator[Form]:
    """Every form at every density, on the same random rows.

    Raises:
        FirmwareError: a loop gave another sum than NumPy.
    """
    core = BareCore(SOURCE)
    rng = np.random.default_rng(0)
    v = rng.integers(-255, 256, COLUMNS).astype(np.int16)
    for name, pack in FORMS.items():
        for density in DENSITIES:
            kept = rng.random((ROWS // 2, 2, COLUMNS)) < density
            rows = rng.choice([-1, 1], kept.shape) * rng.integers(1, 128, kept.shape) * kept
            rows = rows.astype(np.int8)
            cycles = size = 0
            for pair in rows:
                sums = np.zeros(2, np.int64)
                for loop, targets in pack(pair):
                    result, spent = _call(core, loop, len(loop.batches), v)
                    sums[list(targets)] += result
                    cycles += spent - _call(core, loop, 0, v)[1]  # without its set-up
                    size += loop.batches.nbytes
                expected = pair.astype(np.int64) @ v
                if not np.array_equal(sums, expected):
                    raise FirmwareError(f"{name}: received sums {sums}, expected {expected}")
            count = np.count_nonzero(rows)
            yield Form(name, density, round(cycles / count, 3), round(size / count, 3))


Packed = Iterator[tuple[_Loop, tuple[int, ...]]]
"""Loops for a pair of rows, each with the rows whose sums it gives."""


def _byte_indices(pair: NDArray[np.int8]) -> Packed:
    for number, row in enumerate(pair):
        yield _Loop("byte_indices", pack_rows(row[None])[0]), (number,)


def _relative_indices(pair: NDArray[np.int8]) -> Packed:
    for number, row in enumerate(pair):
        columns = [0]
        for column in np.flatnonzero(row):
            while column - columns[-1] > LARGEST_GAP:
                columns.append(columns[-1] + LARGEST_GAP)
            columns.append(int(column))
        columns = columns[1:]
        columns += columns[-1:] * (-len(columns) % 4)
        distances = 2 * np.diff(columns, prepend=0)
        weights = np.where(np.diff(columns, prepend=-1) > 0, row[columns], 0)
        stored = np.stack([weights.reshape(-1, 4), distances.reshape(-1, 4)], axis=1)
        yield _Loop("relative_indices", stored.astype(np.uint8).view(np.int8)), (number,)


def _groups(row: NDArray[np.int8], width: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Four groups of columns a batch: weights ``[n, 4, width]`` and numbers ``[n, 4]``."""
    groups = row.reshape(-1, width)
    numbers = np.flatnonzero(groups.any(1))
    padding = -len(numbers) % 4
    weights = np.pad(groups[numbers], ((0, padding), (0, 0)))
    numbers = np.pad(numbers, (0, padding))
    return weights.reshape(-1, 4, width), numbers.astype(np.uint8).view(np.int8).reshape(-1, 4)


def _pairs(pair: NDArray[np.int8]) -> Packed:
    for number, row in enumerate(pair):
        weights, numbers = _groups(row, 2)
        words = weights.reshape(-1, 2, 2, 2).swapaxes(2, 3).reshape(-1, 8)
        yield _Loop("pairs", np.concatenate([words, numbers], axis=1)), (number,)


def _blocks(pair: NDArray[np.int8]) -> Packed:
    for number, row in enumerate(pair):
        weights, numbers = _groups(row, 4)
        words = weights[:, [3, 0, 1, 2]][..., [0, 2, 1, 3]].reshape(-1, 16)
        yield _Loop("blocks", np.concatenate([words, numbers], axis=1)), (number,)


def _row_pairs(pair: NDArray[np.int8]) -> Packed:
    both = (pair != 0).all(0)
    for number, row in enumerate(np.where(both, 0, pair)):
        yield _Loop("byte_indices", pack_rows(row[None])[0]), (number,)
    columns = np.flatnonzero(both)
    padding = -len(columns) % 4
    lower, upper = np.pad(pair[:, columns].astype(int), ((0, 0), (0, padding)))
    packed = np.stack([lower, upper - (lower < 0)], axis=-1).astype(np.int8).reshape(-1, 4, 2)
    numbers = np.pad(columns, (0, padding)).astype(np.uint8).view(np.int8).reshape(-1, 4)
    words = packed[:, [2, 3, 0, 1]].reshape(-1, 8)
    yield _Loop("row_pairs", np.concatenate([words, numbers], axis=1)), (0, 1)


FORMS: dict[str, Callable[[NDArray[np.int8]], Packed]] = {
    "byte indices": _byte_indices,
    "relative indices": _relative_indices,
    "pairs": _pairs,
    "1x4 blocks": _blocks,
    "row pairs": _row_pairs,
}


def _call(
    core: BareCore, loop: _Loop, count: int, v: NDArray[np.int16]
) -> tuple[NDArray[np.int64], int]:
    """Sums of the first batches, and cycles."""
    memory = {V: v.tobytes(), BATCHES: loop.batches.tobytes()}
    called = core.call(loop.name, (BATCHES, V, count), memory)
    first, second = (int(np.uint32(called.register(n)).view(np.int32)) for n in (0, 1))
    if loop.name == "row_pairs":  # 256 A + B, B
        return np.array([second, (first - second) >> 8]), called.cycles
    return np.array([first]), called.cycles


def main() -> None:
    """Write the measurements."""
    write_whole(FILE, json.dumps([asdict(form) for form in measure()], indent=2) + "\n")


if __name__ == "__main__":
    main()
