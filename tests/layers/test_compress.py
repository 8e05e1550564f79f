"""`compress`: exact where the matrices have the structure, near elsewhere, and a better start."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl

from hmd_tflm import compress, datasets
from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDGRU, HMDLSTM
from hmd_tflm.layers.compress import input_moments
from hmd_tflm.layers.train import accuracy
from hmd_tflm.structure import Structure

STEPS, INPUTS = 7, 5
X = np.random.default_rng(0).normal(size=(6, STEPS, INPUTS)).astype(np.float32)


def gru(units: int, **options: Any) -> kl.GRU:
    return kl.GRU(units, reset_after=False, **options)


def both(layer: kl.Layer, **options: Any) -> kl.Layer:
    return kl.Bidirectional(layer, **options)


def sequential(*layers: Any) -> keras.Model:
    return keras.Sequential([keras.Input((STEPS, INPUTS)), *layers])


def by_the_last_axis() -> keras.Model:
    """Its axes count from the first."""
    x = keras.Input((STEPS, INPUTS))
    joined = kl.Concatenate(axis=2)([kl.LSTM(12, return_sequences=True)(x), x])
    spread = kl.LayerNormalization(axis=2)(kl.BatchNormalization(axis=2)(joined))
    each = kl.TimeDistributed(kl.LayerNormalization(axis=1))(spread)
    return keras.Model(x, kl.Dense(2)(each))


def functional() -> keras.Model:
    x = keras.Input((STEPS, INPUTS))
    a = kl.LSTM(12, return_sequences=True, go_backwards=True)(x)
    b = both(gru(11, return_sequences=True))(x)
    joined = kl.Concatenate()([a, x, b])
    c = kl.TimeDistributed(kl.Dense(4))(joined)
    d = kl.LSTM(13)(kl.SpatialDropout1D(0.2)(joined))
    pooled = kl.GlobalAveragePooling1D()(kl.Multiply()([c, c]))
    added = kl.Add()([d, kl.Activation("tanh")(d)])
    return keras.Model(
        x, [kl.Dense(2)(kl.Concatenate()([added, pooled])), kl.Dense(1)(kl.RepeatVector(2)(d))]
    )


MODELS: dict[str, Any] = {
    "lstm": lambda: sequential(kl.LSTM(10), kl.Dense(3)),
    "gru": lambda: sequential(gru(10), kl.Dropout(0.1), kl.Dense(3)),
    "no_bias": lambda: sequential(kl.LSTM(10, use_bias=False), kl.Dense(3)),
    "hmdlstm": lambda: sequential(HMDLSTM(10, rows=10), kl.Dense(3)),
    "hmdgru": lambda: sequential(HMDGRU(10, rows=10), kl.Dense(3)),
    "stacked": lambda: sequential(
        both(kl.LSTM(10, return_sequences=True)),
        kl.BatchNormalization(),
        gru(12, return_sequences=True),
        kl.LayerNormalization(),
        kl.Conv1D(6, 2, padding="causal"),
        kl.LSTM(9, return_sequences=True),
        kl.SimpleRNN(4),
        kl.Dense(3, activation="softmax"),
    ),
    "functional": functional,
    "by_the_last_axis": by_the_last_axis,
}


def recurrent(model: keras.Model) -> list[Any]:
    kinds = (kl.LSTM, kl.GRU)
    return [layer for layer in model._flatten_layers() if isinstance(layer, kinds)]


def planted(model: keras.Model, seed: int = 0) -> tuple[keras.Model, dict[str, Structure]]:
    """Random weights of which all but half of the units, anywhere, have rank 1 in each gate."""
    rng, structures = np.random.default_rng(seed), {}
    for weight in model.weights:
        positive = "variance" in weight.path
        weight.assign(
            rng.uniform(0.5, 2, weight.shape) if positive else rng.normal(size=weight.shape)
        )
    for layer in recurrent(model):
        inputs, units, gates = layer.cell.kernel.shape[0], layer.units, layer.cell.kernel.shape[1]
        gates //= units
        full = rng.normal(size=(gates, units, inputs + units))
        poor = rng.permutation(units)[units // 2 :]
        full[:, poor] = rng.normal(size=(gates, len(poor), 1)) @ rng.normal(
            size=(gates, 1, inputs + units), scale=0.1
        )
        if isinstance(layer, HMDLSTM | HMDGRU):
            layer.cell.dense.assign(full)
        else:
            columns = full.reshape(gates * units, inputs + units).T
            layer.cell.kernel.assign(columns[:inputs])
            layer.cell.recurrent_kernel.assign(columns[inputs:])
        structures[layer.name] = Structure(inputs, units, units // 2, 1, 1, gates=gates)
    return model, structures


def assert_same(received: Any, expected: Any, tolerance: float = 1e-5) -> None:
    pairs = zip(keras.tree.flatten(received), keras.tree.flatten(expected), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("calibrated", [False, True])
def test_matrices_that_have_the_structure_are_kept(name: str, calibrated: bool) -> None:
    """Whichever units are the rich ones, and whatever layers read them."""
    model, structures = planted(MODELS[name]())
    before = [w.copy() for w in model.get_weights()]
    small = compress(model, structures, calibration=X if calibrated else None)
    assert_same(small(X), model(X))
    found = recurrent(small)
    assert [layer.cell.structure for layer in found] == list(structures.values())
    assert [layer.name for layer in found] == [layer.name for layer in recurrent(model)]
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", MODELS)
def test_at_factor_1_nothing_changes(name: str) -> None:
    model, _ = planted(MODELS[name](), seed=1)
    assert_same(compress(model, 1)(X), model(X))


@pytest.mark.parametrize(
    ("family", "options"),
    [("hmd", {}), ("hmd", {"blocks": 4}), ("hmf", {"rank": 2}), ("lmf", {"shared": True})],
)
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_factor_and_a_family_make_the_structure(
    kind: str, family: str, options: dict[str, Any]
) -> None:
    small = compress(MODELS[kind](), 1.8, family, **options)
    (layer,) = recurrent(small)
    gates = {"lstm": 4, "gru": 3}[kind]
    expected = getattr(Structure, family)(INPUTS, 10, 1.8, gates=gates, **options)
    assert layer.cell.structure == expected


def test_layers_without_a_structure_stay_dense() -> None:
    model, structures = planted(sequential(kl.LSTM(8, return_sequences=True), gru(6), kl.Dense(2)))
    (first, second) = structures
    small = compress(model, {second: structures[second]})
    assert small.get_layer(first).cell.structure == Structure.dense(INPUTS, 8)
    assert_same(small(X), model(X))


def test_the_new_model_is_compiled_and_saved_like_the_old(tmp_path: Path) -> None:
    model, _ = planted(functional())
    model.compile("adam", ["mse", "mse"])
    small = compress(model, 2, calibration=X)
    assert small.compiled
    small.save(tmp_path / "small.keras")
    loaded = keras.saving.load_model(tmp_path / "small.keras")
    assert_same(loaded(X), small(X))


def masked(*layers: Any, functional: bool) -> keras.Model:
    tensor = keras.Input((STEPS, INPUTS))
    if not functional:
        return keras.Sequential([tensor, kl.Masking(), *layers])
    outputs = kl.Masking()(tensor)
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(tensor, outputs)


PADDED = np.where(np.arange(STEPS)[:, None] < 4, X, 0).astype(np.float32)


@pytest.mark.parametrize("functional", [False, True])
def test_masked_models(functional: bool) -> None:
    layers = [
        both(kl.LSTM(10, return_sequences=True)),
        gru(12, return_sequences=True),
        kl.TimeDistributed(kl.Dense(4)),
        kl.LSTM(9),
        kl.Dense(3),
    ]
    model, structures = planted(masked(*layers, functional=functional))
    assert_same(compress(model, structures, calibration=PADDED)(PADDED), model(PADDED))
    assert_same(compress(model, structures)(PADDED), model(PADDED))


def test_an_embedding_that_masks() -> None:
    tokens = np.random.default_rng(0).integers(0, 9, (6, STEPS))
    layers = [kl.Embedding(9, INPUTS, mask_zero=True), kl.LSTM(10), kl.Dense(3)]
    model, structures = planted(keras.Sequential([keras.Input((STEPS,), dtype="int32"), *layers]))
    assert_same(compress(model, structures, calibration=tokens)(tokens), model(tokens))


def test_masked_steps_do_not_count() -> None:
    def layers() -> list[kl.Layer]:
        inner = gru(6, return_sequences=True, zero_output_for_mask=True, name="gru")
        return [both(inner), kl.LSTM(5, go_backwards=True, name="lstm"), kl.Dense(2)]

    long = masked(*layers(), functional=False)
    short = keras.Sequential([keras.Input((4, INPUTS)), *layers()])
    short.set_weights(long.get_weights())
    expected = input_moments(short, X[:, :4])
    received = input_moments(long, PADDED)
    assert received.keys() == expected.keys() and len(expected) == 3
    for name, moment in received.items():
        np.testing.assert_allclose(moment, expected[name], rtol=1e-5, atol=1e-6)


def test_calibration_leaves_states_alone() -> None:
    """And takes any number of rows, each from zero."""

    def model(**options: Any) -> keras.Model:
        first = kl.LSTM(10, return_sequences=True, name="first", **options)
        second = both(gru(8, name="second", **options))
        shape = (len(X) if options else None, STEPS, INPUTS)
        return keras.Sequential([keras.Input(batch_shape=shape), first, second, kl.Dense(3)])

    stateful, plain = model(stateful=True), model()
    plain.set_weights(stateful.get_weights())
    stateful(X)
    states = [np.array(state) for state in stateful.layers[0].states]
    small = compress(stateful, 1.5, calibration=X[:5])
    for one, other in zip(stateful.layers[0].states, states, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(other).max() > 0
    assert small.layers[0].stateful
    for one, other in zip(
        small.get_weights(), compress(plain, 1.5, calibration=X[:5]).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def of_ones_own(y: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.square(y - y_pred))


@pytest.mark.parametrize("loss", [of_ones_own, lambda y, y_pred: of_ones_own(y, y_pred)])
@pytest.mark.parametrize("name", ["lstm", "functional"])
def test_a_loss_that_keras_does_not_know(name: str, loss: Any) -> None:
    model, _ = planted(MODELS[name]())
    model.compile("adam", loss)
    small = compress(model, 1)
    assert_same(small(X), model(X))
    assert model.compiled and not small.compiled


@pytest.mark.parametrize(
    ("model", "factor", "options", "message"),
    [
        (lambda: sequential(kl.Dense(2)), 2, {}, "received no LSTM or GRU layer"),
        (lambda: sequential(kl.GRU(4)), 2, {}, "layer gru.*: received reset_after=True"),
        (
            lambda: sequential(kl.LSTM(8, name="a")),
            2,
            {},
            "model .*: an output holds the units of a compressed layer",
        ),
        (
            lambda: sequential(
                kl.LSTM(8, return_sequences=True), kl.Flatten(name="flat"), kl.Dense(2)
            ),
            2,
            {},
            "layer flat: received units in a new order .*, which Flatten cannot follow",
        ),
        (
            lambda: sequential(both(kl.LSTM(8), merge_mode="sum", name="sum"), kl.Dense(2)),
            2,
            {},
            "layer sum: received merge_mode='sum', expected 'concat'",
        ),
        (
            lambda: sequential(sequential(kl.LSTM(8), kl.Dense(2)), kl.Dense(2)),
            2,
            {},
            "received a model with recurrent layers inside the model",
        ),
        (
            lambda: sequential(kl.LSTM(8, activation="relu", name="a"), kl.Dense(2)),
            2,
            {},
            "activation: received 'relu', expected 'tanh'",
        ),
        (lambda: keras.Sequential([kl.LSTM(8)]), 2, {}, "received a Sequential, expected .* built"),
        (MODELS["lstm"], 99, {}, "layer lstm.*: compression: received 99, expected 1 to"),
        (MODELS["lstm"], "4", {}, "compression: received '4', expected a number of 1 or more"),
        (
            lambda: sequential(kl.LSTM(8, name="a")),
            {"a": 4},
            {},
            "factor: received 4 for a, expected a Structure; give one number for all layers",
        ),
        (MODELS["lstm"], 2, {"family": "svd"}, "family: received 'svd', expected one of hmd, hmf"),
        (MODELS["lstm"], 2, {"rank": 3}, "family hmd: .*unexpected keyword argument 'rank'"),
        (
            MODELS["lstm"],
            {"b": Structure.dense(INPUTS, 10)},
            {},
            r"received for b a structure of 5 inputs, 10 units, 4 gates, expected one for lstm.* \(5",
        ),
    ],
)
def test_what_cannot_be_compressed_is_refused(
    model: Any, factor: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        compress(model(), factor, **options)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X[:0], r"calibration data: received shape \[0, 7, 5\], expected \[n, 7, 5\]"),
        (X[:, :, :3], r"received shape \[6, 7, 3\]"),
        (X.astype(str), "received <U"),
        (X * np.nan, "received NaN"),
    ],
)
def test_calibration_data_are_checked(data: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compress(MODELS["lstm"](), 2, calibration=data)


def test_calibration_data_of_any_steps_and_of_two_inputs() -> None:
    one, two = keras.Input((None, INPUTS), name="one"), keras.Input((3, 2), name="two")
    joined = kl.Concatenate()([kl.LSTM(8)(one), kl.LSTM(8)(two)])
    model, rows = keras.Model([one, two], kl.Dense(2)(joined)), (X, X[:, :3, :2])
    by_order, by_name = (
        compress(model, 2, calibration=data).get_weights()
        for data in (rows, {"two": rows[1], "one": rows[0]})
    )
    assert all(map(np.array_equal, by_order, by_name))
    for wrong, message in [
        ((X,), "expected an array for each input, one, two"),
        ((X, X[:4, :3, :2]), "received 6, 4 rows for the inputs"),
        ((X, X), r"expected \[n, 3, 2\]"),
    ]:
        with pytest.raises(UserError, match=message):
            compress(model, 2, calibration=wrong)


def test_states_and_shared_layers_are_refused() -> None:
    x = keras.Input((STEPS, INPUTS))
    y, *_ = kl.LSTM(8, return_state=True)(x)
    with pytest.raises(UserError, match="return_state=True, expected False"):
        compress(keras.Model(x, kl.Dense(2)(y)), 2)
    h = kl.LSTM(8)(x)
    y = gru(8)(x, initial_state=h)
    with pytest.raises(UserError, match="layer gru.*: received an initial state, expected none"):
        compress(keras.Model(x, kl.Dense(2)(y)), 2)
    head, one, other = kl.Dense(2, name="head"), kl.LSTM(20)(x), kl.LSTM(20)(x)
    model, _ = planted(keras.Model(x, [head(one), head(other)]))
    with pytest.raises(UserError, match="layer head: is called with the units of several layers"):
        compress(model, 2)


def test_a_compressed_start_learns_digits_faster() -> None:
    data = datasets.load("digits")
    keras.utils.set_random_seed(0)
    dense = keras.Sequential([keras.Input((8, 8)), kl.LSTM(32), kl.Dense(10, activation="softmax")])

    def fit(model: keras.Model, epochs: int) -> float:
        keras.utils.set_random_seed(0)
        optimizer = keras.optimizers.Adam(6e-3)
        model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=True)
        model.fit(data.x_train, data.y_train, batch_size=32, epochs=epochs, verbose=0)
        return accuracy(model, data.x_test, data.y_test)

    fit(dense, 10)
    compressed = compress(dense, 2, calibration=data.calibration())
    scratch = keras.models.clone_model(compressed)
    assert fit(compressed, 3) > fit(scratch, 3) + 0.05


def test_the_package_is_imported_without_tensorflow() -> None:
    code = "import hmd_tflm, sys; assert 'compress' in dir(hmd_tflm); print('keras' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from hmd_tflm import nothing  # noqa: F401
