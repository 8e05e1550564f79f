"""The factors of a `Structure` that come closest to given gate matrices, and which units are rich.

A recurrent layer computes the same if its units are renumbered, so any of them may get the dense
rows. A unit deserves them if rows of low rank miss much of its rows, all gates taken together.
Choosing the units and fitting the rows of the others take turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

Floats = NDArray[np.float64]

TURNS = 20  # at most, of choosing and fitting; two or three are usual
SWEEPS = 3  # over column blocks whose inputs are correlated
RIDGE = 1e-4  # of the mean square of v, so that a column without input still has a best weight


@dataclass(frozen=True, slots=True)
class Approximation:
    """Factors near given matrices.

    Attributes:
        order: the given unit that each unit was, ``[units]``; the columns of h follow it.
        dense, projection, expansion: shapes as in `Structure.effective`.
        error: sum over gates and units of the squared difference: of the elements of a row, or
            of its product with v where a `moment` was given.
    """

    order: NDArray[np.intp]
    dense: Floats
    projection: Floats
    expansion: Floats
    error: float


def approximate(
    weights: NDArray[np.floating], structure: Structure, moment: NDArray[np.floating] | None = None
) -> Approximation:
    """Choose the rich units and fit the rows of low rank.

    The fit is the best there is (Eckart & Young 1936), except for several blocks with a `moment`,
    which are fitted in turns. The choice of units is a local optimum.

    Args:
        weights: of the gates, ``[gates, units, columns]``, the columns those of ``v = [x | h]``.
        structure: what is wanted.
        moment: the mean of ``v v^T``, ``[columns, columns]``. With it, differences count by
            what they add to the pre-activations; without, every element counts alike.

    Raises:
        UserError: an array has another shape, or holds NaN or infinite values.
    """
    s = structure
    _check("weights", weights, (s.gates, s.units, s.columns))
    power = np.eye(s.columns)
    if moment is not None:
        _check("moment", moment, (s.columns, s.columns))
        power = moment + (RIDGE * np.trace(moment) / s.columns or 1.0) * power
    problem = _Problem(weights.astype(np.float64), power, s)
    if s.rows in (0, s.units):
        return problem.fit(np.arange(s.units))
    # Units taken one by one, and all at once, start at different optima; which is better varies
    found = [problem.settle(problem.start(step)) for step in (1, s.rows)]
    return min(found, key=lambda approximation: approximation.error)


@dataclass(frozen=True, slots=True)
class _Problem:
    """Matrices ``[gates, units, columns]``, what each pair of columns counts, and the structure."""

    weights: Floats
    power: Floats
    structure: Structure

    def arranged(self, order: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Weights and power with renumbered units."""
        columns = np.concatenate([np.arange(self.structure.inputs), self.structure.inputs + order])
        return self.weights[:, order][:, :, columns], self.power[np.ix_(columns, columns)]

    def fit(self, order: NDArray[np.intp]) -> Approximation:
        """The best factors for one numbering of the units."""
        s = self.structure
        weights, power = self.arranged(order)
        lower = weights[:, s.rows :]
        stacked = lower.reshape(s.projection_sets, -1, s.columns)
        rank = s.rank if s.lower else 0
        projection = np.zeros((s.projection_sets, rank, s.columns))
        expansion = np.zeros((s.projection_sets, stacked.shape[1], s.blocks, s.rank))
        left = stacked.copy()
        blocks = [slice(*edges) for edges in pairwise(s.boundaries)] if s.lower else []
        for j, block in [*enumerate(blocks)] * (1 if s.blocks == 1 else SWEEPS):
            left[:, :, block] = stacked[:, :, block]
            # What this block should be, given the others: a regression of what is left on its v
            target = _solve_right(left @ power[:, block], power[block, block])
            expansion[:, :, j], projection[:, :, block] = _low_rank(
                target, power[block, block], s.rank
            )
            left[:, :, block] -= expansion[:, :, j] @ projection[:, :, block]
        return Approximation(
            order,
            weights[:, : s.rows],
            projection,
            expansion.reshape(s.gates, s.lower, s.blocks, s.rank),
            float(_squares(left, power).sum()),
        )

    def start(self, step: int) -> NDArray[np.intp]:
        """An order: `step` more units are chosen at a time, and the others fitted anew."""
        s, order = self.structure, np.arange(self.structure.units)
        for rows in range(0, s.rows, step):
            some = replace(self, structure=replace(s, rows=rows))
            order = some.choose(some.fit(order), min(rows + step, s.rows))
        return order

    def settle(self, order: NDArray[np.intp]) -> Approximation:
        """Fit and choose in turns until the error falls no more."""
        best = self.fit(order)
        for _ in range(TURNS):
            again = self.fit(self.choose(best, self.structure.rows))
            if again.error >= best.error:
                break
            best = again
        return best

    def choose(self, fitted: Approximation, rows: int) -> NDArray[np.intp]:
        """The order with those units first whose rows the fitted projections serve worst."""
        s = self.structure
        weights, power = self.arranged(fitted.order)
        blocks = np.zeros((s.projection_sets, s.blocks, s.rank, s.columns))
        for j, (begin, end) in enumerate(pairwise(s.boundaries)):
            blocks[:, j, :, begin:end] = fitted.projection[:, :, begin:end]
        projection = blocks.reshape(s.projection_sets, -1, s.columns)
        across = power @ projection.swapaxes(1, 2)
        inverse = np.linalg.pinv(projection @ across, hermitian=True)
        missed = _squares(weights - weights @ across @ inverse @ projection, power).sum(0)
        worst_first = fitted.order[np.argsort(-missed, kind="stable")]
        return np.concatenate([np.sort(worst_first[:rows]), np.sort(worst_first[rows:])])


def _low_rank(target: Floats, power: Floats, rank: int) -> tuple[Floats, Floats]:
    """Factors ``[..., rows, rank]`` and ``[..., rank, columns]`` of the nearest low-rank matrix.

    Each column of the one is as long as the row of the other, so that both learn at one pace.
    """
    root = np.linalg.cholesky(power)
    left, values, right = np.linalg.svd(target @ root, full_matrices=False)
    kept = min(rank, values.shape[-1])
    projection = _solve_right(right[..., :kept, :], root)
    expansion = left[..., :kept] * values[..., None, :kept]
    lengths = np.linalg.norm(projection, axis=-1)
    balance = np.sqrt(np.linalg.norm(expansion, axis=-2) / lengths)
    expansion = expansion / np.where(balance > 0, balance, 1)[..., None, :]
    projection = projection * balance[..., None]
    missing = [(0, 0)] * (target.ndim - 2)
    return (
        np.pad(expansion, [*missing, (0, 0), (0, rank - kept)]),
        np.pad(projection, [*missing, (0, rank - kept), (0, 0)]),
    )


def _solve_right(rows: Floats, matrix: Floats) -> Floats:
    """``rows @ inverse(matrix)``."""
    return np.linalg.solve(matrix.T, rows.swapaxes(-1, -2)).swapaxes(-1, -2)


def _squares(rows: Floats, power: Floats) -> Floats:
    """Of each row, its product with v squared, in the mean."""
    return np.einsum("...i,...i->...", rows @ power, rows)


def _check(name: str, array: NDArray[np.floating], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise UserError(f"{name}: received shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise UserError(f"{name}: received NaN or infinite values, expected finite ones")
