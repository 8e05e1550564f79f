"""The kernel of HMD_LSTM on each Cortex-M core against the NumPy reference, bit for bit."""

from collections.abc import Callable
from functools import cache

import cortex
import numpy as np
import pytest
import qemu
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_lstms import integer_lstms, random_lstm
from limits import at_the_limit

from hmd_tflm.op.lstm import IntegerLSTM
from hmd_tflm.op.options import Options
from hmd_tflm.op.reference import State, run
from hmd_tflm.structure import Structure

pytestmark = qemu.needs_qemu
every_core = pytest.mark.parametrize("core", qemu.CORES)
Build = Callable[[str], cortex.Kernel]


@cache
def kernel(core: str) -> cortex.Kernel:
    """As it is released."""
    return cortex.Kernel(core)


@cache
def debug(core: str) -> cortex.Kernel:
    """With asserts."""
    return cortex.Kernel(core, flags=[])


@every_core
@settings(max_examples=60, deadline=None)
@given(integer_lstms(), st.integers(1, 3), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_core_equals_reference(
    core: str, lstm: IntegerLSTM, batch: int, steps: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    expected_state, state = State.zeros(lstm, batch), State.zeros(lstm, batch)
    for _ in range(2):  # the second run begins with the first one's state
        x = rng.integers(-128, 128, (batch, steps, lstm.options.structure.inputs)).astype(np.int8)
        expected = run(lstm, x, expected_state)
        np.testing.assert_array_equal(kernel(core).run(lstm, x, state), expected)
        if lstm.options.stateful:
            np.testing.assert_array_equal(state.h, expected_state.h)
            np.testing.assert_array_equal(state.c, expected_state.c)


SIZES = [
    Structure(450, 70, 40, blocks=4, rank=2),
    Structure(3, 260, 260),
    Structure(601, 7, 0, rank=7, shared=True),
    *(Structure(inputs, 17, 3) for inputs in range(1, 40)),  # every remainder of columns
    *(Structure(9, units, 0, rank=3, shared=True) for units in range(1, 9)),  # and of rows
    *(Structure(9, units, 0) for units in range(1, 9)),
]


@cache
def expected_at(size: int) -> tuple[IntegerLSTM, np.ndarray, np.ndarray]:
    """A layer, x and y."""
    lstm = random_lstm(Options(structure=SIZES[size], return_sequences=True), 0)
    x = np.random.default_rng(1).integers(-128, 128, (1, 5, SIZES[size].inputs)).astype(np.int8)
    return lstm, x, run(lstm, x)


@every_core
def test_other_sizes(core: str) -> None:
    for size in range(len(SIZES)):
        lstm, x, expected = expected_at(size)
        y = kernel(core).run(lstm, x, State.zeros(lstm, 1))
        np.testing.assert_array_equal(y, expected, str(SIZES[size]))


@every_core
@pytest.mark.parametrize("build", [kernel, debug])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("part", ["dense", "projection", "expansion"])
@pytest.mark.parametrize("shared", [False, True])
def test_sums_at_the_limit(core: str, build: Build, sign: int, part: str, shared: bool) -> None:
    lstm, row, _ = at_the_limit(part, shared)
    row *= sign
    x = np.full((1, 2, lstm.options.structure.inputs), -128, np.int8)
    y = build(core).run(lstm, x, State.zeros(lstm, 1))
    np.testing.assert_array_equal(y, run(lstm, x))


@every_core
@pytest.mark.parametrize("part", ["dense", "projection", "expansion"])
def test_sums_beyond_the_limit_stop_debug_builds(core: str, part: str) -> None:
    lstm, row, column = at_the_limit(part, False)
    row[column] = -row[column] - 1
    x = np.zeros((1, 1, lstm.options.structure.inputs), np.int8)
    with pytest.raises(AssertionError, match="hmd_lstm_check_weights"):
        debug(core).run(lstm, x, State.zeros(lstm, 1))


@every_core
@pytest.mark.parametrize("build", [kernel, debug])
@pytest.mark.parametrize("sign", [-1, 1])
def test_cells_saturate(core: str, build: Build, sign: int) -> None:
    lstm = random_lstm(Options(structure=Structure(3, 5, 5), stateful=True), 0)
    lstm.dense[...] = 0
    lstm.dense_out.bias[...] = 32767
    lstm.dense_out.bias[2] *= sign
    x = np.zeros((1, 12, 3), np.int8)
    expected_state, state = State.zeros(lstm, 1), State.zeros(lstm, 1)
    expected = run(lstm, x, expected_state)
    assert (expected_state.c == (32767 if sign > 0 else -32768)).all()
    np.testing.assert_array_equal(build(core).run(lstm, x, state), expected)
    np.testing.assert_array_equal(state.c, expected_state.c)


@every_core
def test_stack(core: str) -> None:
    """512 bytes."""
    lstm = random_lstm(Options(structure=Structure(7, 11, 3, blocks=3, rank=3)), 0)
    kernel(core).run(lstm, np.zeros((2, 3, 7), np.int8), State.zeros(lstm, 2))
    assert kernel(core).program.stack_bytes <= 512


def test_flash() -> None:
    """4 KB with the table of the sigmoid."""
    assert kernel("cortex-m4").program.flash_bytes <= 4096
