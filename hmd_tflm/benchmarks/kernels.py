"""What one layer costs on a Cortex-M4, over sizes and matrix shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hmd_tflm.benchmarks.layer_model import layer_model
from hmd_tflm.codegen import generate
from hmd_tflm.errors import UserError
from hmd_tflm.simulate.profile import profile
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

BOARD = "disco_f407vg"
STEPS = 4
SIZES = ((16, 64), (32, 32), (64, 64), (128, 128), (10, 118))
HMF_RANK = 8
METHODS: dict[str, Callable[[int, int, float], Structure]] = {
    "dense": lambda inputs, units, _: Structure.dense(inputs, units),
    "hmd": Structure.hmd,
    "lmf": Structure.lmf,
    "lmf shared": lambda i, u, factor: Structure.lmf(i, u, factor, shared=True),
    "hmf": lambda i, u, factor: Structure.hmf(i, u, factor, rank=HMF_RANK),
    "hmf shared": lambda i, u, factor: Structure.hmf(i, u, factor, rank=HMF_RANK, shared=True),
}


def _cases() -> Iterator[tuple[int, int, str, float]]:
    """Sizes by methods by factors, without those that a method cannot reach."""
    for (inputs, units), method in product(SIZES, METHODS):
        for factor in (1.0,) if method == "dense" else (2.0, 4.0):
            with suppress(UserError):
                METHODS[method](inputs, units, factor)
                yield inputs, units, method, factor


CASES = list(_cases())


def measure(inputs: int, units: int, method: str, factor: float) -> dict[str, Any]:
    """One record: the layer over `STEPS` time steps from zero state, everything included.

    ``nominal_macs`` are those of the dense layer; instructions, cycles and MACs are of all steps;
    ``functions`` has the cycles of each C function; flash and RAM are the whole firmware's.
    """
    s = METHODS[method](inputs, units, factor)
    x = np.random.default_rng(0).integers(-128, 128, (1, STEPS, inputs)).astype(np.int8)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        source = generate(layer_model(s, STEPS), Path(folder), "layer").parent
        report = simulate(source, BOARD, x)
        functions = profile(source, BOARD, x).functions
    return {
        "inputs": inputs,
        "units": units,
        "steps": STEPS,
        "method": method,
        "factor": factor,
        "rows": s.rows,
        "blocks": s.blocks,
        "rank": s.rank,
        "shared": s.shared,
        "macs": STEPS * s.macs,
        "nominal_macs": STEPS * s.dense_parameters,
        "instructions": int(report.instructions.sum()),
        "cycles": int(report.cycles.sum()),
        "functions": {share.name: share.cycles for share in functions},
        "flash_bytes": report.flash,
        "ram_bytes": report.ram,
    }


def run() -> Iterator[dict[str, Any]]:
    """All cases, one after the other."""
    for case in CASES:
        yield measure(*case)
