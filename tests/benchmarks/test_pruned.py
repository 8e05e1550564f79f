"""The pruned peers against the NumPy reference of the dense layer with zeros in place, bit for bit."""

import ctypes
from dataclasses import replace
from pathlib import Path

import native
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hmd_tflm.benchmarks import pruned_layer as pruned
from hmd_tflm.benchmarks.layer_model import quantized, random_factors, random_input
from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import CELLS, Cell
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.reference import run
from hmd_tflm.structure import Structure

C = native.load(pruned.SOURCES / "sparse_matvec.c")
C.sparse_matvec.restype = ctypes.c_void_p
LIMIT = 2**23  # of a sum

shapes = pytest.mark.parametrize(
    ("inputs", "units", "density"),
    [(1, 1, 1.0), (3, 7, 0.25), (16, 5, 0.0), (300, 9, 0.1), (500, 33, 0.01), (2, 20, 0.9)],
)
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))


class Matrix(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("batches", "pieces", "table")]


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """int8: any number of rows and columns, rows without a weight, long gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = draw(st.one_of(st.sampled_from([1, 255, 256, 257, 700]), st.integers(1, 40)))
    densities = st.lists(st.sampled_from([0.0, 0.005, 0.1, 0.5, 1.0]), max_size=8)
    rows = [rng.random(columns) < density for density in draw(densities)]
    values = rng.choice([-128, -1, 1, 127], (len(rows), columns))
    return (values * np.array(rows).reshape(values.shape)).astype(np.int8)


def one_at(column: int, columns: int) -> np.ndarray:
    matrix = np.zeros((1, columns), np.int8)
    matrix[0, column] = -77
    return matrix


def operands(matrix: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of v as large as the sums may be, and the table of requantisation."""
    rng = np.random.default_rng(seed)
    limit = min(2**15, LIMIT // max(1, int(np.abs(matrix.astype(int)).sum(1).max(initial=0))))
    v = rng.integers(-limit + 1, limit, matrix.shape[1]).astype(np.int16)
    multipliers = np.exp(rng.uniform(0, np.log(32767), len(matrix)))
    return v, np.stack([multipliers, rng.integers(-(2**15), 2**15, len(matrix))], 1).astype(
        np.int16
    )


def expected(matrix: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    multiplier, bias = table.astype(np.int64).T
    sums = matrix.astype(np.int64) @ v.astype(np.int64)
    assert (np.abs(sums) < LIMIT).all()
    return np.clip((sums * multiplier >> 16) + bias, -(2**15), 2**15 - 1)


EXAMPLES = [one_at(c, n) for c, n in ((0, 1), (255, 256), (256, 257), (1499, 1500))]


@given(matrices(), st.integers(0, 2**32 - 1))
@example(EXAMPLES[0], 0)
@example(EXAMPLES[1], 0)
@example(EXAMPLES[2], 0)
@example(EXAMPLES[3], 0)
def test_c_equals_numpy(matrix: np.ndarray, seed: int) -> None:
    v, table = operands(matrix, seed)
    batches, pieces = pruned.pack_rows(matrix)
    values = np.zeros(len(matrix), np.int16)
    arrays = (batches, pieces, table)
    end = C.sparse_matvec(
        ctypes.byref(Matrix(*(a.ctypes.data for a in arrays))),
        native.pointer(v),
        native.pointer(values),
    )
    np.testing.assert_array_equal(values, expected(matrix, v, table))
    assert end == batches.ctypes.data + batches.nbytes


@given(matrices())
def test_size_is_two_bytes_a_weight_and_padding(matrix: np.ndarray) -> None:
    batches, pieces = pruned.pack_rows(matrix)
    segments = -(-matrix.shape[1] // 256)
    assert len(pieces) == len(matrix) * segments + 1
    weights = np.count_nonzero(matrix)
    assert 2 * weights <= batches.nbytes <= 2 * (weights + 3 * len(matrix) * segments)


def layer(cell: Cell, inputs: int, units: int, density: float) -> IntegerLayer:
    s = Structure.dense(inputs, units, gates=cell.gates)
    f = random_factors(s, 0)
    weights = pruned.prune(f.dense, round(density * f.dense.size))
    return quantized(replace(f, dense=weights), s)


@cells
@shapes
def test_generated_c_equals_reference(
    cell: Cell, inputs: int, units: int, density: float, tmp_path: Path
) -> None:
    sparse = layer(cell, inputs, units, density)
    assert np.count_nonzero(sparse.dense) == round(density * sparse.dense.size)
    pruned.write_source(sparse, 3, tmp_path)
    model = native.load(*tmp_path.glob("*.c"), native.NN / "src/sigmoid_table.c")
    model.hmd_model_input.restype = model.hmd_model_output.restype = ctypes.c_void_p
    done = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda context: None)
    for seed in range(2):  # the second run begins with zero state too
        x = random_input(sparse.options.structure, 3, seed)
        ctypes.memmove(model.hmd_model_input(), x.tobytes(), x.nbytes)
        assert model.hmd_model_run(done, None) == 0
        y = ctypes.string_at(model.hmd_model_output(), units)
        np.testing.assert_array_equal(np.frombuffer(y, np.int8), run(sparse, x)[0])


@native.outside_sanitizers
def test_under_sanitizers() -> None:
    native.rerun_under_sanitizers(__file__)


@native.outside_sanitizers
class TestOnCortexM4:
    @given(matrices(), st.integers(0, 2**32 - 1))
    @example(EXAMPLES[0], 0)
    @example(EXAMPLES[1], 0)
    @example(EXAMPLES[2], 0)
    @example(EXAMPLES[3], 0)
    def test_product_equals_numpy(self, sparse_core, matrix: np.ndarray, seed: int) -> None:
        v, table = operands(matrix, seed)
        batches, pieces = pruned.pack_rows(matrix)
        values, read = sparse_core(batches, pieces, table, v)
        np.testing.assert_array_equal(values, expected(matrix, v, table))
        assert read == batches.nbytes

    @cells
    @shapes
    def test_layer_equals_reference(
        self, compiler, cell: Cell, inputs: int, units: int, density: float
    ) -> None:
        from hmd_tflm.benchmarks.pruned import pruned_cost

        result = pruned_cost(inputs, units, 3, density, gates=cell.gates)  # which compares
        assert sum(result.parts.values()) == result.cycles > result.instructions > 0


@pytest.mark.parametrize("gates", [3, 4])
def test_weights_of_keras_keep_their_places(gates: int) -> None:
    kernel, recurrent = np.zeros((3, 2 * gates)), np.zeros((2, 2 * gates))
    kernel[2, 1 * 2 + 1] = 5  # input 2, gate 1, unit 1
    recurrent[0, 2 * 2] = 7  # h 0, gate 2, unit 0
    weights = pruned.from_keras(kernel, recurrent)
    assert weights.shape == (gates, 2, 5)
    assert weights[1, 1, 2] == 5 and weights[2, 0, 3] == 7 and weights.sum() == 12


@native.outside_sanitizers
def test_bad_weights_are_refused() -> None:
    from hmd_tflm.benchmarks.pruned import pruned_cost

    with pytest.raises(UserError, match="received 1.5, expected 0..1"):
        pruned_cost(2, 3, 1, 1.5)
    with pytest.raises(UserError, match=r"received \(4, 3, 4\), expected \(4, 3, 5\)"):
        pruned_cost(2, 3, 1, np.zeros((4, 3, 4)))
