"""What an inference costs, with pruned layers in the faster of the two forms that they have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hmd_tflm import tflite
from hmd_tflm.benchmarks.pruned import integer_cost
from hmd_tflm.benchmarks.pruned_layer import pack
from hmd_tflm.op.read import Layer, read_layers
from hmd_tflm.simulate.simulate import Report


@dataclass(frozen=True, slots=True)
class InferenceCost:
    """Of the whole network; cycles at zero wait states.

    Attributes:
        weights_bytes: constants of the recurrent layers, indices included.
    """

    instructions: int
    cycles: int
    weights_bytes: int


def inference_cost(content: bytes, report: Report, pruned: bool) -> InferenceCost:
    """The cost of a model that has been simulated.

    Args:
        content: the `.tflite`.
        report: of one inference of it.
        pruned: whether zeros among the weights of its recurrent layers may be left out: a layer
            then takes the sparse kernel where that is faster than the zeros.
    """
    layers = read_layers(tflite.read(content))
    total = InferenceCost(0, 0, 0)
    left = iter(layers)
    for name, instructions, cycles in zip(
        report.model.ops, report.instructions[0], report.cycles[0], strict=True
    ):
        op = InferenceCost(int(instructions), int(cycles), 0)
        if name.startswith("HMD_"):
            layer = next(left)
            op = replace(op, weights_bytes=layer.weights.nbytes + layer.table.nbytes)
            if pruned:
                op = min(op, _sparse(layer), key=lambda one: one.cycles)
        total = InferenceCost(
            total.instructions + op.instructions,
            total.cycles + op.cycles,
            total.weights_bytes + op.weights_bytes,
        )
    return total


def _sparse(layer: Layer) -> InferenceCost:
    plain = replace(layer.integers.options, return_sequences=False, go_backwards=False)
    integers = replace(layer.integers, options=replace(plain, input_order=False))
    measured = integer_cost(integers, layer.steps)
    stored = sum(array.nbytes for array in pack(integers))
    return InferenceCost(measured.instructions, measured.cycles, stored)
