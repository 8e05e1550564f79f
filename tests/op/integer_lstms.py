"""Random integer LSTMs that keep the bound on their sums (a hypothesis strategy)."""

import numpy as np
from hypothesis import strategies as st

from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.lstm import IntegerLSTM, Requantization
from hmd_tflm.op.options import Options
from hmd_tflm.structure import Structure

SIZES = st.one_of(st.sampled_from([1, 2, 3, 7, 8]), st.integers(1, 40))


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    inputs, units = draw(SIZES), draw(SIZES)
    return Structure(
        inputs,
        units,
        rows=draw(st.one_of(st.sampled_from([0, units]), st.integers(0, units))),
        blocks=draw(st.integers(1, min(5, (inputs + units) // 2))),
        rank=draw(st.sampled_from([1, 2, 3, 15])),
        shared=draw(st.booleans()),
    )


@st.composite
def options(draw: st.DrawFn) -> Options:
    shift = st.integers(0, 3)
    return Options(
        structure=draw(structures()),
        return_sequences=draw(st.booleans()),
        stateful=draw(st.booleans()),
        go_backwards=draw(st.booleans()),
        input_order=draw(st.booleans()),
        x_shift=draw(shift),
        h_shift=draw(shift),
        cell_shift=draw(st.integers(0, 7)),
        x_zero_point=draw(st.integers(-128, 127)),
        x_scale=float(np.float32(draw(st.floats(1e-3, 1.0)))),
    )


@st.composite
def integer_lstms(draw: st.DrawFn) -> IntegerLSTM:
    return random_lstm(draw(options()), draw(st.integers(0, 2**32 - 1)))


def random_lstm(chosen: Options, seed: int) -> IntegerLSTM:
    """Weights as large as the bound allows, multipliers that make the gates vary."""
    rng, s = np.random.default_rng(seed), chosen.structure
    rank = s.rank if s.lower else 0
    largest = 127
    while True:
        lstm = IntegerLSTM(
            chosen,
            _weights(rng, largest, s.gates, s.rows, s.columns),
            _weights(rng, largest, s.projection_sets, rank, s.columns),
            _weights(rng, largest, s.gates, s.lower, s.blocks, s.rank),
            _requantization(rng, s.gates, s.rows),
            _requantization(rng, s.projection_sets, s.blocks, s.rank),
            _requantization(rng, s.gates, s.lower),
        )
        try:
            check_bounds(lstm)
            return lstm
        except UserError:
            largest -= largest // 4 + 1


def _weights(rng: np.random.Generator, largest: int, *shape: int) -> np.ndarray:
    return rng.integers(-largest, largest + 1, shape).astype(np.int8)


def _requantization(rng: np.random.Generator, *shape: int) -> Requantization:
    multiplier = np.exp(rng.uniform(0, np.log(32767), shape)).astype(np.int16)
    return Requantization(multiplier, rng.integers(-(2**15), 2**15, shape).astype(np.int16))
