"""Equal budgets, and metrics against other formulas."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm.benchmarks.paper import benchmark, methods
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.readings import mask
from hmd_tflm.datasets import Dataset, Recipe
from hmd_tflm.errors import UserError
from hmd_tflm.layers.train import build, train
from hmd_tflm.structure import Structure

FEATURES = {"kws12": 10, "har_smartphone": 9, "har_watch": 12, "charlm_shakespeare": 65}
FIVE = benchmark.compared()


@pytest.mark.parametrize("name", FIVE)
def test_all_methods_have_equal_sizes_within_one_percent(name: str) -> None:
    bench = benchmark.load(name)
    inputs, gates = FEATURES[bench.dataset], bench.gates
    dense = Structure.dense(inputs, bench.units, gates=gates).parameters
    for factor in bench.factors:
        budget = methods.budget(inputs, bench.units, gates, factor)
        assert dense / budget == pytest.approx(factor, rel=0.05)
        shapes = {
            m: methods.shape(m, inputs, bench.units, gates, budget)
            for m in methods.METHODS
            if m != "dense"
        }
        assert [m for m, s in shapes.items() if s is None] in ([], ["hmf_d16"])
        for method, shape in shapes.items():
            one = methods.METHODS[method]
            if shape is not None and method != "pruned":
                limit = 0.025 if one.masks else 0.01
                assert one.parameters(shape) == pytest.approx(budget, rel=limit)
        assert shapes["pruned"].parameters == dense


def test_there_are_five_benchmarks_of_three_applications() -> None:
    benches = [benchmark.load(name) for name in FIVE]
    assert len(benches) == 5 and len({b.name.split("_")[0] for b in benches}) == 3
    assert {b.layer for b in benches} == {"lstm", "gru"} and any(b.bidirectional for b in benches)


def test_shapes_are_those_of_their_methods() -> None:
    size = (10, 118, 4, 15684)
    assert methods.shape("small", *size) == Structure.dense(10, 58)
    assert methods.shape("lmf", *size) == Structure(10, 118, 0, 1, 16)
    assert methods.shape("lmf_shared", *size).shared
    for k in (1, 2, 4):
        name = "hmd" if k == 2 else f"hmd_k{k}"
        assert (methods.shape(name, *size).blocks, methods.shape(name, *size).rank) == (k, 1)
    assert methods.shape("hmf_d8", *size).rank == 8
    assert methods.shape("hmf_d16", 9, 64, 4, 4870) is None
    with pytest.raises(UserError, match="method: received 'svd', expected one of dense, small"):
        methods.shape("svd", *size)
    with pytest.raises(UserError, match="benchmark: received 'ptb', expected one of char_lm"):
        benchmark.load("ptb")


@pytest.mark.parametrize("method", [name for name, one in methods.METHODS.items() if one.masks])
@pytest.mark.parametrize("gates", [3, 4])
def test_a_readings_lower_rows_are_rank_one_blocks_and_stay_so(method: str, gates: int) -> None:
    one = methods.METHODS[method]
    shape = list(one.shapes(4, 12, gates))[3]
    x = np.random.default_rng(0).normal(size=(32, 3, 4)).astype(np.float32)
    y = np.arange(32, dtype=np.int32) % 3
    dataset = Dataset("random", Recipe(12, 1, 8, 0.01), tuple("abc"), x, y, x, y, x, y)
    model = build(dataset, shape)
    mask(model, one.masks(shape))
    before = model.layers[0].cell.factors()
    train(model, dataset, Recipe(12, 3, 8, 0.05))
    after = model.layers[0].cell.factors()
    free = sum(np.count_nonzero(a != b) for a, b in zip(before, after, strict=True))
    assert one.parameters(shape) == free == sum(map(np.count_nonzero, after))
    lower = shape.effective(*after)[:, shape.rows :]
    groups = {"hmd_g2": 2, "hmd_g4": 4, "hmd_apart": 1}[method]
    columns = [0, 4, 16] if method == "hmd_apart" else [0, 8, 16]
    for rows in np.array_split(np.arange(shape.lower), groups):
        for begin, end in pairwise(columns):
            for gate in lower[:, rows, begin:end]:
                assert np.linalg.matrix_rank(gate, tol=1e-5) == 1
    assert np.linalg.matrix_rank(lower[0]) > 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 40))
def test_metrics_equal_their_definitions(seed: int, classes: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, classes)).astype(np.float32)
    labels = rng.integers(0, classes, count).astype(np.int32)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    bits = METRICS["bits_per_character"].of(logits, labels)
    assert bits == pytest.approx(float(tf.reduce_mean(nats)) / np.log(2), rel=1e-4, abs=1e-5)
    guesses = logits.argmax(-1)
    assert METRICS["accuracy"].of(logits, labels) == pytest.approx(
        100 * sum(int(a == b) for a, b in zip(guesses, labels, strict=True)) / count
    )
    scores = []
    for one in set(guesses) | set(labels):
        hits = int(np.sum((guesses == one) & (labels == one)))
        scores.append(2 * hits / int(np.sum(guesses == one) + np.sum(labels == one)))
    assert METRICS["macro_f1"].of(logits, labels) == pytest.approx(100 * np.mean(scores))
