"""A pruned layer's cost is that of the faster form, whichever cell it has."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm.benchmarks.layer_model import layer_model, quantized, random_factors, random_input
from hmd_tflm.benchmarks.paper.cost import inference_cost
from hmd_tflm.benchmarks.pruned import integer_cost
from hmd_tflm.benchmarks.pruned_layer import prune
from hmd_tflm.codegen import generate
from hmd_tflm.op.cells import GRU, LSTM, Cell
from hmd_tflm.op.packing import pack
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

STEPS = 2


@pytest.mark.parametrize(("cell", "density"), [(LSTM, 0.1), (GRU, 0.1), (GRU, 0.9)])
def test_a_pruned_layer_has_its_faster_form(
    compiler, cell: Cell, density: float, tmp_path: Path
) -> None:
    s = Structure.dense(6, 24, gates=cell.gates)
    factors = random_factors(s, 0)
    weights = prune(factors.dense, round(density * factors.dense.size))
    layer = quantized(replace(factors, dense=weights), s)
    content = layer_model(layer, STEPS)
    source = generate(content, tmp_path, "layer").parent
    report = simulate(source, "disco_f407vg", random_input(s, STEPS), wait_states=0)
    in_place, spent = (inference_cost(content, report, pruned) for pruned in (False, True))
    assert in_place.cycles == int(report.cycles[0].sum())
    assert in_place.weights_bytes == sum(array.nbytes for array in pack(layer))
    sparse = integer_cost(layer, STEPS)
    if density > 0.5:
        assert spent == in_place and sparse.cycles > in_place.cycles
    else:
        assert (spent.cycles, spent.instructions) == (sparse.cycles, sparse.instructions)
        weights_and_columns = 2 * np.count_nonzero(layer.dense)
        assert weights_and_columns < spent.weights_bytes < in_place.weights_bytes
        assert spent.cycles < in_place.cycles
