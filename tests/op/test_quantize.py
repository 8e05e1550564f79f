"""Integers against the float layer that they stand for."""

from dataclasses import replace

import numpy as np
import pytest
from integer_layers import random_layer

from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.options import Options
from hmd_tflm.op.quantize import Factors, Observed, quantize
from hmd_tflm.op.reference import run, zero_state
from hmd_tflm.structure import Structure

LSTMS = [
    Structure.dense(9, 24),
    Structure.hmd(9, 24, 2.0),
    Structure.hmd(9, 24, 4.0, blocks=4),
    Structure.lmf(9, 24, 2.0),
    Structure.lmf(9, 24, 4.0, shared=True),
    Structure.hmf(9, 24, 2.0, rank=3),
    Structure(1, 1, 1),
    Structure(600, 8, 4),
]
GRUS = [replace(s, gates=3) for s in LSTMS]


def random_factors(s: Structure, seed: int = 0, size: float = 1.0) -> Factors:
    rng = np.random.default_rng(seed)
    rank = s.rank if s.lower else 0
    deviation = size / np.sqrt(s.columns)
    return Factors(
        rng.normal(0, deviation, (s.gates, s.rows, s.columns)),
        rng.normal(0, np.sqrt(deviation), (s.projection_sets, rank, s.columns)),
        rng.normal(0, np.sqrt(deviation / s.rank), (s.gates, s.lower, s.blocks, s.rank)),
        rng.normal(0, 0.3, (s.gates, s.units)),
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def float_layer(s: Structure, f: Factors, x: np.ndarray) -> tuple[np.ndarray, Observed]:
    """h of an LSTM or GRU in float64, and what calibration would have seen."""
    full = s.effective(f.dense, f.projection, f.expansion)
    h = c = np.zeros((len(x), s.units))
    outputs, vs, candidates, cells = [], [], [], []
    for step in range(x.shape[1]):
        v = candidate = np.concatenate([x[:, step], h], axis=1)
        pre = np.einsum("guc,nc->gnu", full, v) + f.bias[:, None]
        if s.gates == 4:
            i, forget, g, o = pre
            c = sigmoid(forget) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            z, r = sigmoid(pre[:2])
            candidate = np.concatenate([x[:, step], r * h], axis=1)
            h = z * h + (1 - z) * np.tanh(candidate @ full[2].T + f.bias[2])
        outputs.append(h)
        vs.append(v)
        candidates.append(candidate)
        cells.append(np.abs(c).max())
    v, candidate = np.concatenate(vs), np.concatenate(candidates)
    projected = np.zeros((s.projection_sets, s.blocks, s.rank))
    for j in range(s.blocks if s.lower else 0):
        block = slice(s.boundaries[j], s.boundaries[j + 1])
        of_v, of_candidate = (
            np.abs(f.projection[:, :, block] @ values[:, block].T).max(-1)
            for values in (v, candidate)
        )
        projected[:, j] = of_v
        last = projected[-1, j]
        last[...] = np.maximum(last, of_candidate[-1]) if s.shared else of_candidate[-1]
    power = np.square(v).mean(0)
    seen = Observed(power[: s.inputs], power[s.inputs :], projected, max(cells))
    return np.stack(outputs, axis=1), seen


@pytest.mark.parametrize("s", [*LSTMS, *GRUS], ids=str)
@pytest.mark.parametrize("scale", [1 / 255, 1 / 32, 1 / 4])
def test_integers_follow_the_float_layer(s: Structure, scale: float) -> None:
    rng = np.random.default_rng(1)
    integers = rng.integers(-128, 128, (16, 30, s.inputs)).astype(np.int8)
    chaos = 4 if s.gates == 4 else 2.5  # sizes of weights beyond which any small error grows
    factors = random_factors(s, size=min(1 / (64 * scale), chaos))
    options = Options(structure=s, return_sequences=True, x_scale=scale, x_zero_point=-5)
    expected, seen = float_layer(s, factors, (integers.astype(float) + 5) * scale)
    layer = quantize(factors, seen, options)
    check_bounds(layer)
    error = run(layer, integers) / 128 - expected
    # Rounding h to 1/128 alone makes 0.0023.
    assert np.sqrt(np.mean(np.square(error))) < 0.012
    assert expected.std() > 0.05


def test_x_and_h_share_the_int8_range() -> None:
    """Inputs of 4 and h of 1: without shifts h would keep 6 bits of its weights."""
    s = Structure.dense(10, 32)
    factors = random_factors(s)
    seen = Observed(np.full(10, 1.0), np.full(32, 0.2), np.zeros((4, 2, 1)), 3.0)
    lstm = quantize(factors, seen, Options(structure=s, x_scale=4 / 128))
    assert lstm.options.x_shift - lstm.options.h_shift == 2
    largest = np.abs(lstm.dense.astype(int))
    assert np.median(largest[:, :, :10].max(2)) > 60 and np.median(largest[:, :, 10:].max(2)) > 60


def test_a_large_cell_gets_a_coarser_scale() -> None:
    s = Structure.dense(2, 2)
    for cell, shift in ((1.0, 0), (6.3, 0), (6.5, 1), (50.0, 3)):
        seen = Observed(np.ones(2), np.ones(2), np.zeros((4, 2, 1)), cell)
        lstm = quantize(random_factors(s), seen, Options(structure=s, x_scale=0.01))
        assert lstm.options.cell_shift == shift


@pytest.mark.parametrize("part", ["dense", "projection", "expansion", "bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(part: str, value: float) -> None:
    s = Structure.hmd(5, 12, 2.0)
    factors = random_factors(s)
    getattr(factors, part).flat[0] = value
    _, seen = float_layer(s, random_factors(s), np.zeros((1, 1, 5)))
    with pytest.raises(UserError, match=f"{part} weights: received 1 NaN or infinite"):
        quantize(factors, seen, Options(structure=s, x_scale=0.01))


def test_weights_beyond_int8_say_what_to_do() -> None:
    s = Structure.dense(2, 2)
    factors = random_factors(s, size=1e6)
    seen = Observed(np.ones(2), np.ones(2), np.zeros((4, 2, 1)), 1.0)
    with pytest.raises(UserError, match="scale the inputs"):
        quantize(factors, seen, Options(structure=s, x_scale=1.0))


def test_a_gru_remembers_more_than_its_output_shows() -> None:
    """z near 1 for a hundred steps: a state of 8 bits would stand still."""
    s = Structure.dense(1, 1, gates=3)
    zeros = np.zeros((3, 0, 2)), np.zeros((3, 0, 2, 1))
    bias = np.array([[5.0], [0.0], [0.5]])
    factors = Factors(np.zeros((3, 1, 2)), *zeros, bias)
    options = Options(structure=s, return_sequences=True, x_scale=1.0)
    seen = Observed(np.ones(1), np.ones(1), np.zeros((3, 2, 1)))
    x = np.zeros((1, 100, 1), np.int8)
    expected, _ = float_layer(s, factors, x.astype(float))
    h = run(quantize(factors, seen, options), x) / 128
    assert expected[0, -1, 0] > 0.2
    assert np.abs(h - expected).max() < 0.01


@pytest.mark.parametrize("h", [-(2**15), -1, 0, 1, 2**15 - 1])
def test_a_gru_stays_between_h_and_the_candidate(h: int) -> None:
    """So that h needs no clamp: whatever state it is given, and whatever its gates say."""
    s = Structure.dense(1, 64, gates=3)
    layer = random_layer(Options(structure=s, stateful=True, x_scale=1.0), 0)
    state = zero_state(layer, 1)
    state["h"][...] = h
    rng = np.random.default_rng(0)
    for _ in range(100):
        before = state["h"].astype(int)
        run(layer, rng.integers(-128, 128, (1, 1, 1)).astype(np.int8), state)
        assert np.abs(state["h"].astype(int)).max() <= max(np.abs(before).max(), 2**15 - 22)
