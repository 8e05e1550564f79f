"""The cost formula against simulated layers that did not settle it."""

import numpy as np
import pytest

from hmd_tflm.plan.cost import PIECES, Op, measured
from hmd_tflm.plan.measure import measure
from hmd_tflm.plan.report import DOCUMENT, errors, held_out_errors, rendered
from hmd_tflm.structure import Structure


def test_three_quarters_of_the_layers_predict_the_fourth() -> None:
    found = held_out_errors()
    assert np.abs(found["core"]).max() <= 0.02
    assert np.abs(found["total"]).max() <= 0.05


def test_every_piece_costs_something() -> None:
    core, waits = measured().of(gates=4)
    total = core + waits
    assert all(total > 0), [p for p, cycles in zip(PIECES, total, strict=True) if not cycles]


def usual(gates: int) -> list[Op]:
    shapes = [
        Structure.dense(9, 19, gates=gates),
        Structure.hmd(9, 33, 3.0, gates=gates),
        Structure.hmf(9, 40, 2.0, rank=5, gates=gates),
        Structure.lmf(9, 35, 3.0, shared=True, gates=gates),
    ]
    return [Op(shape, 4, return_sequences=shape.shared) for shape in shapes]


def small(gates: int) -> list[Op]:
    """Of few units and many steps: waits for the flash once were predicted 6 to 12 % too high."""
    shapes = [
        *(Structure.dense(3, units, gates=gates) for units in (4, 5, 8)),
        Structure.hmd(3, 8, 1.5, gates=gates),
        Structure.lmf(3, 10, 2.0, shared=True, gates=gates),
    ]
    return [Op(shape, 60, return_sequences=shape.shared) for shape in shapes]


@pytest.mark.parametrize("gates", [4, 3])
@pytest.mark.parametrize("sizes", [usual, small])
def test_new_layers_in_the_emulator(sizes, gates: int, compiler) -> None:
    found = errors(measured(), measure(sizes(gates)))
    assert np.abs(found["core"]).max() <= 0.02
    assert np.abs(found["total"]).max() <= 0.05


def test_the_document_has_the_measured_figures() -> None:
    text = DOCUMENT.read_text()
    assert rendered(text) == text
