"""The C kernels of HMD_LSTM and HMD_GRU against the NumPy reference, bit for bit."""

import ctypes
from dataclasses import replace

import native
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_layers import integer_layers, random_layer
from limits import at_the_limit

from hmd_tflm.codegen.ops import scratch_bytes
from hmd_tflm.errors import UserError
from hmd_tflm.op.bounds import check_bounds
from hmd_tflm.op.cells import CELLS, GRU, LSTM, Cell
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import LENGTH, Options
from hmd_tflm.op.packing import pack, packed_sizes
from hmd_tflm.op.reference import State, run, zero_state
from hmd_tflm.structure import Structure

OK, ERROR_WEIGHTS = 0, 6
SOURCES = ("gru", "lstm", "matvec", "options", "sigmoid_table", "status")
C = native.load(*(native.NN / "src" / f"{name}.c" for name in SOURCES))
every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: cell.name)


class COptions(ctypes.Structure):
    _fields_ = [
        *((n, ctypes.c_uint16) for n in ("inputs", "units", "rows", "blocks", "rank", "flags")),
        *((n, ctypes.c_uint8) for n in ("gates", "x_shift", "h_shift", "cell_shift")),
        ("x_zero_point", ctypes.c_int8),
        ("x_scale", ctypes.c_float),
    ]


class Sizes(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint32) for n in ("weights_bytes", "table_rows", "scratch_bytes")]


def _tensors(cell: Cell) -> type[ctypes.Structure]:
    pointers = ("weights", "table", "x", "y", *cell.states, "scratch")
    fields = [
        *((n, ctypes.c_void_p) for n in pointers),
        *((n, ctypes.c_int32) for n in ("batch", "steps")),
    ]
    return type("Tensors", (ctypes.Structure,), {"_fields_": fields})


TENSORS = {cell: _tensors(cell) for cell in CELLS.values()}


def decode(cell: Cell, data: bytes) -> tuple[int, COptions]:
    options = COptions()
    gates = ctypes.c_uint8(cell.gates)
    return C.hmd_decode(data, ctypes.c_size_t(len(data)), gates, ctypes.byref(options)), options


def decoded(layer: IntegerLayer) -> COptions:
    status, options = decode(layer.options.cell, layer.options.encode())
    assert status == OK
    return options


def plan(options: COptions) -> Sizes:
    sizes = Sizes()
    assert C.hmd_plan(ctypes.byref(options), ctypes.byref(sizes)) == OK
    return sizes


def run_c(layer: IntegerLayer, x: np.ndarray, state: State) -> np.ndarray:
    """The kernel on buffers of the exact sizes, as badly aligned as the interface allows.

    Behind each lies a guard.
    """
    options = decoded(layer)
    batch, steps, _ = x.shape
    units, cell = layer.options.structure.units, layer.options.cell
    shape = (batch, steps, units) if layer.options.return_sequences else (batch, units)
    scratch = np.zeros(plan(options).scratch_bytes // 2, np.int16)
    states = [state[name] for name in cell.states]
    written = [np.zeros(shape, np.int8), *states, scratch]
    arrays = [*pack(layer), x, *written]
    alignments = (4, 2, 1, 1, *(array.itemsize for array in states), 4)
    placed = [_place(a, n) for a, n in zip(arrays, alignments, strict=True)]
    tensors = TENSORS[cell](*map(native.pointer, placed), batch, steps)
    C[f"{cell.name.lower()}_run"](ctypes.byref(options), ctypes.byref(tensors))
    for array, kept in zip(arrays, placed, strict=True):
        assert (kept[array.size :] == 77).all()
    for array, kept in zip(written, placed[3:], strict=True):
        array.flat[:] = kept[: array.size]
    return written[0]


def _place(array: np.ndarray, alignment: int) -> np.ndarray:
    """A copy and a guard, at a multiple of the alignment, but not of twice as much."""
    memory = np.zeros(array.nbytes + 16 + 8 * array.itemsize, np.uint8)
    begin = (alignment - memory.ctypes.data) % (2 * alignment)
    placed = memory[begin : begin + array.nbytes + 8 * array.itemsize].view(array.dtype)
    placed[: array.size] = array.ravel()
    placed[array.size :] = 77
    return placed


@settings(max_examples=200)
@given(integer_layers(), st.integers(1, 3), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_kernel_equals_reference(layer: IntegerLayer, batch: int, steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected_state, state = zero_state(layer, batch), zero_state(layer, batch)
    for _ in range(2):  # the second run begins with the first one's state
        x = rng.integers(-128, 128, (batch, steps, layer.options.structure.inputs)).astype(np.int8)
        expected = run(layer, x, expected_state)
        np.testing.assert_array_equal(run_c(layer, x, state), expected)
        if layer.options.stateful:
            for name, values in expected_state.items():
                np.testing.assert_array_equal(state[name], values)


@every_cell
@pytest.mark.parametrize("structure", [Structure(450, 70, 40, 4, 2), Structure(3, 260, 260)])
def test_large_layers(cell: Cell, structure: Structure) -> None:
    structure = replace(structure, gates=cell.gates)
    layer = random_layer(Options(structure=structure, return_sequences=True), 0)
    x = np.random.default_rng(1).integers(-128, 128, (1, 50, structure.inputs)).astype(np.int8)
    expected = run(layer, x)
    np.testing.assert_array_equal(run_c(layer, x, zero_state(layer, 1)), expected)


@given(integer_layers())
def test_sizes_are_those_of_the_packed_tensors(layer: IntegerLayer) -> None:
    options = decoded(layer)
    sizes = plan(options)
    assert (sizes.weights_bytes, sizes.table_rows) == packed_sizes(layer.options.structure)
    assert sizes.scratch_bytes == scratch_bytes(layer.options.structure)


@every_cell
@settings(max_examples=300)
@given(st.binary(min_size=16, max_size=16), st.booleans(), st.data())
def test_decoders_accept_the_same_options(
    cell: Cell, tail: bytes, plausible: bool, data: st.DataObject
) -> None:
    """C and Python agree on every field of a header that is otherwise right."""
    raw = bytearray(Options(structure=Structure(3, 5, 2, gates=cell.gates)).encode())
    if plausible:
        at = data.draw(st.integers(0, LENGTH - 1))
        raw[at] = data.draw(st.integers(0, 255))
    else:
        raw[16:] = tail
    try:
        expected = Options.decode(cell, bytes(raw))
    except UserError:
        expected = None
    status, options = decode(cell, bytes(raw))
    assert (status == OK) == (expected is not None)
    if expected is not None:
        names = ("inputs", "units", "rows", "blocks", "rank", "gates")
        assert [getattr(options, n) for n in names] == [
            getattr(expected.structure, n) for n in names
        ]
        assert options.x_zero_point == expected.x_zero_point


def test_other_lengths_and_ops_are_refused() -> None:
    raw = Options(structure=Structure(3, 5, 2)).encode()
    assert [decode(LSTM, raw[:n])[0] == OK for n in (0, 31, 32)] == [False, False, True]
    assert decode(LSTM, raw + b"\0")[0] != OK
    assert decode(GRU, raw)[0] != OK


def check_c(layer: IntegerLayer) -> int:
    options = decoded(layer)
    weights, _ = pack(layer)
    return C.hmd_check_weights(ctypes.byref(options), native.pointer(weights))


@given(integer_layers())
def test_bounds_hold_for_both(layer: IntegerLayer) -> None:
    assert check_c(layer) == OK


@every_cell
@pytest.mark.parametrize("part", ["dense", "projection", "expansion"])
@pytest.mark.parametrize("shared", [False, True])
def test_sums_at_the_limit_are_refused_by_both(cell: Cell, part: str, shared: bool) -> None:
    layer, row, column = at_the_limit(cell, part, shared)
    assert check_c(layer) == OK
    check_bounds(layer)
    x = np.full((1, 2, layer.options.structure.inputs), -128, np.int8)
    expected = run(layer, x)
    np.testing.assert_array_equal(run_c(layer, x, zero_state(layer, 1)), expected)
    row[column] = -row[column] - 1
    assert check_c(layer) == ERROR_WEIGHTS
    with pytest.raises(UserError, match="no accumulator overflows"):
        check_bounds(layer)


@pytest.mark.parametrize("h", [-(2**15), 2**15 - 1])
@pytest.mark.parametrize("bias", [1 - 2**15, 2**15 - 1])
@pytest.mark.parametrize("h_shift", [0, 7])
def test_a_gru_at_the_ends_of_its_range(h: int, bias: int, h_shift: int) -> None:
    """Whatever state it is given, which no step could leave behind."""
    options = Options(structure=Structure(1, 6, 6, gates=3), stateful=True, h_shift=h_shift)
    layer = random_layer(options, 0)
    layer.dense_out.bias[:2] = bias
    layer.dense_out.bias[2] = -bias
    x = np.zeros((1, 1, 1), np.int8)
    expected_state, state = ({"h": np.full((1, 6), h, np.int16)} for _ in range(2))
    expected = run(layer, x, expected_state)
    np.testing.assert_array_equal(run_c(layer, x, state), expected)
    np.testing.assert_array_equal(state["h"], expected_state["h"])


@native.outside_sanitizers
def test_under_sanitizers() -> None:
    native.rerun_under_sanitizers(__file__)
