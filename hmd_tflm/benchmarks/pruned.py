"""What a pruned LSTM or GRU costs on a Cortex-M4."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.benchmarks.cost import Cost, cost
from hmd_tflm.benchmarks.layer_model import quantized, random_factors, random_input
from hmd_tflm.benchmarks.pruned_layer import prune, write_source
from hmd_tflm.errors import UserError
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.reference import run
from hmd_tflm.structure import Structure


def pruned_cost(
    inputs: int,
    units: int,
    steps: int,
    weights: NDArray[np.floating] | float,
    *,
    gates: int = 4,
    seed: int = 0,
) -> Cost:
    """Build the peer for some weights, run one inference, check its output.

    The cost depends on where the weights stand, on their values only as far as they round to zero.

    Args:
        inputs, units, steps: of the layer; it begins with zero state and returns its last output.
        weights: float ``[gates, units, inputs + units]``, zero where pruned, as
            `hmd_tflm.benchmarks.pruned_layer.from_keras` gives it; or the share of random weights
            to keep, 0..1, of the largest magnitudes.
        gates: 4 of an LSTM, 3 of a GRU.
        seed: of random weights, biases and inputs.

    Raises:
        UserError: weights of another shape, a share outside 0..1, a missing tool.
        FirmwareError: the firmware failed, or its output is not that of the NumPy reference.

    Example:
        >>> pruned_cost(10, 118, 49, from_keras(*layer.get_weights()[:2])).cycles
    """
    s = Structure.dense(inputs, units, gates=gates)
    factors = random_factors(s, seed)
    if isinstance(weights, int | float):
        if not 0 <= weights <= 1:
            raise UserError(f"share of weights to keep: received {weights:g}, expected 0..1")
        weights = prune(factors.dense, round(weights * factors.dense.size))
    elif weights.shape != factors.dense.shape:
        raise UserError(f"weights: received {weights.shape}, expected {factors.dense.shape}")
    layer = quantized(replace(factors, dense=np.asarray(weights, float)), s)
    return integer_cost(layer, steps, seed)


def integer_cost(layer: IntegerLayer, steps: int, seed: int = 0) -> Cost:
    """As `pruned_cost`, of a layer of dense rows in integers, with its zeros left out."""
    x = random_input(layer.options.structure, steps, seed)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        write_source(layer, steps, Path(folder))
        return cost(Path(folder), x, run(layer, x))
