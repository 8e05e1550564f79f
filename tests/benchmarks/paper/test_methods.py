"""Equal budgets, and metrics against other formulas."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm.benchmarks.paper import benchmark, methods
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.sweep import GATES
from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

FEATURES = {"kws12": 10, "har_smartphone": 9, "har_watch": 12, "charlm_shakespeare": 65}
FIVE = [name for name in benchmark.names() if name != "digits"]


@pytest.mark.parametrize("name", FIVE)
def test_all_methods_have_equal_sizes_within_one_percent(name: str) -> None:
    bench = benchmark.load(name)
    inputs, gates = FEATURES[bench.dataset], GATES[bench.layer]
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
            if shape is not None and method != "pruned":
                assert shape.parameters == pytest.approx(budget, rel=0.01)
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
