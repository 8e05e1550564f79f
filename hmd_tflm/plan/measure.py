"""Measures layers for the cost formula: ``python -m hmd_tflm.plan.measure`` writes layer_costs.json.

Layers of random size and shape are the ops of one model, all with the same random input: waits for
the flash depend a little on the values, since these say where the table of sigmoids is read. There
are many models, since each lays its code and weights otherwise among the lines of the flash.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from hmd_tflm import tflite
from hmd_tflm.benchmarks.budgets import compiler
from hmd_tflm.benchmarks.layer_model import layer_model, quantized, random_factors, random_input
from hmd_tflm.codegen import generate
from hmd_tflm.errors import UserError
from hmd_tflm.files import write_whole
from hmd_tflm.plan.cost import FILE, Op
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

BOARD = "nucleo_f446re"
BIAS = 2.0  # standard deviation, so that pre-activations vary as in trained layers


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the layers of a model, each from the least to the most; and the kind of each layer."""

    inputs: tuple[int, int]
    steps: tuple[int, int]
    units: tuple[int, int]
    factor: tuple[float, float]
    rank: tuple[int, int]
    kinds: tuple[str, ...]


USUAL = Sizes(
    (2, 90),
    (1, 12),
    (8, 128),
    (1.3, 6.0),
    (2, 16),
    ("dense", "hmd", "hmd", "hmf", "hmf", "shared hmf", "lmf", "shared lmf"),
)
# A small dense layer's code stays in the flash's cache from step to step
SMALL = Sizes(
    (1, 30),
    (1, 60),
    (4, 16),
    (1.1, 4.0),
    (2, 8),
    ("dense", "dense", "dense", "hmd", "hmd", "hmf", "lmf", "shared lmf"),
)
MODELS = ((4, USUAL, 28), (3, USUAL, 22), (4, SMALL, 18), (3, SMALL, 18))  # by gates


def random_ops(gates: int, sizes: Sizes, seed: int) -> list[Op]:
    """A layer of each kind."""
    rng = np.random.default_rng(seed)
    inputs, steps = _between(rng, *sizes.inputs), _integer(rng, *sizes.steps)
    ops: list[Op] = []
    while len(ops) < len(sizes.kinds):
        units, factor = _between(rng, *sizes.units), rng.uniform(*sizes.factor)
        blocks, rank = int(2 ** rng.integers(3)), _integer(rng, *sizes.rank)
        with suppress(UserError):  # too small for the factor
            shape = _shape(sizes.kinds[len(ops)], inputs, units, gates, factor, blocks, rank)
            ops.append(Op(shape, steps, return_sequences=bool(rng.integers(2))))
    return ops


def _integer(rng: np.random.Generator, least: int, most: int) -> int:
    return int(rng.integers(least, most + 1))


def _between(rng: np.random.Generator, least: int, most: int) -> int:
    """A random integer whose logarithm is evenly spread."""
    return round(np.exp(rng.uniform(np.log(least), np.log(most))))


def _shape(
    kind: str, inputs: int, units: int, gates: int, factor: float, blocks: int, rank: int
) -> Structure:
    shared = kind.startswith("shared")
    match kind.removeprefix("shared "):
        case "dense":
            return Structure.dense(inputs, units, gates=gates)
        case "hmd":
            return Structure.hmd(inputs, units, factor, blocks=blocks, gates=gates)
        case "hmf":
            return Structure.hmf(inputs, units, factor, rank=rank, shared=shared, gates=gates)
    return Structure.lmf(inputs, units, factor, shared=shared, gates=gates)


def measure(ops: list[Op]) -> list[dict[str, Any]]:
    """The records of ops of the same inputs and steps: shape, cycles, waits for the flash."""
    x = random_input(ops[0].structure, ops[0].steps)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        report = simulate(generate(ops_model(ops), folder, "layers").parent, BOARD, x)
    return [
        asdict(op.structure)
        | {"steps": op.steps, "return_sequences": op.return_sequences}
        | {"cycles": int(cycles), "waits": int(waits)}
        for op, cycles, waits in zip(ops, report.cycles[0], report.waits[0], strict=True)
    ]


def ops_model(ops: list[Op]) -> bytes:
    """A `.tflite` of ops that read the same input."""
    first, *others = map(_model, ops)
    (graph,) = first.subgraphs
    for model in others:
        (other,) = model.subgraphs
        (op,) = other.operators
        shift = len(graph.tensors) - 1  # x, their first, is the model's
        for tensor in other.tensors:
            tensor.buffer = tensor.buffer and tensor.buffer + len(first.buffers) - 1
        op.inputs = [0, *(index + shift for index in op.inputs[1:])]
        op.outputs = [op.outputs[0] + shift]
        graph.tensors += other.tensors[1:]
        graph.operators.append(op)
        graph.outputs = op.outputs
        first.buffers += model.buffers[1:]
    return tflite.write(first)


def _model(op: Op) -> Any:
    factors = random_factors(op.structure, seed=0)
    factors.bias[:] *= BIAS / factors.bias.std()
    layer = quantized(factors, op.structure)
    options = replace(layer.options, return_sequences=op.return_sequences)
    model = tflite.read(layer_model(replace(layer, options=options), op.steps))
    if op.return_sequences:
        model.subgraphs[0].tensors[-1].shape = [1, op.steps, op.structure.units]
    return model


def main() -> None:
    """Measure all models."""
    models = [(gates, sizes, seed) for gates, sizes, count in MODELS for seed in range(count)]
    layers: list[dict[str, Any]] = []
    for model in tqdm(models, "simulate", unit="model"):
        layers += measure(random_ops(*model))
    flash = load_board(BOARD).flash
    assert flash is not None
    head = {
        "command": "python -m hmd_tflm.plan.measure",
        "board": BOARD,
        "flash": asdict(flash),
        "compiler": compiler(),
    }
    lines = ",\n".join(json.dumps(layer) for layer in layers)
    write_whole(FILE, f'{json.dumps(head)[:-1]}, "layers": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
