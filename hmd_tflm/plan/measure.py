"""Measures layers for the cost formula: ``python -m hmd_tflm.plan.measure`` writes layer_costs.json.

Layers of random size and shape are the ops of one model, all with the same random input: waits for
the flash depend a little on the values, since these say where the table of sigmoids is read. There
are many models, since each lays its code and weights otherwise among the lines of the flash.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
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
MODELS = {4: 28, 3: 22}  # by gates: of LSTM layers, of GRU layers
BIAS = 2.0  # standard deviation, so that pre-activations vary as in trained layers
KINDS = ("dense", "hmd", "hmd", "hmf", "hmf", "shared hmf", "lmf", "shared lmf")


def random_ops(gates: int, seed: int) -> list[Op]:
    """One of every kind of shape, in sizes from those of sensors to those of keyword spotting."""
    rng = np.random.default_rng(seed)
    inputs, steps = _between(rng, 2, 90), int(rng.integers(1, 13))
    ops: list[Op] = []
    while len(ops) < len(KINDS):
        units, factor = _between(rng, 8, 128), rng.uniform(1.3, 6)
        blocks, rank = int(2 ** rng.integers(3)), int(rng.integers(2, 17))
        with suppress(UserError):  # too small for the factor
            shape = _shape(KINDS[len(ops)], inputs, units, gates, factor, blocks, rank)
            ops.append(Op(shape, steps, return_sequences=bool(rng.integers(2))))
    return ops


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
    models = [(gates, seed) for gates, count in MODELS.items() for seed in range(count)]
    layers: list[dict[str, Any]] = []
    for gates, seed in tqdm(models, "simulate", unit="model"):
        layers += measure(random_ops(gates, seed))
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
