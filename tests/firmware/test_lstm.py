"""The C kernel of HMD_LSTM against the NumPy reference, bit for bit."""

import ctypes

import native
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_lstms import integer_lstms, random_lstm
from limits import at_the_limit

from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.lstm import IntegerLSTM
from hmd_tflm.op.options import LENGTH, Options
from hmd_tflm.op.packing import pack, packed_sizes
from hmd_tflm.op.reference import State, run
from hmd_tflm.structure import Structure

OK, ERROR_WEIGHTS = 0, 6
SOURCES = ("lstm", "lstm_options", "matvec", "sigmoid_table", "status")
C = native.load(*(native.NN / "src" / f"{name}.c" for name in SOURCES))


class COptions(ctypes.Structure):
    _fields_ = [
        *((n, ctypes.c_uint16) for n in ("inputs", "units", "rows", "blocks", "rank", "flags")),
        *((n, ctypes.c_uint8) for n in ("x_shift", "h_shift", "cell_shift")),
        ("x_zero_point", ctypes.c_int8),
        ("x_scale", ctypes.c_float),
    ]


class Sizes(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint32) for n in ("weights_bytes", "table_rows", "scratch_bytes")]


class Tensors(ctypes.Structure):
    _fields_ = [
        *((n, ctypes.c_void_p) for n in ("weights", "table", "x", "y", "h", "c", "scratch")),
        ("batch", ctypes.c_int32),
        ("steps", ctypes.c_int32),
    ]


def decode(data: bytes) -> tuple[int, COptions]:
    options = COptions()
    return C.hmd_lstm_decode(data, ctypes.c_size_t(len(data)), ctypes.byref(options)), options


def plan(options: COptions) -> Sizes:
    sizes = Sizes()
    assert C.hmd_lstm_plan(ctypes.byref(options), ctypes.byref(sizes)) == OK
    return sizes


def run_c(lstm: IntegerLSTM, x: np.ndarray, state: State) -> np.ndarray:
    """The kernel on buffers of the exact sizes, as badly aligned as the interface allows.

    Behind each lies a guard.
    """
    status, options = decode(lstm.options.encode())
    assert status == OK
    weights, table = pack(lstm)
    batch, steps, _ = x.shape
    units = lstm.options.structure.units
    shape = (batch, steps, units) if lstm.options.return_sequences else (batch, units)
    y = np.zeros(shape, np.int8)
    scratch = np.zeros(plan(options).scratch_bytes // 2, np.int16)
    arrays, alignments = (weights, table, x, y, state.h, state.c, scratch), (4, 2, 1, 1, 1, 2, 4)
    placed = [_place(a, n) for a, n in zip(arrays, alignments, strict=True)]
    C.hmd_lstm_run(
        ctypes.byref(options),
        ctypes.byref(Tensors(*(native.pointer(a) for a in placed), batch, steps)),
    )
    for array, kept in zip(arrays, placed, strict=True):
        assert (kept[array.size :] == 77).all()
    for array, kept in zip(arrays[3:], placed[3:], strict=True):
        array.flat[:] = kept[: array.size]
    return y


def _place(array: np.ndarray, alignment: int) -> np.ndarray:
    """A copy and a guard, at a multiple of the alignment, but not of twice as much."""
    memory = np.zeros(array.nbytes + 16 + 8 * array.itemsize, np.uint8)
    begin = (alignment - memory.ctypes.data) % (2 * alignment)
    placed = memory[begin : begin + array.nbytes + 8 * array.itemsize].view(array.dtype)
    placed[: array.size] = array.ravel()
    placed[array.size :] = 77
    return placed


@settings(max_examples=200, deadline=None)
@given(integer_lstms(), st.integers(1, 3), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_kernel_equals_reference(lstm: IntegerLSTM, batch: int, steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected_state, state = State.zeros(lstm, batch), State.zeros(lstm, batch)
    for _ in range(2):  # the second run begins with the first one's state
        x = rng.integers(-128, 128, (batch, steps, lstm.options.structure.inputs)).astype(np.int8)
        expected = run(lstm, x, expected_state)
        np.testing.assert_array_equal(run_c(lstm, x, state), expected)
        if lstm.options.stateful:
            np.testing.assert_array_equal(state.h, expected_state.h)
            np.testing.assert_array_equal(state.c, expected_state.c)


@pytest.mark.parametrize("structure", [Structure(450, 70, 40, 4, 2), Structure(3, 260, 260)])
def test_large_layers(structure: Structure) -> None:
    lstm = random_lstm(Options(structure=structure, return_sequences=True), 0)
    x = np.random.default_rng(1).integers(-128, 128, (1, 50, structure.inputs)).astype(np.int8)
    expected = run(lstm, x)
    np.testing.assert_array_equal(run_c(lstm, x, State.zeros(lstm, 1)), expected)


@given(integer_lstms())
def test_sizes_are_those_of_the_packed_tensors(lstm: IntegerLSTM) -> None:
    _, options = decode(lstm.options.encode())
    sizes = plan(options)
    assert (sizes.weights_bytes, sizes.table_rows) == packed_sizes(lstm.options.structure)


@settings(max_examples=300)
@given(st.binary(min_size=16, max_size=16), st.booleans(), st.data())
def test_decoders_accept_the_same_options(
    tail: bytes, plausible: bool, data: st.DataObject
) -> None:
    """C and Python agree on every field of a header that is otherwise right."""
    raw = bytearray(Options(structure=Structure(3, 5, 2)).encode())
    if plausible:
        at = data.draw(st.integers(0, LENGTH - 1))
        raw[at] = data.draw(st.integers(0, 255))
    else:
        raw[16:] = tail
    try:
        expected = Options.decode(bytes(raw))
    except UserError:
        expected = None
    status, options = decode(bytes(raw))
    assert (status == OK) == (expected is not None)
    if expected is not None:
        names = ("inputs", "units", "rows", "blocks", "rank")
        assert [getattr(options, n) for n in names] == [
            getattr(expected.structure, n) for n in names
        ]
        assert options.x_zero_point == expected.x_zero_point


def test_other_lengths_are_refused() -> None:
    raw = Options(structure=Structure(3, 5, 2)).encode()
    assert [decode(raw[:n])[0] == OK for n in (0, 31, 32)] == [False, False, True]
    assert decode(raw + b"\0")[0] != OK


def check_c(lstm: IntegerLSTM) -> int:
    _, options = decode(lstm.options.encode())
    weights, _ = pack(lstm)
    return C.hmd_lstm_check_weights(ctypes.byref(options), native.pointer(weights))


@given(integer_lstms())
def test_bounds_hold_for_both(lstm: IntegerLSTM) -> None:
    assert check_c(lstm) == OK


@pytest.mark.parametrize("part", ["dense", "projection", "expansion"])
@pytest.mark.parametrize("shared", [False, True])
def test_sums_at_the_limit_are_refused_by_both(part: str, shared: bool) -> None:
    lstm, row, column = at_the_limit(part, shared)
    assert check_c(lstm) == OK
    check_bounds(lstm)
    x = np.full((1, 2, lstm.options.structure.inputs), -128, np.int8)
    expected = run(lstm, x)
    np.testing.assert_array_equal(run_c(lstm, x, State.zeros(lstm, 1)), expected)
    row[column] = -row[column] - 1
    assert check_c(lstm) == ERROR_WEIGHTS
    with pytest.raises(UserError, match="no accumulator overflows"):
        check_bounds(lstm)


@native.outside_sanitizers
def test_under_sanitizers() -> None:
    native.rerun_under_sanitizers(__file__)
