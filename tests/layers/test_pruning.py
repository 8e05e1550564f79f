"""MagnitudePruning: the schedule against its formula, masks in training, interruption, and learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm import MagnitudePruning
from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDGRU, HMDLSTM
from hmd_tflm.layers.pruning import prunable
from hmd_tflm.structure import Structure

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 5, 4)).astype(np.float32)
Y = (X[:, :, 0].sum(axis=1) > 0).astype(np.int32)
STEPS = len(X) // 16  # of an epoch


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(0)


def build(*layers: keras.Layer, **compiled: object) -> keras.Model:
    model = keras.Sequential(
        [keras.Input(X.shape[1:]), *layers, keras.layers.Dense(2, activation="softmax")]
    )
    options = {"optimizer": keras.optimizers.Adam(0.02), "jit_compile": False} | compiled
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def fit(model: keras.Model, *callbacks: keras.callbacks.Callback, epochs: int = 3) -> None:
    model.fit(
        X, Y, batch_size=16, epochs=epochs, shuffle=False, callbacks=list(callbacks), verbose=0
    )


def matrices(model: keras.Model) -> list[np.ndarray]:
    return [weight.numpy() for weight in prunable(model)]


class Record(keras.callbacks.Callback):
    """The zeros of each matrix after each execution."""

    def __init__(self) -> None:
        super().__init__()
        self.zeros: list[list[np.ndarray]] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.zeros.append([matrix == 0 for matrix in matrices(self.model)])

    def counts(self) -> np.ndarray:
        return np.array([[zeros.sum() for zeros in step] for step in self.zeros])


@given(
    final=st.floats(0, 1),
    initial=st.floats(0, 1),
    begin=st.integers(0, 1000),
    length=st.integers(1, 1000),
    power=st.sampled_from([1.0, 3.0]),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
)
def test_the_schedule_is_zhu_and_guptas(
    final: float, initial: float, begin: int, length: int, power: float, sizes: list[int]
) -> None:
    initial = min(initial, final)
    pruning = MagnitudePruning(
        final, initial_sparsity=initial, begin_step=begin, end_step=begin + length, power=power
    )
    exact = 1 - round((1 - final) * sum(sizes)) / sum(sizes)
    initial = min(initial, exact)
    before = [size + 1 for size in sizes]
    for t in np.unique(np.linspace(0, length, 9).astype(int)).tolist():
        kept = pruning.kept(begin + t, sizes)
        for size, count, earlier in zip(sizes, kept, before, strict=True):
            sparsity = exact + (initial - exact) * (1 - t / length) ** power
            assert abs(count - (1 - sparsity) * size) < 1 + 1e-9 * size
            assert count <= earlier
        before = kept
    assert sum(kept) == round((1 - final) * sum(sizes))


@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5), share=st.floats(0, 1))
def test_a_budget_is_met_to_the_weight(sizes: list[int], share: float) -> None:
    parameters = int(share * sum(sizes))
    pruning = MagnitudePruning(parameters=parameters, begin_step=3, end_step=7)
    assert sum(pruning.kept(7, sizes)) == parameters
    for size, kept in zip(sizes, pruning.kept(7, sizes), strict=True):
        assert abs(kept - size * parameters / sum(sizes)) < 1


LAYERS = {
    "LSTM": lambda: [keras.layers.LSTM(8)],
    "GRU": lambda: [keras.layers.GRU(8)],
    "Bidirectional": lambda: [keras.layers.Bidirectional(keras.layers.LSTM(6))],
    "stack": lambda: [keras.layers.LSTM(6, return_sequences=True), keras.layers.GRU(5)],
    "nested": lambda: [keras.Sequential([keras.layers.LSTM(8)])],
    "factors": lambda: [HMDLSTM(8, rows=3, blocks=1)],
    "HMDLSTM": lambda: [HMDLSTM(8, rows=8)],
    "HMDGRU": lambda: [HMDGRU(8, rows=8)],
}
SHAPES = {
    "LSTM": [(4, 32), (8, 32)],
    "GRU": [(4, 24), (8, 24)],
    "Bidirectional": [(4, 24), (6, 24)] * 2,
    "stack": [(4, 24), (6, 24), (6, 15), (5, 15)],
    "nested": [(4, 32), (8, 32)],
    "factors": [(4, 3, 12)],
    "HMDLSTM": [(4, 8, 12)],
    "HMDGRU": [(3, 8, 12)],
}


@pytest.mark.parametrize("kind", LAYERS)
def test_recurrent_matrices_are_found_and_no_others(kind: str) -> None:
    model = build(*LAYERS[kind]())
    assert [matrix.shape for matrix in matrices(model)] == SHAPES[kind]
    model.trainable = False
    assert matrices(model) == []


@pytest.mark.parametrize(("kind", "jit_compile"), [("Bidirectional", False), ("HMDGRU", True)])
def test_weights_stay_zero(kind: str, jit_compile: bool) -> None:
    model = build(*LAYERS[kind](), jit_compile=jit_compile)
    record = Record()
    pruning = MagnitudePruning(0.75, begin_step=5, end_step=35, frequency=10)
    fit(model, pruning, record)
    total = sum(matrix.size for matrix in matrices(model))
    counts = record.counts()
    assert not counts[:14].any() and (np.diff(counts, axis=0) >= 0).all()
    changes = (np.flatnonzero(np.diff(counts.sum(axis=1))) + 2).tolist()
    assert changes == [15, 25, 35]  # at 5, the share is zero yet
    for earlier, later in zip(record.zeros, record.zeros[1:], strict=False):
        assert all((after | ~before).all() for before, after in zip(earlier, later, strict=True))
    assert sum(np.count_nonzero(m) for m in matrices(model)) == round(0.25 * total)
    other = [w for w in model.weights if id(w) not in map(id, prunable(model))]
    assert all(np.count_nonzero(weight) > 0 for weight in other)


def test_the_smallest_of_each_matrix_go() -> None:
    model = build(keras.layers.LSTM(8), optimizer=keras.optimizers.SGD(0.0))
    before = matrices(model)
    fit(model, MagnitudePruning(0.6, begin_step=0, end_step=8, frequency=3), epochs=1)
    for old, new in zip(before, matrices(model), strict=True):
        np.testing.assert_array_equal(new[new != 0], old[new != 0])
        assert np.abs(old[new == 0]).max() <= np.abs(old[new != 0]).min()
        assert np.mean(new == 0) == pytest.approx(0.6, abs=1 / old.size)


def test_several_steps_per_execution() -> None:
    model = build(keras.layers.LSTM(8), steps_per_execution=7)
    record = Record()
    fit(model, MagnitudePruning(0.5, begin_step=4, end_step=40, frequency=4), record)
    zeros = record.counts().sum(axis=1)
    assert zeros[-1] == 12 * 32 // 2 and (np.diff(zeros) >= 0).all()


def test_the_step_is_traced_as_often_as_without() -> None:
    traced = []
    for callbacks in ([], [MagnitudePruning(0.5, begin_step=0, end_step=40, frequency=1)]):
        model, calls = build(keras.layers.LSTM(8)), []
        model.train_step = lambda data, m=model, c=calls: c.append(1) or type(m).train_step(m, data)
        fit(model, *callbacks)
        traced.append(len(calls))
    assert traced[0] == traced[1] > 0


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    def callbacks() -> list[keras.callbacks.Callback]:
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        return [MagnitudePruning(0.8, begin_step=4, end_step=40, frequency=4), backup]

    class Killed(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
            if epoch == 2:
                raise Killed

    def new() -> keras.Model:
        keras.utils.set_random_seed(0)
        return build(HMDLSTM(8, rows=8))

    whole = new()
    fit(whole, MagnitudePruning(0.8, begin_step=4, end_step=40, frequency=4))
    with pytest.raises(Killed):
        fit(new(), *callbacks(), Kill())
    resumed, record = new(), Record()
    fit(resumed, *callbacks(), record)
    assert len(record.zeros) == STEPS
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("compiled_again", [False, True])
def test_the_masks_of_an_interrupted_training_are_gone_in_the_next(compiled_again: bool) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            if batch == 3:
                raise KeyboardInterrupt

    model = build(keras.layers.LSTM(8))
    pruning = MagnitudePruning(0.7, begin_step=0, end_step=1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, pruning, Interrupt())
    assert all(np.mean(matrix == 0) > 0.6 for matrix in matrices(model))
    if compiled_again:
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    fit(model, epochs=1)
    assert all(np.mean(matrix == 0) < 0.1 for matrix in matrices(model))
    fit(model, MagnitudePruning(0.7, begin_step=0, end_step=0), epochs=1)
    assert all(np.mean(matrix == 0) > 0.6 for matrix in matrices(model))


def test_a_pruned_model_is_trained_on(tmp_path: Path) -> None:
    model = build(keras.layers.LSTM(8))
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    fit(model, MagnitudePruning(0.7, begin_step=0, end_step=30), checkpoint)
    model = keras.saving.load_model(tmp_path / "model.keras")
    before = matrices(model)
    model.compile("adam", "sparse_categorical_crossentropy")
    fit(model, MagnitudePruning(0.7, begin_step=0, end_step=0), epochs=1)
    for old, new in zip(before, matrices(model), strict=True):
        np.testing.assert_array_equal(old == 0, new == 0)
        assert np.abs(old - new).max() > 0
    fit(model, epochs=1)  # without the callback there are no masks
    assert all(np.mean(matrix == 0) < 0.1 for matrix in matrices(model))


def test_a_model_that_was_trained_before_and_its_constraint() -> None:
    model = build(keras.layers.LSTM(8, kernel_constraint=keras.constraints.MaxNorm(0.5, axis=0)))
    fit(model, epochs=1)
    fit(model, MagnitudePruning(0.5, begin_step=STEPS, end_step=2 * STEPS), epochs=2)
    kernel, recurrent = matrices(model)
    assert np.count_nonzero(kernel) + np.count_nonzero(recurrent) == 12 * 32 // 2
    assert np.linalg.norm(kernel, axis=0).max() <= 0.5 + 1e-5


def test_pruned_weights_do_not_count_in_the_norm_that_gradients_are_clipped_to() -> None:
    """With SGD of rate 1, a step is the clipped gradient."""
    model = build(keras.layers.LSTM(8), optimizer=keras.optimizers.SGD(1.0, global_clipnorm=1e-3))
    before: list[np.ndarray] = []

    class Before(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            before[:] = [w.numpy() for w in self.model.trainable_variables]

    fit(model, MagnitudePruning(0.9, begin_step=0, end_step=0), Before(), epochs=1)
    step = [w.numpy() - b for w, b in zip(model.trainable_variables, before, strict=True)]
    assert np.sqrt(sum(np.sum(s.astype(float) ** 2) for s in step)) == pytest.approx(1e-3, rel=0.01)


def test_a_model_learns_while_it_is_pruned_to_the_budget_of_a_structure() -> None:
    model = build(HMDLSTM(16, rows=16))
    budget = Structure.hmd(4, 16, 4).parameters  # as many as HMD has
    pruning = MagnitudePruning(parameters=budget, begin_step=32, end_step=160, frequency=8)
    fit(model, pruning, epochs=16)
    assert model.evaluate(X, Y, verbose=0)[1] > 0.97
    assert np.count_nonzero(matrices(model)[0]) == budget


def test_a_training_that_ends_too_early_warns() -> None:
    with pytest.warns(UserWarning, match="ended at step 16, before end_step=40"):
        fit(
            build(keras.layers.LSTM(4)),
            MagnitudePruning(0.5, begin_step=0, end_step=40),
            epochs=1,
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "received final_sparsity=None and parameters=None, expected one of them"),
        ({"final_sparsity": 0.5, "parameters": 5}, "expected one of them"),
        ({"final_sparsity": 1.5}, "final_sparsity: received 1.5, expected 0 to 1"),
        ({"parameters": -1}, "parameters: received -1"),
        ({"final_sparsity": 0.5, "initial_sparsity": 0.6}, "initial_sparsity: received 0.6"),
        ({"final_sparsity": 0.5, "begin_step": -1}, "begin_step: received -1"),
        ({"final_sparsity": 0.5, "end_step": 4}, "end_step: received 4, expected 5 to inf"),
        ({"final_sparsity": 0.5, "frequency": 0}, "frequency: received 0, expected 1"),
        ({"final_sparsity": float("nan")}, "final_sparsity: received nan"),
    ],
)
def test_wrong_arguments_are_named(given: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MagnitudePruning(**({"begin_step": 5, "end_step": 9} | given))


def test_models_that_cannot_be_pruned_are_named() -> None:
    steps = {"begin_step": 0, "end_step": 9}
    with pytest.raises(UserError, match="without trainable recurrent layers"):
        fit(build(keras.layers.Flatten()), MagnitudePruning(0.5, **steps))
    with pytest.raises(UserError, match="received 385, expected at most the 384 weights"):
        fit(build(keras.layers.LSTM(8)), MagnitudePruning(parameters=385, **steps))
