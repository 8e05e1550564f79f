"""HMDGRU against keras.layers.GRU holding the matrices that NumPy makes from the factors."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDGRU
from hmd_tflm.structure import Structure

BATCH, STEPS, INPUTS, UNITS = 3, 5, 5, 6
STRUCTURES = {
    "dense": Structure.dense(INPUTS, UNITS, gates=3),
    "hmd": Structure.hmd(INPUTS, UNITS, 1.5, gates=3),
    "lmf": Structure.lmf(INPUTS, UNITS, 1.5, gates=3),
    "shared": Structure(INPUTS, UNITS, rows=1, blocks=3, rank=2, shared=True, gates=3),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"unroll": True, "use_bias": False},
    {"return_sequences": True, "implementation": 1},
    {"recurrent_dropout": 0.3, "dropout": 0.2, "seed": 6, "return_sequences": True},
]


def sequences(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(BATCH, STEPS, INPUTS)).astype(np.float32)


def built(structure: Structure, **options: Any) -> HMDGRU:
    """A layer with weights far from zero, also where they start at zero."""
    layer = HMDGRU.from_structure(structure, **options)
    layer.build((BATCH, STEPS, INPUTS))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape, scale=0.6) for w in layer.trainable_weights])
    return layer


def twin(layer: HMDGRU, **options: Any) -> keras.layers.GRU:
    shape = layer.cell.structure
    gru = keras.layers.GRU(layer.units, reset_after=False, **options)
    gru.build((BATCH, STEPS, shape.inputs))
    full = shape.effective(*layer.cell.factors()).reshape(3 * shape.units, shape.columns).T
    bias = [] if layer.cell.bias is None else [layer.cell.bias]
    for variable, value in zip(
        gru.trainable_weights, [full[: shape.inputs], full[shape.inputs :], *bias], strict=True
    ):
        variable.assign(value)
    return gru


def assert_same(received: Any, expected: Any) -> None:
    received, expected = keras.tree.flatten(received), keras.tree.flatten(expected)
    assert len(received) == len(expected)
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_every_structure_is_a_gru_of_the_effective_matrices(structure: Structure) -> None:
    layer = built(structure, return_sequences=True)
    assert layer.cell.structure == structure
    assert layer.count_params() == structure.parameters + 3 * UNITS
    assert_same(layer(sequences()), twin(layer, return_sequences=True)(sequences()))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_options_mean_what_they_mean_in_gru(options: dict[str, Any], masked: bool) -> None:
    layer = built(STRUCTURES["hmd"], **options)
    mask = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1]], bool) if masked else None
    arguments = {"mask": mask, "training": True}
    assert_same(layer(sequences(), **arguments), twin(layer, **options)(sequences(), **arguments))


def test_state_is_carried_and_given() -> None:
    layer = built(STRUCTURES["hmd"], stateful=True)
    gru = twin(layer, stateful=True)
    for seed in (1, 2):
        assert_same(layer(sequences(seed)), gru(sequences(seed)))
    state = np.full((BATCH, UNITS), 0.3, np.float32)
    layer, gru = built(STRUCTURES["hmd"]), twin(built(STRUCTURES["hmd"]))
    assert_same(layer(sequences(), initial_state=state), gru(sequences(), initial_state=state))


def test_a_keras_file_brings_everything_back(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((STEPS, INPUTS)),
            keras.layers.Bidirectional(HMDGRU(UNITS, 1.5, return_sequences=True)),
            HMDGRU.from_structure(Structure.lmf(2 * UNITS, 4, 2, shared=True, gates=3)),
            keras.layers.Dense(2),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(sequences(), verbose=0), model.predict(sequences(), verbose=0)
    )
    assert loaded.layers[1].get_config() == model.layers[1].get_config()


def test_trains_under_xla_as_a_gru_does() -> None:
    x, y = sequences(), np.arange(BATCH) % 2
    layer = built(STRUCTURES["dense"])
    models = []
    for recurrent, jit_compile in ((twin(layer), False), (layer, True)):
        head = keras.layers.Dense(2, activation="softmax", kernel_initializer="ones")
        model = keras.Sequential([keras.Input((STEPS, INPUTS)), recurrent, head])
        model.compile(
            keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", jit_compile=jit_compile
        )
        model.fit(x, y, epochs=3, shuffle=False, verbose=0)
        models.append(model)
    assert_same(models[1].predict(x, verbose=0), models[0].predict(x, verbose=0))


def test_every_factor_has_a_gradient() -> None:
    layer = built(STRUCTURES["shared"], kernel_regularizer="l2")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(sequences()) ** 2) + sum(layer.losses)
    gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    assert all(float(tf.reduce_max(tf.abs(g))) > 0 for g in gradients)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="reset_after: received True, expected False"):
        HMDGRU(UNITS, reset_after=True)
    with pytest.raises(UserError, match="structure: received 4 gates, expected the 3 of HMDGRU"):
        HMDGRU.from_structure(Structure.hmd(INPUTS, UNITS, 2))
