"""What one layer costs on a Cortex-M4, over sizes and matrix shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hmd_tflm.benchmarks.cost import Cost, cost
from hmd_tflm.benchmarks.layer_model import layer_model, random_input, random_layer
from hmd_tflm.benchmarks.pruned import pruned_cost
from hmd_tflm.codegen import generate
from hmd_tflm.errors import UserError
from hmd_tflm.op.reference import run as reference
from hmd_tflm.structure import Structure

STEPS = 4
SIZES = ((16, 64), (32, 32), (64, 64), (128, 128), (10, 118))
FACTORS = (2.0, 4.0)
HMF_RANK = 8
METHODS: dict[str, Callable[[int, int, float], Structure]] = {
    "dense": lambda inputs, units, _: Structure.dense(inputs, units),
    "hmd": Structure.hmd,
    "lmf": Structure.lmf,
    "lmf shared": lambda i, u, factor: Structure.lmf(i, u, factor, shared=True),
    "hmf": lambda i, u, factor: Structure.hmf(i, u, factor, rank=HMF_RANK),
    "hmf shared": lambda i, u, factor: Structure.hmf(i, u, factor, rank=HMF_RANK, shared=True),
    "pruned": Structure.hmd,  # whose parameters it may keep
}


def _cases() -> Iterator[tuple[int, int, str, float]]:
    """Sizes by methods by factors, without those that a method cannot reach."""
    for (inputs, units), method in product(SIZES, METHODS):
        for factor in (1.0,) if method == "dense" else FACTORS:
            with suppress(UserError):
                METHODS[method](inputs, units, factor)
                yield inputs, units, method, factor


CASES = list(_cases())


def measure(inputs: int, units: int, method: str, factor: float) -> dict[str, Any]:
    """One record: the layer over `STEPS` time steps from zero state, everything included.

    ``nominal_macs`` are those of the dense layer; instructions, cycles and MACs are of all steps;
    ``parts`` divides the cycles; flash and RAM are the whole firmware's, its stack left out.

    Raises:
        UserError: a size that the method cannot reach, a missing tool.
        FirmwareError: the firmware's output is not that of the NumPy reference.
    """
    s = METHODS[method](inputs, units, factor)
    macs = s.macs
    if method == "pruned":
        s = Structure.dense(inputs, units)
        spent = pruned_cost(inputs, units, STEPS, macs / s.macs)
    else:
        spent = _cost(s)
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
        "macs": STEPS * macs,
        "nominal_macs": STEPS * s.dense_parameters,
        **asdict(spent),
    }


def _cost(structure: Structure) -> Cost:
    """Of a layer in the op."""
    lstm, x = random_layer(structure), random_input(structure, STEPS)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        source = generate(layer_model(lstm, STEPS), Path(folder), "layer").parent
        return cost(source, x, reference(lstm, x))


def run() -> Iterator[dict[str, Any]]:
    """All cases, one after the other."""
    for case in CASES:
        yield measure(*case)
