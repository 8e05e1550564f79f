"""The cost formula against simulated layers that did not settle it."""

import json

import numpy as np
import pytest

from hmd_tflm.errors import UserError
from hmd_tflm.plan.cost import FILE, PIECES, Coefficients, Op, measured, read, work
from hmd_tflm.plan.measure import measure
from hmd_tflm.structure import Structure

RECORDS = json.loads(FILE.read_text())["layers"]


def errors(coefficients: Coefficients, records: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Relative, of the core's cycles, and of those with the waits for the flash."""
    found = [coefficients.cycles(read(record)) for record in records]
    core = np.array([r["cycles"] for r in records])
    total = core + [r["waits"] for r in records]
    return (
        np.array([f.core for f in found]) / core - 1,
        np.array([f.core + f.waits for f in found]) / total - 1,
    )


@pytest.mark.parametrize("half", [0, 1])
def test_half_of_the_layers_predicts_the_other(half: int) -> None:
    order = np.random.default_rng(0).permutation(len(RECORDS))
    fitted, held_out = ([RECORDS[i] for i in order[n::2]] for n in (half, 1 - half))
    core, total = errors(Coefficients(fitted), held_out)
    assert np.abs(core).max() <= 0.02
    assert np.abs(total).max() <= 0.06 and np.sqrt(np.mean(total**2)) <= 0.02


def test_every_piece_costs_something() -> None:
    core = measured().core
    assert all(core > 0), [p for p, cycles in zip(PIECES, core, strict=True) if not cycles]


def test_new_layers_in_the_emulator(compiler) -> None:
    ops = [
        Op(Structure.dense(5, 19), 3),
        Op(Structure.hmd(9, 33, 3.0), 4, True),
        Op(Structure.hmf(12, 40, 2.0, rank=5), 2),
        Op(Structure.lmf(21, 35, 3.0, shared=True), 3, True),
    ]
    core, total = errors(measured(), measure(ops))
    assert np.abs(core).max() <= 0.02
    assert np.abs(total).max() <= 0.06


def test_a_gru_is_refused() -> None:
    with pytest.raises(UserError, match="received a layer of 3 gates, expected an LSTM"):
        work(Op(Structure.dense(4, 8, gates=3), 2))
