"""What one layer costs on a Cortex-M4, over sizes and matrix shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hmd_tflm.benchmarks.cost import Cost, cost
from hmd_tflm.benchmarks.layer_model import layer_model, random_input, random_layer
from hmd_tflm.benchmarks.pruned import pruned_cost
from hmd_tflm.codegen import generate
from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import GRU, LSTM
from hmd_tflm.op.reference import run as reference
from hmd_tflm.structure import Structure

STEPS = 4
SIZES = ((16, 64), (32, 32), (64, 64), (128, 128), (10, 118))
FACTORS = (2.0, 4.0)
HMF_RANK = 8
METHODS: dict[str, Callable[..., Structure]] = {
    "dense": lambda inputs, units, _, gates: Structure.dense(inputs, units, gates=gates),
    "hmd": Structure.hmd,
    "lmf": Structure.lmf,
    "lmf shared": partial(Structure.lmf, shared=True),
    "hmf": partial(Structure.hmf, rank=HMF_RANK),
    "hmf shared": partial(Structure.hmf, rank=HMF_RANK, shared=True),
    "pruned": Structure.hmd,  # whose parameters it may keep
}
"""The shape of a method for inputs, units, factor and gates."""


def _cases() -> Iterator[tuple[int, int, int, str, float]]:
    """Cells by sizes by methods by factors, without those that a method cannot reach."""
    for cell, (inputs, units), method in product((LSTM, GRU), SIZES, METHODS):
        for factor in (1.0,) if method == "dense" else FACTORS:
            with suppress(UserError):
                METHODS[method](inputs, units, factor, gates=cell.gates)
                yield cell.gates, inputs, units, method, factor


CASES = list(_cases())


def measure(gates: int, inputs: int, units: int, method: str, factor: float) -> dict[str, Any]:
    """One record: the layer over `STEPS` time steps from zero state, everything included.

    ``nominal_macs`` are those of the dense layer; instructions, cycles and MACs are of all steps;
    ``parts`` divides the cycles; flash and RAM are the whole firmware's, its stack left out.

    Raises:
        UserError: a size that the method cannot reach, a missing tool.
        FirmwareError: the firmware's output is not that of the NumPy reference.
    """
    s = METHODS[method](inputs, units, factor, gates=gates)
    macs = s.macs
    if method == "pruned":
        s = Structure.dense(inputs, units, gates=gates)
        spent = pruned_cost(inputs, units, STEPS, macs / s.macs, gates=gates)
    else:
        spent = _cost(s)
    return {
        "gates": gates,
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
    layer, x = random_layer(structure), random_input(structure, STEPS)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        source = generate(layer_model(layer, STEPS), Path(folder), "layer").parent
        return cost(source, x, reference(layer, x))


def run() -> Iterator[dict[str, Any]]:
    """All cases, one after the other."""
    for case in CASES:
        yield measure(*case)
