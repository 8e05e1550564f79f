"""Cycles of one HMD op on a Cortex-M4, by a formula whose coefficients are measured.

The formula counts what the kernels of firmware/lib/hmd_nn do (lstm.c, gru.c, gates.h,
matvec_dsp.S): how often each of their pieces of code runs is known from the shape alone. What one
pass of a piece costs is fitted to layers that were simulated (`hmd_tflm.plan.measure`): for LSTM
and GRU apart, for the core alone and for what it waits for its flash.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import cell_of
from hmd_tflm.simulate.board import Board, Flash
from hmd_tflm.simulate.session import MODELLED_CPU
from hmd_tflm.structure import Structure

FILE = Path(__file__).with_name("layer_costs.json")
PIECES = (
    "inference",
    "unit of an inference",
    "step",
    "four inputs",
    "input",
    "unit",
    "returned step",
    "four returned units",
    "returned unit",
    "factored step",
    "dense product",
    "projection",
    "expansion",
    "product of groups",
    "group",
    "four columns of a group",
    "round of a group",
    "group of two columns",
    "two rows",
    "two columns of two rows",
)


@dataclass(frozen=True, slots=True)
class Op:
    """An HMD_LSTM or HMD_GRU op as its cost depends on it."""

    structure: Structure
    steps: int
    return_sequences: bool = False


@dataclass(frozen=True, slots=True)
class Cycles:
    """Of one inference: what the core executes, and what it waits for a flash of 5 wait states."""

    core: float
    waits: float


def work(op: Op) -> Counter[str]:
    """How often each of `PIECES` runs in one inference."""
    s = op.structure
    each_step = Counter(
        {
            "step": 1,
            "four inputs": s.inputs // 4,
            "input": s.inputs % 4,
            "unit": s.units,
            "returned step": op.return_sequences,
            "four returned units": op.return_sequences * (s.units // 4),
            "returned unit": op.return_sequences * (s.units % 4),
            "factored step": s.lower > 0,
        }
    )
    for phase in cell_of(s.gates).phases:
        each_step.update(_phase(s, len(phase)))
    total = Counter({piece: op.steps * count for piece, count in each_step.items()})
    total.update({"inference": 1, "unit of an inference": s.units})
    return total


def _phase(s: Structure, gates: int) -> Counter[str]:
    """The products of gates that are computed together (gates.h)."""
    counts: Counter[str] = Counter()
    if s.rows:
        counts.update(_product("dense product", gates * s.rows, s.columns))
    if s.lower:
        sets = 1 if s.shared else gates
        together = 1 if sets == 2 and s.rank > 1 else sets
        for begin, end in pairwise(s.boundaries):
            for _ in range(0, sets, together):
                counts.update(_product("projection", together * s.rank, end - begin))
        for _ in range(sets):
            counts.update(_product("expansion", s.lower * gates // sets, s.projections))
    return counts


def _product(kind: str, rows: int, columns: int) -> Counter[str]:
    """One call of hmd_matvec: groups of four rows, then one or two rows; three are a group."""
    groups, left = divmod(rows, 4)
    pairs = (columns + 1) // 2
    blocks = pairs // 2  # of four columns, eight in a round of the loop
    counts = Counter({kind: 1, "product of groups": rows > 2})
    if pairs == 1 and kind != "projection":
        counts["group of two columns"], groups = groups, 0
    if left == 3:
        groups += 1
    elif left:
        counts.update({"two rows": 1, "two columns of two rows": pairs})
    counts.update(
        {
            "group": groups,
            "four columns of a group": groups * blocks,
            "round of a group": groups * -(-blocks // 8),
        }
    )
    return counts


class Coefficients:
    """Cycles that one pass of each piece costs, as fitted to measured layers.

    Args:
        records: of `hmd_tflm.plan.measure`.
    """

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self._of = {
            gates: _fit([record for record in records if record["gates"] == gates])
            for gates in {record["gates"] for record in records}
        }

    def of(self, gates: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cycles and waits for the flash, in the order of `PIECES`."""
        return self._of[gates]

    def cycles(self, op: Op) -> Cycles:
        """Of one inference."""
        core, waits = self.of(op.structure.gates)
        (counts,) = _matrix([op])
        return Cycles(float(counts @ core), float(counts @ waits))


@cache
def measured() -> Coefficients:
    """Those of the layers in layer_costs.json."""
    return Coefficients(_measurements()["layers"])


def check_board(board: Board) -> None:
    """Raise UserError unless the cycles on a board can be predicted."""
    if board.cpu != MODELLED_CPU:
        raise UserError(
            f"board {board.name}: has a {board.cpu}, but cycles are modelled for {MODELLED_CPU} "
            "only; give a board with that"
        )
    known = Flash(**_measurements()["flash"])
    if board.flash not in (None, known):
        raise UserError(
            f"board {board.name}: received {board.flash}, expected {known}, the flash "
            "whose waits were measured; measure its own with python -m hmd_tflm.plan.measure"
        )


@cache
def _measurements() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def read(record: dict[str, Any]) -> Op:
    """The op of a measured record."""
    shape = {field.name: record[field.name] for field in fields(Structure) if field.name in record}
    return Op(Structure(**shape), record["steps"], record["return_sequences"])


def _matrix(ops: Iterable[Op]) -> NDArray[np.float64]:
    return np.array([[work(op)[piece] for piece in PIECES] for op in ops], float)


def _fit(records: Sequence[dict[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares of the error relative to all cycles, no coefficient below zero."""
    counts = _matrix(read(record) for record in records)
    core, waits = np.array([(r["cycles"], r["waits"]) for r in records], float).T
    total = core + waits
    fitted = [nnls(counts / total[:, None], spent / total)[0] for spent in (core, waits)]
    return fitted[0], fitted[1]
