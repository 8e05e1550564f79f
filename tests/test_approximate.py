"""Approximations of given matrices, against singular values and exhaustive search."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmd_tflm.approximate import approximate
from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

INPUTS, UNITS = 5, 8
COLUMNS = INPUTS + UNITS


def random_weights(seed: int = 0, gates: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(gates, UNITS, COLUMNS))


def random_moment(seed: int = 0) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=(200, 4)) @ np.random.default_rng(1).normal(
        size=(4, COLUMNS)
    )
    v += 0.1 * np.random.default_rng(2).normal(size=v.shape) + 0.3
    return v.T @ v / len(v)


def reordered(weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    columns = np.concatenate([np.arange(INPUTS), INPUTS + order])
    return weights[:, order][:, :, columns]


def tail(matrix: np.ndarray, rank: int) -> float:
    return float(np.square(np.linalg.svd(matrix, compute_uv=False)[rank:]).sum())


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    return Structure(
        INPUTS,
        UNITS,
        rows=draw(st.integers(0, UNITS)),
        blocks=draw(st.integers(1, 4)),
        rank=draw(st.integers(1, 9)),
        shared=draw(st.booleans()),
        gates=draw(st.sampled_from([3, 4])),
    )


@settings(max_examples=50)
@given(structures(), st.booleans())
def test_the_error_is_that_of_the_factors(s: Structure, weighted: bool) -> None:
    weights = random_weights(gates=s.gates)
    moment = random_moment() if weighted else None
    found = approximate(weights, s, moment)
    assert sorted(found.order) == list(range(UNITS))
    wanted = reordered(weights, found.order)
    full = s.effective(found.dense, found.projection, found.expansion)
    np.testing.assert_array_equal(full[:, : s.rows], wanted[:, : s.rows])
    power = np.eye(COLUMNS) if moment is None else moment
    columns = np.concatenate([np.arange(INPUTS), INPUTS + found.order])
    left = wanted - full
    error = np.einsum("gui,ij,guj->", left, power[np.ix_(columns, columns)], left)
    assert found.error == pytest.approx(error, rel=0.05 if weighted else 1e-9, abs=1e-9)


@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("shared", [False, True])
def test_without_dense_rows_the_error_is_the_tail_of_singular_values(
    blocks: int, rank: int, shared: bool
) -> None:
    s, weights = Structure(INPUTS, UNITS, 0, blocks, rank, shared), random_weights()
    matrices = [weights.reshape(-1, COLUMNS)] if shared else list(weights)
    expected = sum(
        tail(matrix[:, begin:end], rank)
        for matrix in matrices
        for begin, end in pairwise(s.boundaries)
    )
    found = approximate(weights, s)
    assert found.error == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(found.order, np.arange(UNITS))


def test_with_a_moment_the_error_is_the_tail_of_the_whitened_matrix() -> None:
    s, weights, moment = Structure.lmf(INPUTS, UNITS, 1.5), random_weights(), random_moment()
    root = np.linalg.cholesky(moment + 1e-4 * np.trace(moment) / COLUMNS * np.eye(COLUMNS))
    expected = sum(tail(matrix @ root, s.rank) for matrix in weights)
    assert approximate(weights, s, moment).error == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("blocks", [2, 3])
@pytest.mark.parametrize("shared", [False, True])
def test_correlated_blocks_are_fitted_together(blocks: int, shared: bool) -> None:
    """Blocks fitted apart leave what their inputs have in common twice."""
    s = Structure(INPUTS, UNITS, 0, blocks, 1, shared)
    weights, moment = random_weights(), random_moment()
    apart = approximate(weights, s)
    left = weights - s.effective(apart.dense, apart.projection, apart.expansion)
    error_apart = np.einsum("gui,ij,guj->", left, moment, left)
    together = approximate(weights, s, moment)
    assert together.error < 0.8 * error_apart


def test_dense_rows_only_are_exact() -> None:
    weights = random_weights()
    found = approximate(weights, Structure.dense(INPUTS, UNITS))
    np.testing.assert_array_equal(found.dense, weights)
    assert found.error == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("blocks", [1, 2])
def test_the_chosen_units_beat_a_random_choice(blocks: int, weighted: bool) -> None:
    """Each choice of three of eight units, for ten matrices: 0 is their mean, 1 the best."""
    s, moment = Structure(INPUTS, UNITS, 3, blocks, 1), random_moment() if weighted else None
    gains = []
    for seed in range(10):
        weights = random_weights(seed) * np.random.default_rng(seed).uniform(0.5, 2, (1, UNITS, 1))
        errors = []
        for rich in combinations(range(UNITS), 3):
            order = np.array([*rich, *sorted(set(range(UNITS)) - set(rich))])
            errors.append(fixed_order_error(weights, order, s, moment))
        found = approximate(weights, s, moment).error
        gains.append((np.mean(errors) - found) / (np.mean(errors) - min(errors)))
    assert np.mean(gains) > 0.5 and min(gains) > 0


def fixed_order_error(
    weights: np.ndarray, order: np.ndarray, s: Structure, moment: np.ndarray | None
) -> float:
    """Without a choice: the lower rows alone, as a layer of their own."""
    wanted = reordered(weights, order)[:, s.rows :]
    columns = np.concatenate([np.arange(INPUTS), INPUTS + order])
    alone = Structure(COLUMNS - s.lower, s.lower, 0, s.blocks, s.rank, s.shared)
    power = None if moment is None else moment[np.ix_(columns, columns)]
    return approximate(wanted, alone, power).error


def test_units_that_no_low_rank_serves_become_rich() -> None:
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(4, UNITS, 1)) * rng.normal(size=(4, 1, COLUMNS))
    rich = [1, 4, 6]
    weights[:, rich] += 3 * rng.normal(size=(4, 3, COLUMNS))
    found = approximate(weights, Structure(INPUTS, UNITS, 3, blocks=1))
    assert sorted(found.order[:3]) == rich
    assert found.error < 1e-20


def test_both_factors_are_as_long() -> None:
    found = approximate(random_weights(), Structure(INPUTS, UNITS, 0, blocks=1, rank=3))
    np.testing.assert_allclose(
        np.linalg.norm(found.projection, axis=2), np.linalg.norm(found.expansion[:, :, 0], axis=1)
    )


def test_bad_arrays_are_refused() -> None:
    s = Structure.dense(INPUTS, UNITS)
    with pytest.raises(UserError, match=r"weights: received shape \(3, 8, 13\), expected \(4, 8"):
        approximate(random_weights(gates=3), s)
    with pytest.raises(UserError, match=r"moment: received shape \(2, 2\), expected \(13, 13\)"):
        approximate(random_weights(), s, np.eye(2))
    with pytest.raises(UserError, match="weights: received NaN"):
        approximate(random_weights() * np.nan, s)
