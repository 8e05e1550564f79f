"""Quantised layers against the ops' NumPy reference, converted models and float gradients."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import models
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from integer_layers import options as op_options

from hmd_tflm import datasets, quantize_aware, tflite
from hmd_tflm.convert import convert
from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDGRU, HMDLSTM
from hmd_tflm.layers.quantized import QuantizedHMDGRU, QuantizedHMDLSTM, QuantizedLayer, Ranges
from hmd_tflm.op.options import Options
from hmd_tflm.op.quantize import Factors, Observed, quantize
from hmd_tflm.op.read import read_layers
from hmd_tflm.op.reference import run, zero_state
from hmd_tflm.runtime import Interpreter
from hmd_tflm.structure import Structure

LSTMS = {
    "dense": Structure.dense(9, 24),
    "hmd": Structure.hmd(9, 24, 2),
    "lmf": Structure.lmf(9, 24, 3),
    "shared": Structure(9, 24, 5, 3, 2, True),
}
GRUS = {f"gru_{name}": replace(s, gates=3) for name, s in LSTMS.items()}
STRUCTURES = LSTMS | GRUS
HMD = [STRUCTURES["hmd"], STRUCTURES["gru_hmd"]]
BATCH = 16
KINDS: dict[int, tuple[type, type]] = {
    4: (HMDLSTM, QuantizedHMDLSTM),
    3: (HMDGRU, QuantizedHMDGRU),
}

of_both_cells = pytest.mark.parametrize("s", HMD, ids=["lstm", "gru"])
of_every_shape = pytest.mark.parametrize("s", STRUCTURES.values(), ids=STRUCTURES)


def random_factors(s: Structure, size: float, seed: int = 0) -> Factors:
    """Of which float32 loses nothing."""
    rng, rank = np.random.default_rng(seed), s.rank if s.lower else 0
    deviation = size / np.sqrt(s.columns)
    shapes = [
        ((s.gates, s.rows, s.columns), deviation),
        ((s.projection_sets, rank, s.columns), np.sqrt(deviation)),
        ((s.gates, s.lower, s.blocks, s.rank), np.sqrt(deviation / s.rank)),
        ((s.gates, s.units), 0.3),
    ]
    return Factors(
        *(rng.normal(0, scale, shape).astype(np.float32).astype(float) for shape, scale in shapes)
    )


def layer_of(
    factors: Factors, options: Options, projected: np.ndarray, **arguments: Any
) -> QuantizedLayer:
    ranges = Ranges(
        options.x_scale,
        options.x_zero_point,
        options.x_shift,
        options.h_shift,
        options.cell_shift,
        projected.tolist(),
    )
    _, quantized = KINDS[options.structure.gates]
    layer = quantized.from_structure(
        options.structure,
        ranges=ranges,
        return_sequences=options.return_sequences,
        go_backwards=options.go_backwards,
        **arguments,
    )
    return filled(layer, factors, options.structure)


def filled(layer: Any, factors: Factors, s: Structure) -> Any:
    layer.build((BATCH if layer.stateful else None, None, s.inputs))
    cell = layer.cell
    for name in ("dense", "projection", "expansion"):
        if (weight := getattr(cell, name)) is not None:
            weight.assign(getattr(factors, name))
    cell.bias.assign(factors.bias.ravel())
    return layer


def real(integers: np.ndarray, options: Options) -> np.ndarray:
    return ((integers.astype(float) - options.x_zero_point) * options.x_scale).astype(np.float32)


def projections(s: Structure, largest: float = 3.0) -> np.ndarray:
    return np.full((s.projection_sets, s.blocks, s.rank), largest)


def observed(s: Structure, projected: np.ndarray, options: Options) -> Observed:
    shifts = (options.x_shift, options.h_shift, options.cell_shift)
    return Observed(np.ones(s.inputs), np.ones(s.units), projected, 1.0, shifts)


@settings(max_examples=60)
@given(op_options(), st.sampled_from([0.1, 1, 5]), st.integers(0, 2**32 - 1))
def test_outputs_are_those_of_the_op(options: Options, size: float, seed: int) -> None:
    s, rng = options.structure, np.random.default_rng(seed)
    factors = random_factors(s, size / (64 * options.x_scale), seed)
    projected = rng.uniform(0.1, 10, (s.projection_sets, s.blocks, s.rank))
    try:
        integers = quantize(factors, observed(s, projected, options), options)
    except UserError:  # weights beyond int8 at these shifts
        assume(False)
    x = rng.integers(-128, 128, (3, 6, s.inputs)).astype(np.int8)
    layer = layer_of(factors, options, projected)
    expected = run(integers, x)
    if options.go_backwards and options.input_order and options.return_sequences:
        expected = expected[:, ::-1]  # Keras leaves the outputs as they were computed
    np.testing.assert_array_equal(np.asarray(layer(real(x, options))) * 128, expected)


@of_every_shape
def test_xla_changes_no_bit_in_long_sequences(s: Structure) -> None:
    options = Options(
        structure=s, return_sequences=True, x_scale=1 / 64, x_zero_point=-5, x_shift=1, h_shift=2
    )
    projected = projections(s)
    factors = random_factors(s, 2.0)
    integers = quantize(factors, observed(s, projected, options), options)
    x = np.random.default_rng(1).integers(-128, 128, (BATCH, 100, s.inputs)).astype(np.int8)
    layer = layer_of(factors, options, projected)
    received = tf.function(layer, jit_compile=True)(real(x, options))
    expected = run(integers, x)
    np.testing.assert_array_equal(np.asarray(received) * 128, expected)
    assert expected.std() > 20


@of_both_cells
def test_a_stateful_layer_goes_on_from_where_it_was(s: Structure) -> None:
    """A GRU's state is finer than its output."""
    options = Options(structure=s, stateful=True, x_scale=1 / 64, x_shift=1, h_shift=2)
    factors = random_factors(s, 1.0)
    integers = quantize(factors, observed(s, projections(s), options), options)
    layer = layer_of(factors, options, projections(s), stateful=True)
    x = np.random.default_rng(1).integers(-128, 128, (3, BATCH, 5, s.inputs)).astype(np.int8)
    state = zero_state(integers, BATCH)
    for part in x:
        expected = run(integers, part, state)
        np.testing.assert_array_equal(np.asarray(layer(real(part, options))) * 128, expected)


@of_every_shape
def test_gradients_are_nearly_those_of_the_float_layer(s: Structure) -> None:
    options = Options(structure=s, x_scale=1 / 64, x_shift=1, h_shift=2)
    factors = random_factors(s, 1.0)
    quantized = layer_of(factors, options, projections(s, 8.0))  # nothing exceeds it
    plain = filled(KINDS[s.gates][0].from_structure(s), factors, s)
    x = tf.constant(np.random.default_rng(1).uniform(-1.9, 1.9, (32, 8, 9)).astype(np.float32))
    target = np.random.default_rng(2).normal(size=(32, 24))
    gradients = []
    for layer in (quantized, plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) * target)
        gradients.append(tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)]))
    for one, other in zip(*gradients, strict=True):
        assert np.linalg.norm(one - other) < 0.03 * np.linalg.norm(other)


@of_both_cells
def test_what_saturates_has_no_gradient(s: Structure) -> None:
    options = Options(structure=s, x_scale=1 / 64)
    layer = layer_of(random_factors(s, 1.0), options, projections(s))
    x = np.full((1, 3, 9), 0.5, np.float32)
    x[:, :, 4] = 2.5  # int8 ends at 127 / 64
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(x))
        loss = tf.reduce_sum(layer(x))
    gradient = np.asarray(tape.gradient(loss, x))
    assert not gradient[:, :, 4].any() and np.all(np.delete(gradient, 4, axis=2))


def before_the_head(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What the dense layer reads, in steps of h."""
    return np.asarray(keras.Model(model.inputs[0], model.layers[-2].output)(x)) * 128


def int8_before_the_head(content: bytes, x: np.ndarray) -> np.ndarray:
    """The same of a converted model."""
    model = tflite.read(content)
    (head,) = [
        op for op in model.subgraphs[0].operators if tflite.op_name(model, op) == "FULLY_CONNECTED"
    ]
    with Interpreter(content, keep=True) as interpreter:
        integers = interpreter.inputs[0].quantize(x)
        rows = interpreter.run_integers(integers, tensors=[int(head.inputs[0])])
    return np.stack([tensor.ravel() for _, tensor in rows])


def rows_of(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    return models.data(name, rng.normal(size=(24, 12, 9)).astype(np.float32))


@pytest.mark.parametrize("name", models.MODELS)
def test_a_model_answers_as_when_converted(name: str) -> None:
    x, model = rows_of(name), models.build(name, 12, 9)
    tuned = quantize_aware(model, x)
    assert all(map(np.array_equal, tuned.get_weights(), model.get_weights()))
    np.testing.assert_array_equal(
        before_the_head(tuned, x), int8_before_the_head(convert(model, x).content, x)
    )


@pytest.mark.parametrize("layer", [HMDLSTM, HMDGRU])
def test_dropout_is_not_applied(layer: type) -> None:
    x, head = rows_of("hmd"), keras.layers.Dense(2)
    model = keras.Sequential([keras.Input(x.shape[1:]), layer(8, dropout=0.5), head])
    tuned = quantize_aware(model, x)
    expected = int8_before_the_head(convert(model, x).content, x)
    np.testing.assert_array_equal(before_the_head(tuned, x), expected)
    np.testing.assert_array_equal(tuned(x, training=True), tuned(x))


@pytest.mark.parametrize(
    "name", ["hmf_shared_rank_2", "bidirectional_stacked", "gru_shared_rank_3", "gru_behind_lstm"]
)
def test_a_trained_model_answers_as_when_converted(name: str, tmp_path: Path) -> None:
    """Though calibration would now choose other ranges."""
    x = rows_of(name)
    tuned = quantize_aware(models.build(name, 12, 9), x)
    before = tuned.get_weights()
    tuned.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", jit_compile=False)
    tuned.fit(x, np.arange(24) % 5, batch_size=8, epochs=2, verbose=0)
    for one, other in zip(tuned.get_weights(), before, strict=True):
        assert np.abs(one - other).max() > 1e-4
    tuned.save(tmp_path / "tuned.keras")
    loaded = keras.saving.load_model(tmp_path / "tuned.keras")
    received = before_the_head(loaded, x)
    np.testing.assert_array_equal(received, int8_before_the_head(convert(loaded, x).content, x))
    plain = models.build(name, 12, 9)
    plain.set_weights(tuned.get_weights())
    assert (int8_before_the_head(convert(plain, x).content, x) != received).any()


def ops_and_layers_answers(
    tuned: keras.Model, content: bytes, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of a deployed op, and of the trained layer with the same float inputs, in steps of h."""
    (layer,) = (one for one in tuned.layers if isinstance(one, QuantizedLayer))
    (op,) = read_layers(tflite.read(content))
    values, options = np.asarray(keras.Model(tuned.inputs[0], layer.input)(x)), op.integers.options
    steps = np.rint(values.astype(float) / options.x_scale) + options.x_zero_point
    received = run(op.integers, np.clip(steps, -128, 127).astype(np.int8))
    return received, np.asarray(layer(values)) * 128


IN_FRONT: dict[str, Any] = {
    "nothing": lambda x: x,
    "dense": lambda x: keras.layers.Dense(6, activation="relu")(x),
    "pooling": lambda x: keras.layers.MaxPooling1D(2)(keras.layers.Dense(6)(x)),
    "transposed": lambda x: keras.layers.Permute((2, 1))(keras.layers.Dense(6)(x)),
    "joined": lambda x: keras.layers.Concatenate()([x, keras.layers.Dense(3)(x)]),
}


@pytest.mark.parametrize("front", IN_FRONT)
def test_the_op_is_the_trained_layer_whatever_comes_before(front: str) -> None:
    """Though the weights have grown, and other rows calibrate the conversion."""
    x, inputs = rows_of("hmd"), keras.Input((12, 9))
    h = HMDLSTM(8, 2.0, go_backwards=True)(IN_FRONT[front](inputs))
    tuned = quantize_aware(keras.Model(inputs, keras.layers.Dense(5)(h)), x)
    for weight in tuned.trainable_weights:
        weight.assign(weight * 1.1)
    for rows in (x, x[:3] / 2):
        received, expected = ops_and_layers_answers(tuned, convert(tuned, rows).content, x)
        np.testing.assert_array_equal(received, expected)


def test_an_input_scale_that_cannot_be_kept_is_refused() -> None:
    x, layer, head = rows_of("hmd"), HMDLSTM(8, 2.0, name="rnn"), keras.layers.Dense(2)
    tuned = quantize_aware(keras.Sequential([keras.Input((12, 9)), layer, head]), x)
    model = keras.Sequential(
        [keras.Input((12, 9)), keras.layers.Activation("tanh"), *tuned.layers]  # of scale 1/128
    )
    with pytest.raises(UserError, match="layer rnn: .* scale 0.0078125, zero point 0, expected"):
        convert(model, x)


def test_fine_tuning_under_xla_makes_float_and_int8_agree_on_digits() -> None:
    data = datasets.load("digits")
    keras.utils.set_random_seed(0)
    recurrent = [HMDGRU(16, 2, return_sequences=True), HMDLSTM(24, 2)]
    head = keras.layers.Dense(10, activation="softmax")
    model = keras.Sequential([keras.Input((8, 8)), *recurrent, head])
    every = np.concatenate([data.x_train, data.x_val, data.x_test])
    whole = len(data.x_train) // 32 * 32  # XLA compiles anew for the rest of a batch

    def fit(model: keras.Model, rate: float, epochs: int) -> list[float]:
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.Adam(rate), loss, jit_compile=True)
        x, y = data.x_train[:whole], data.y_train[:whole]
        return model.fit(x, y, batch_size=32, epochs=epochs, verbose=0).history["loss"]

    def agreement(model: keras.Model) -> float:
        with Interpreter(convert(model, data.calibration()).content) as interpreter:
            int8 = interpreter.run(every).argmax(-1)
        return float(np.mean(int8 == np.asarray(model(every)).argmax(-1)))

    fit(model, 6e-3, 8)
    tuned = quantize_aware(model, data.calibration())
    first, *_, last = fit(tuned, 1e-3, 3)
    assert last < first
    assert agreement(tuned) >= max(agreement(model), 0.995)


@of_both_cells
def test_loops_and_masks_mean_what_they_mean_in_keras(s: Structure) -> None:
    ranges = Ranges(1 / 64, 0, 1, 2, 0, projections(s).tolist())
    x = np.random.default_rng(0).uniform(-1, 1, (3, 5, 9)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], bool)

    def outputs(values: np.ndarray, mask: Any = None, **options: Any) -> np.ndarray:
        layer = KINDS[s.gates][1].from_structure(s, ranges=ranges, **options)
        return np.asarray(filled(layer, random_factors(s, 1.0), s)(values, mask=mask))

    expected = outputs(x, mask)
    np.testing.assert_array_equal(outputs(x, mask, unroll=True), expected)
    for row, steps in enumerate((5, 3, 2)):
        np.testing.assert_array_equal(outputs(x[row : row + 1, :steps])[0], expected[row])
    every = outputs(x, mask, return_sequences=True, zero_output_for_mask=True)
    np.testing.assert_array_equal(every[~mask], 0)
    np.testing.assert_array_equal(every[:, 1], outputs(x[:, :2]))


@pytest.mark.parametrize("layer", [HMDLSTM, HMDGRU])
def test_weights_that_outgrow_the_shifts_are_refused_when_converted(layer: type) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (8, 4, 9)).astype(np.float32)
    head = keras.layers.Dense(2)
    tuned = quantize_aware(keras.Sequential([keras.Input((4, 9)), layer(8, 2), head]), x)
    tuned.layers[0].cell.dense.assign(tuned.layers[0].cell.dense * 20)
    with pytest.raises(UserError, match="which int8 .* cannot hold.*; quantize_aware chooses new"):
        convert(tuned, x)
    again = quantize_aware(tuned, x)
    np.testing.assert_array_equal(
        before_the_head(again, x), int8_before_the_head(convert(again, x).content, x)
    )


def test_a_loss_that_keras_does_not_know() -> None:
    head = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((4, 9)), HMDLSTM(8), keras.Sequential([head])])
    model.compile("adam", lambda y, y_pred: keras.ops.mean((y - y_pred) ** 2))
    tuned = quantize_aware(model, np.ones((4, 4, 9), np.float32))
    assert model.compiled and not tuned.compiled
    model.compile("adam", "mse")
    assert quantize_aware(model, np.ones((4, 4, 9), np.float32)).loss == "mse"


def test_what_cannot_be_trained_so_is_refused() -> None:
    ranges = Ranges(1 / 64, 0, 1, 2, 0, [])
    with pytest.raises(UserError, match="dtype: received compute dtype bfloat16, expected float32"):
        QuantizedHMDLSTM(4, rows=4, ranges=ranges, dtype="mixed_bfloat16")
    layer, x = HMDLSTM(6, 1.5, name="twice"), keras.Input((4, 3))
    y = keras.layers.Concatenate()([layer(x), layer(keras.layers.Dense(3)(x))])
    model = keras.Model(x, keras.layers.Dense(2)(y))
    with pytest.raises(UserError, match="layer twice: is called more than once"):
        quantize_aware(model, np.ones((4, 4, 3), np.float32))
    both = [
        keras.layers.Bidirectional(HMDLSTM(4, rows=4, name="r", return_sequences=sequences))
        for sequences in (True, False)
    ]
    model = keras.Sequential([keras.Input((4, 3)), *both, keras.layers.Dense(2)])
    with pytest.raises(UserError, match="layer backward_r: received 2 layers of this name, exp"):
        quantize_aware(model, np.ones((4, 4, 3), np.float32))


def test_saved_models_are_read_in_a_new_python(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(20, 6, 4)).astype(np.float32)
    model = keras.Sequential([keras.Input((6, 4)), HMDLSTM(5, return_sequences=True), HMDGRU(5)])
    quantize_aware(model, x).save(tmp_path / "tuned.keras")
    code = (
        f"import keras, hmd_tflm.layers; keras.saving.load_model({str(tmp_path / 'tuned.keras')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
