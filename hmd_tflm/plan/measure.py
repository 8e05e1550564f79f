"""Measures layers for the cost formula: ``python -m hmd_tflm.plan.measure`` writes layer_costs.json.

Many layers of random size and shape are the ops of one model, whose firmware is simulated. An op
reads what happens to lie in its input, since no kernel's time depends on the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from hmd_tflm import tflite
from hmd_tflm.benchmarks.budgets import compiler
from hmd_tflm.benchmarks.layer_model import layer_model, random_layer
from hmd_tflm.codegen import generate, model_io
from hmd_tflm.errors import UserError
from hmd_tflm.files import write_whole
from hmd_tflm.plan.cost import FILE, Op
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

BOARD = "nucleo_f446re"
OPS = 240
WEIGHTS = 60_000  # of the layers in one firmware: many, since each lays its code otherwise
KINDS = ("dense", "hmd", "hmd", "hmf", "hmf", "shared hmf", "lmf", "shared lmf")


def random_ops(seed: int = 0) -> Iterator[Op]:
    """Every kind of shape, in sizes from those of sensors to those of keyword spotting."""
    rng = np.random.default_rng(seed)
    count = 0
    while count < OPS:
        inputs, units = (round(2 ** rng.uniform(*powers)) for powers in ((1, 6.5), (3, 7)))
        steps, sequences = int(rng.integers(1, 9)), bool(rng.integers(2))
        factor, blocks, rank = rng.uniform(1.3, 6), 2 ** rng.integers(3), rng.integers(2, 17)
        with suppress(UserError):  # too small for the factor
            shape = _shape(KINDS[count % len(KINDS)], inputs, units, factor, int(blocks), int(rank))
            yield Op(shape, steps, sequences)
            count += 1


def _shape(kind: str, inputs: int, units: int, factor: float, blocks: int, rank: int) -> Structure:
    shared = kind.startswith("shared")
    match kind.removeprefix("shared "):
        case "dense":
            return Structure.dense(inputs, units)
        case "hmd":
            return Structure.hmd(inputs, units, factor, blocks=blocks)
        case "hmf":
            return Structure.hmf(inputs, units, factor, rank=rank, shared=shared)
    return Structure.lmf(inputs, units, factor, shared=shared)


def measure(ops: list[Op]) -> list[dict[str, Any]]:
    """The records of ops: their shape, their cycles, and the waits for the flash of `BOARD`."""
    content = ops_model(ops)
    x = np.zeros((1, model_io(content)[0].size), np.int8)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        report = simulate(generate(content, folder, "layers").parent, BOARD, x)
    return [
        asdict(op.structure)
        | {"steps": op.steps, "return_sequences": op.return_sequences}
        | {"cycles": int(cycles), "waits": int(waits)}
        for op, cycles, waits in zip(ops, report.cycles[0], report.waits[0], strict=True)
    ]


def ops_model(ops: list[Op]) -> bytes:
    """A `.tflite` of ops that do not read each other."""
    first, *others = map(_model, ops)
    (graph,) = first.subgraphs
    for model in others:
        (other,) = model.subgraphs
        (op,) = other.operators
        shift = len(graph.tensors)
        for tensor in other.tensors:
            tensor.buffer = tensor.buffer and tensor.buffer + len(first.buffers) - 1
        op.inputs, op.outputs = [i + shift for i in op.inputs], [i + shift for i in op.outputs]
        graph.tensors += other.tensors
        graph.operators.append(op)
        graph.outputs = op.outputs
        first.buffers += model.buffers[1:]
    return tflite.write(first)


def _model(op: Op) -> Any:
    lstm = random_layer(op.structure)
    options = replace(lstm.options, return_sequences=op.return_sequences)
    model = tflite.read(layer_model(replace(lstm, options=options), op.steps))
    if op.return_sequences:
        model.subgraphs[0].tensors[-1].shape = [1, op.steps, op.structure.units]
    return model


def main() -> None:
    """Measure all ops."""
    layers: list[dict[str, Any]] = []
    waiting: list[Op] = []
    for op in tqdm(list(random_ops()), "simulate", unit="layer"):
        waiting.append(op)
        if sum(one.structure.parameters for one in waiting) > WEIGHTS:
            layers += measure(waiting)
            waiting.clear()
    layers += measure(waiting) if waiting else []
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
