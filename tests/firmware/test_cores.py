"""The kernels of HMD_LSTM and HMD_GRU on each Cortex-M core against the NumPy reference, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cortex
import numpy as np
import pytest
import qemu
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_layers import integer_layers, random_layer
from limits import at_the_limit

from hmd_tflm.op.cells import CELLS, GRU, LSTM, Cell
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import Options
from hmd_tflm.op.reference import run, zero_state
from hmd_tflm.structure import Structure

pytestmark = qemu.needs_qemu
every_core = pytest.mark.parametrize("core", qemu.CORES)
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: cell.name)
Build = Callable[[str, Cell], cortex.Kernel]


@cache
def kernel(core: str, cell: Cell) -> cortex.Kernel:
    """As it is released."""
    return cortex.Kernel(core, cell)


@cache
def debug(core: str, cell: Cell) -> cortex.Kernel:
    """With asserts."""
    return cortex.Kernel(core, cell, flags=[])


@every_core
@settings(max_examples=120)
@given(integer_layers(), st.integers(1, 3), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_core_equals_reference(
    core: str, layer: IntegerLayer, batch: int, steps: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    expected_state, state = zero_state(layer, batch), zero_state(layer, batch)
    for _ in range(2):  # the second run begins with the first one's state
        x = rng.integers(-128, 128, (batch, steps, layer.options.structure.inputs)).astype(np.int8)
        expected = run(layer, x, expected_state)
        np.testing.assert_array_equal(
            kernel(core, layer.options.cell).run(layer, x, state), expected
        )
        if layer.options.stateful:
            for name, values in expected_state.items():
                np.testing.assert_array_equal(state[name], values)


SIZES = [
    Structure(450, 70, 40, blocks=4, rank=2),
    Structure(3, 260, 260),
    Structure(601, 7, 0, rank=7, shared=True),
    *(Structure(inputs, 17, 3) for inputs in range(1, 40)),  # every remainder of columns
    *(Structure(9, units, 0, rank=3, shared=True) for units in range(1, 9)),  # and of rows
    *(Structure(9, units, 0) for units in range(1, 9)),
    *(Structure(9, 5, 0, rank=rank) for rank in range(2, 8)),
]


@cache
def expected_at(cell: Cell, size: int) -> tuple[IntegerLayer, np.ndarray, np.ndarray]:
    """A layer, x and y."""
    structure = replace(SIZES[size], gates=cell.gates)
    layer = random_layer(Options(structure=structure, return_sequences=True), 0)
    x = np.random.default_rng(1).integers(-128, 128, (1, 5, SIZES[size].inputs)).astype(np.int8)
    return layer, x, run(layer, x)


@every_core
@every_cell
def test_other_sizes(core: str, cell: Cell) -> None:
    for size in range(len(SIZES)):
        layer, x, expected = expected_at(cell, size)
        y = kernel(core, layer.options.cell).run(layer, x, zero_state(layer, 1))
        np.testing.assert_array_equal(y, expected, str(SIZES[size]))


@every_core
@every_cell
@pytest.mark.parametrize("build", [kernel, debug])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("part", ["dense", "projection", "expansion"])
@pytest.mark.parametrize("shared", [False, True])
def test_sums_at_the_limit(
    core: str, cell: Cell, build: Build, sign: int, part: str, shared: bool
) -> None:
    layer, row, _ = at_the_limit(cell, part, shared)
    row *= sign
    x = np.full((1, 2, layer.options.structure.inputs), -128, np.int8)
    y = build(core, layer.options.cell).run(layer, x, zero_state(layer, 1))
    np.testing.assert_array_equal(y, run(layer, x))


@every_core
@every_cell
@pytest.mark.parametrize("part", ["dense", "projection", "expansion"])
def test_sums_beyond_the_limit_stop_debug_builds(core: str, cell: Cell, part: str) -> None:
    layer, row, column = at_the_limit(cell, part, False)
    row[column] = -row[column] - 1
    x = np.zeros((1, 1, layer.options.structure.inputs), np.int8)
    with pytest.raises(AssertionError, match="hmd_check_weights"):
        debug(core, cell).run(layer, x, zero_state(layer, 1))


@every_core
@pytest.mark.parametrize("build", [kernel, debug])
@pytest.mark.parametrize("sign", [-1, 1])
def test_cells_saturate(core: str, build: Build, sign: int) -> None:
    layer = random_layer(Options(structure=Structure(3, 5, 5), stateful=True), 0)
    layer.dense[...] = 0
    layer.dense_out.bias[...] = 32767
    layer.dense_out.bias[2] *= sign
    x = np.zeros((1, 12, 3), np.int8)
    expected_state, state = zero_state(layer, 1), zero_state(layer, 1)
    expected = run(layer, x, expected_state)
    assert (expected_state["c"] == (32767 if sign > 0 else -32768)).all()
    np.testing.assert_array_equal(build(core, layer.options.cell).run(layer, x, state), expected)
    np.testing.assert_array_equal(state["c"], expected_state["c"])


@every_core
@pytest.mark.parametrize("build", [kernel, debug])
@pytest.mark.parametrize("h", [-(2**15), 2**15 - 1])
@pytest.mark.parametrize("bias", [1 - 2**15, 2**15 - 1])
@pytest.mark.parametrize("h_shift", [0, 7])
def test_a_gru_at_the_ends_of_its_range(
    core: str, build: Build, h: int, bias: int, h_shift: int
) -> None:
    """Whatever state it is given, which no step could leave behind."""
    options = Options(structure=Structure(1, 6, 6, gates=3), stateful=True, h_shift=h_shift)
    layer = random_layer(options, 0)
    layer.dense_out.bias[:2] = bias
    layer.dense_out.bias[2] = -bias
    x = np.zeros((1, 1, 1), np.int8)
    expected_state, state = ({"h": np.full((1, 6), h, np.int16)} for _ in range(2))
    expected = run(layer, x, expected_state)
    np.testing.assert_array_equal(build(core, GRU).run(layer, x, state), expected)
    np.testing.assert_array_equal(state["h"], expected_state["h"])


@every_core
@every_cell
def test_stack(core: str, cell: Cell) -> None:
    """512 bytes."""
    structure = Structure(7, 11, 3, blocks=3, rank=3, gates=cell.gates)
    layer = random_layer(Options(structure=structure), 0)
    kernel(core, cell).run(layer, np.zeros((2, 3, 7), np.int8), zero_state(layer, 2))
    assert kernel(core, cell).program.stack_bytes <= 512


@pytest.mark.parametrize(("cell", "other", "flash"), [(LSTM, GRU, 4096), (GRU, LSTM, 4608)])
def test_flash(cell: Cell, other: Cell, flash: int) -> None:
    """Bytes with the table of the sigmoid, and nothing of the other op."""
    program = kernel("cortex-m4", cell).program
    assert program.flash_bytes <= flash
    assert not any(other.name.lower() in name for name in program.functions)
