"""Random integer layers that keep the bound on their sums (hypothesis strategies)."""

import numpy as np
from hypothesis import strategies as st

from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.cells import CELLS, Cell
from hmd_tflm.op.layer import IntegerLayer, Requantization
from hmd_tflm.op.options import Options
from hmd_tflm.structure import Structure

SIZES = st.one_of(st.sampled_from([1, 2, 3, 7, 8]), st.integers(1, 40))


@st.composite
def structures(draw: st.DrawFn, cell: Cell) -> Structure:
    inputs, units = draw(SIZES), draw(SIZES)
    return Structure(
        inputs,
        units,
        rows=draw(st.one_of(st.sampled_from([0, units]), st.integers(0, units))),
        blocks=draw(st.integers(1, min(5, (inputs + units) // 2))),
        rank=draw(st.sampled_from([1, 2, 3, 15])),
        shared=draw(st.booleans()),
        gates=cell.gates,
    )


@st.composite
def options(draw: st.DrawFn, *cells: Cell) -> Options:
    cell, shift = draw(st.sampled_from(cells or [*CELLS.values()])), st.integers(0, 3)
    return Options(
        structure=draw(structures(cell)),
        return_sequences=draw(st.booleans()),
        stateful=draw(st.booleans()),
        go_backwards=draw(st.booleans()),
        input_order=draw(st.booleans()),
        x_shift=draw(shift),
        h_shift=draw(shift),
        cell_shift=draw(st.integers(0, 7)) if "c" in cell.states else 0,
        x_zero_point=draw(st.integers(-128, 127)),
        x_scale=float(np.float32(draw(st.floats(1e-3, 1.0)))),
    )


@st.composite
def integer_layers(draw: st.DrawFn, *cells: Cell) -> IntegerLayer:
    """Of these cells, or of any."""
    return random_layer(draw(options(*cells)), draw(st.integers(0, 2**32 - 1)))


def random_layer(chosen: Options, seed: int) -> IntegerLayer:
    """Weights as large as the bound allows, multipliers that make the gates vary."""
    rng, s = np.random.default_rng(seed), chosen.structure
    rank = s.rank if s.lower else 0
    largest = 127
    while True:
        layer = IntegerLayer(
            chosen,
            _weights(rng, largest, s.gates, s.rows, s.columns),
            _weights(rng, largest, s.projection_sets, rank, s.columns),
            _weights(rng, largest, s.gates, s.lower, s.blocks, s.rank),
            _requantization(rng, s.gates, s.rows),
            _requantization(rng, s.projection_sets, s.blocks, s.rank),
            _requantization(rng, s.gates, s.lower),
        )
        try:
            check_bounds(layer)
            return layer
        except UserError:
            largest -= largest // 4 + 1


def _weights(rng: np.random.Generator, largest: int, *shape: int) -> np.ndarray:
    return rng.integers(-largest, largest + 1, shape).astype(np.int8)


def _requantization(rng: np.random.Generator, *shape: int) -> Requantization:
    multiplier = np.exp(rng.uniform(0, np.log(32767), shape)).astype(np.int16)
    return Requantization(multiplier, rng.integers(-(2**15), 2**15, shape).astype(np.int16))
