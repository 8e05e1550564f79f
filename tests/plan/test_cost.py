"""The cost formula against simulated layers that did not settle it."""

import numpy as np
import pytest

from hmd_tflm.plan.cost import PIECES, Op, measured
from hmd_tflm.plan.measure import measure
from hmd_tflm.plan.report import DOCUMENT, errors, held_out_errors, rendered
from hmd_tflm.structure import Structure


def test_half_of_the_layers_predicts_the_other() -> None:
    found = held_out_errors()
    assert np.abs(found["core"]).max() <= 0.02
    assert np.abs(found["total"]).max() <= 0.05


def test_every_piece_costs_something() -> None:
    core, waits = measured().of(gates=4)
    total = core + waits
    assert all(total > 0), [p for p, cycles in zip(PIECES, total, strict=True) if not cycles]


@pytest.mark.parametrize("gates", [4, 3])
def test_new_layers_in_the_emulator(gates: int, compiler) -> None:
    shapes = [
        Structure.dense(9, 19, gates=gates),
        Structure.hmd(9, 33, 3.0, gates=gates),
        Structure.hmf(9, 40, 2.0, rank=5, gates=gates),
        Structure.lmf(9, 35, 3.0, shared=True, gates=gates),
    ]
    ops = [Op(shape, 4, return_sequences=shape.shared) for shape in shapes]
    found = errors(measured(), measure(ops))
    assert np.abs(found["core"]).max() <= 0.02
    assert np.abs(found["total"]).max() <= 0.05


def test_the_document_has_the_measured_figures() -> None:
    text = DOCUMENT.read_text()
    assert rendered(text) == text
