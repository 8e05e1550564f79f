"""The matrix shape against its definition, multiplied out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm.structure import Structure


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    inputs, units = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    return Structure(
        inputs,
        units,
        rows=draw(st.integers(0, units)),
        blocks=draw(st.integers(1, (inputs + units) // 2)),
        rank=draw(st.integers(1, 4)),
        shared=draw(st.booleans()),
    )


def factors(s: Structure, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rank = s.rank if s.lower else 0
    return (
        rng.normal(size=(s.gates, s.rows, s.columns)),
        rng.normal(size=(s.projection_sets, rank, s.columns)),
        rng.normal(size=(s.gates, s.lower, s.blocks, s.rank)),
    )


@given(structures())
def test_parameters_count_the_factors(s: Structure) -> None:
    assert s.parameters == sum(f.size for f in factors(s))


@given(structures())
def test_effective_matrix_is_the_definition(s: Structure) -> None:
    dense, projection, expansion = factors(s)
    v = np.random.default_rng(1).normal(size=s.columns)
    product = s.effective(dense, projection, expansion) @ v
    np.testing.assert_allclose(product[:, : s.rows], dense @ v)
    for gate in range(s.gates if s.lower else 0):
        c = projection[0 if s.shared else gate]
        for u in range(s.lower):
            y = 0.0
            for j in range(s.blocks):
                block = slice(s.boundaries[j], s.boundaries[j + 1])
                y += expansion[gate, u, j] @ (c[:, block] @ v[block])
            np.testing.assert_allclose(product[gate, s.rows + u], y)


@given(structures())
def test_blocks_are_even_and_nearly_equal(s: Structure) -> None:
    edges = s.boundaries
    sizes = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == s.columns
    assert all(e % 2 == 0 for e in edges[:-1])
    assert sizes.min() >= 1 and sizes.max() - sizes.min() <= 3


def test_rows_follow_the_closed_form() -> None:
    m, n, k = 118, 128, 2
    for factor in (2.0, 2.5, 3.3, 4.0):
        expected = int((m * n / factor - n - k * m) / (n - k))
        assert Structure.hmd(10, 118, factor).rows == expected


def test_named_constructors() -> None:
    assert Structure.dense(10, 118).compression == 1
    lmf = Structure.lmf(10, 118, 2.0)
    assert (lmf.rows, lmf.blocks, lmf.rank) == (0, 1, int(118 * 128 / 2 / 246))
    assert Structure.lmf(10, 118, 4.0, shared=True).rank > Structure.lmf(10, 118, 4.0).rank
    assert Structure.hmf(10, 118, 4.0, rank=8).rows > 0


def test_unreachable_compression_names_the_range() -> None:
    with pytest.raises(ValueError, match=r"received 400, expected 1 to \d+"):
        Structure.hmd(10, 118, 400.0)
    with pytest.raises(ValueError, match="received nan"):
        Structure.hmd(10, 118, float("nan"))


@pytest.mark.parametrize("compression", ["4", None])
def test_a_compression_that_is_no_number(compression) -> None:
    for make in (Structure.hmd, Structure.lmf):
        with pytest.raises(ValueError, match=f"received {compression!r}, expected a number of 1"):
            make(10, 118, compression)


def test_one_unit_has_no_smaller_factors() -> None:
    assert Structure.hmd(5, 1, 1.0).rows == 1
    for make in (Structure.hmd, Structure.lmf):
        with pytest.raises(ValueError, match=r"received 1.2, but .* units=1 .* than a dense layer"):
            make(5, 1, 1.2)
