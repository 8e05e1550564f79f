"""HMDLSTM against keras.layers.LSTM holding the matrices that NumPy makes from the factors."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDGRU, HMDLSTM, HMDLSTMCell
from hmd_tflm.layers.gate_sums import pays
from hmd_tflm.structure import Structure

BATCH, STEPS, INPUTS, UNITS = 3, 5, 5, 6
STRUCTURES = {
    "dense": Structure.dense(INPUTS, UNITS),
    "hmd": Structure.hmd(INPUTS, UNITS, 1.5),
    "lmf": Structure.lmf(INPUTS, UNITS, 1.5),
    "hmf": Structure(INPUTS, UNITS, rows=2, blocks=1, rank=2),
    "shared": Structure(INPUTS, UNITS, rows=1, blocks=3, rank=2, shared=True),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True},
    {"return_state": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"unroll": True, "use_bias": False},
    {"return_sequences": True, "implementation": 1},
    {"dropout": 0.3, "seed": 5},
    {"recurrent_dropout": 0.3, "dropout": 0.2, "seed": 6, "return_sequences": True},
]


def sequences(seed: int = 0, batch: int = BATCH) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(batch, STEPS, INPUTS)).astype(np.float32)


def built(structure: Structure, **options: Any) -> HMDLSTM:
    """A layer with weights far from zero, also where they start at zero."""
    layer = HMDLSTM.from_structure(structure, **options)
    layer.build((BATCH, STEPS, INPUTS))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape, scale=0.6) for w in layer.trainable_weights])
    return layer


def twin_weights(cell: HMDLSTMCell) -> list[np.ndarray]:
    """The weights of a keras.layers.LSTM that computes the same, through NumPy."""
    shape = cell.structure
    full = shape.effective(*cell.factors()).reshape(4 * shape.units, shape.columns).T
    bias = [] if cell.bias is None else [cell.bias.numpy()]
    return [full[: shape.inputs], full[shape.inputs :], *bias]


def twin(layer: HMDLSTM, **options: Any) -> keras.layers.LSTM:
    lstm = keras.layers.LSTM(layer.units, **options)
    lstm.build((BATCH, STEPS, layer.cell.structure.inputs))
    weights = twin_weights(layer.cell)
    for variable, value in zip(lstm.trainable_weights, weights, strict=True):
        variable.assign(value)
    return lstm


def assert_same(received: Any, expected: Any) -> None:
    received, expected = keras.tree.flatten(received), keras.tree.flatten(expected)
    assert len(received) == len(expected)
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_every_structure_is_an_lstm_of_the_effective_matrices(structure: Structure) -> None:
    layer = built(structure, return_sequences=True)
    assert layer.cell.structure == structure
    assert_same(layer(sequences()), twin(layer, return_sequences=True)(sequences()))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_options_mean_what_they_mean_in_lstm(options: dict[str, Any], masked: bool) -> None:
    layer = built(STRUCTURES["hmd"], **options)
    mask = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1]], bool) if masked else None
    arguments = {"mask": mask, "training": True}
    assert_same(layer(sequences(), **arguments), twin(layer, **options)(sequences(), **arguments))


def test_stateful_carries_and_resets_its_states() -> None:
    layer = built(STRUCTURES["hmd"], stateful=True)
    lstm = twin(layer, stateful=True)
    for seed in (1, 2):
        assert_same(layer(sequences(seed)), lstm(sequences(seed)))
    layer.reset_state()
    lstm.reset_state()
    assert_same(layer(sequences(3)), lstm(sequences(3)))


def test_initial_state() -> None:
    layer = built(STRUCTURES["hmd"])
    state = [np.full((BATCH, UNITS), v, np.float32) for v in (0.3, -0.4)]
    received = layer(sequences(), initial_state=state)
    assert_same(received, twin(layer)(sequences(), initial_state=state))


@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_bidirectional(merge_mode: str) -> None:
    inner = HMDLSTM.from_structure(STRUCTURES["shared"], return_sequences=True)
    both = keras.layers.Bidirectional(inner, merge_mode=merge_mode)
    received = both(sequences())
    lstm = keras.layers.Bidirectional(
        keras.layers.LSTM(UNITS, return_sequences=True), merge_mode=merge_mode
    )
    lstm.build((BATCH, STEPS, INPUTS))
    lstm.set_weights(twin_weights(both.forward_layer.cell) + twin_weights(both.backward_layer.cell))
    assert_same(received, lstm(sequences()))


def test_cell_in_rnn_and_in_a_stack_of_cells() -> None:
    cells = [HMDLSTMCell(UNITS, 1.5), HMDLSTMCell(4, rows=1)]
    received = keras.layers.RNN(cells, return_sequences=True)(sequences())
    plain = [keras.layers.LSTMCell(UNITS), keras.layers.LSTMCell(4)]
    rnn = keras.layers.RNN(plain, return_sequences=True)
    rnn.build((BATCH, STEPS, INPUTS))
    rnn.set_weights(twin_weights(cells[0]) + twin_weights(cells[1]))
    assert_same(received, rnn(sequences()))


def test_mixed_precision() -> None:
    layer = built(STRUCTURES["hmf"], dtype="mixed_bfloat16")
    y = layer(sequences())
    assert y.dtype == "bfloat16" and layer.cell.dense.dtype == "float32"
    np.testing.assert_allclose(tf.cast(y, "float32"), twin(layer)(sequences()), atol=0.05)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_weights_are_the_factors_of_the_structure(structure: Structure) -> None:
    layer = built(structure)
    structure.check_factors(*layer.cell.factors())
    assert layer.count_params() == structure.parameters + 4 * UNITS
    kernel, recurrent_kernel, _ = twin_weights(layer.cell)
    assert_same([layer.cell.kernel, layer.cell.recurrent_kernel], [kernel, recurrent_kernel])


def test_compression_and_rows_choose_the_structure() -> None:
    def structure_of(*args: Any, **kwargs: Any) -> Structure:
        layer = HMDLSTM(*args, **kwargs)
        layer.build((None, None, 10))
        return layer.cell.structure

    assert structure_of(32) == Structure.hmd(10, 32, 2.0)
    assert structure_of(32, 3.5) == Structure.hmd(10, 32, 3.5)
    assert structure_of(32, 4, blocks=1, rank=3) == Structure.hmf(10, 32, 4, rank=3)
    assert structure_of(32, rows=7, shared=True) == Structure(10, 32, 7, shared=True)
    assert structure_of(32, rows=32).compression == 1


def test_dense_rows_start_as_those_of_an_lstm() -> None:
    initializers = {
        "kernel_initializer": keras.initializers.GlorotUniform(seed=1),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=2),
    }
    lstm = keras.layers.LSTM(UNITS, **initializers)
    lstm.build((None, None, INPUTS))
    dense, hmd = (
        HMDLSTM(UNITS, rows=rows, **{k: v.clone() for k, v in initializers.items()})
        for rows in (UNITS, 2)
    )
    dense.build((None, None, INPUTS))
    hmd.build((None, None, INPUTS))
    assert_same(twin_weights(dense.cell), lstm.get_weights())
    for received, expected in zip(twin_weights(hmd.cell)[:2], lstm.get_weights()[:2], strict=True):
        assert_same(
            received.reshape(-1, 4, UNITS)[:, :, :2], expected.reshape(-1, 4, UNITS)[..., :2]
        )


@pytest.mark.parametrize("rank", [1, 9])
def test_low_rank_rows_start_with_the_documented_variance(rank: int) -> None:
    units = 400
    layer = HMDLSTM(units, rows=0, rank=rank)
    layer.build((None, None, 400))
    variance = layer.cell.structure.effective(*layer.cell.factors()).var()
    assert variance * 3 * units == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("unit_forget_bias", [True, False])
def test_bias_starts_as_that_of_an_lstm(unit_forget_bias: bool) -> None:
    options = {"unit_forget_bias": unit_forget_bias, "bias_initializer": "ones"}
    layer = HMDLSTM(UNITS, bias_initializer=keras.initializers.Constant(0.5))
    layer.build((None, None, INPUTS))
    np.testing.assert_array_equal(layer.cell.bias, [0.5] * 6 + [1] * 6 + [0.5] * 12)
    layer, lstm = HMDLSTM(UNITS, **options), keras.layers.LSTM(UNITS, **options)
    layer.build((None, None, INPUTS))
    lstm.build((None, None, INPUTS))
    np.testing.assert_array_equal(layer.cell.bias, lstm.cell.bias)


@pytest.mark.parametrize("name", ["hmd", "lmf"])
def test_regularizers_see_the_effective_matrices(name: str) -> None:
    options = {
        "kernel_regularizer": keras.regularizers.L1(0.1),
        "recurrent_regularizer": keras.regularizers.L2(0.2),
        "bias_regularizer": keras.regularizers.L2(0.3),
    }
    layer = built(STRUCTURES[name], **options)
    received, expected = sum(layer.losses), sum(twin(layer, **options).losses)
    np.testing.assert_allclose(received, expected, rtol=1e-5)
    with tf.GradientTape() as tape:
        loss = sum(layer.losses)
    assert all(g is not None for g in tape.gradient(loss, layer.trainable_weights))


def numpy_lstm(structure: Structure, factors: list[np.ndarray], x: np.ndarray) -> float:
    """The sum of the squared last outputs, in float64 and with no Keras."""
    dense, projection, expansion, bias = factors
    w = structure.effective(dense, projection, expansion)
    h = c = np.zeros((len(x), structure.units))
    for t in range(x.shape[1]):
        v = np.concatenate([x[:, t], h], axis=1)
        z = np.einsum("guc,bc->gbu", w, v) + bias.reshape(4, 1, -1)
        i, f, o = (1 / (1 + np.exp(-z[gate])) for gate in (0, 1, 3))
        c = f * c + i * np.tanh(z[2])
        h = o * np.tanh(c)
    return float((h**2).sum())


@pytest.mark.parametrize("name", ["hmd", "shared"])
def test_gradient_is_the_finite_difference(name: str) -> None:
    structure, x = STRUCTURES[name], sequences().astype(np.float64)
    layer = built(structure, dtype="float64")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    factors = [w.numpy() for w in layer.trainable_weights]
    assert float(loss) == pytest.approx(numpy_lstm(structure, factors, x), rel=1e-9)
    step = 1e-6
    for factor, gradient in zip(factors, gradients, strict=True):
        for index in np.ndindex(factor.shape):
            value = factor[index]
            factor[index] = value + step
            above = numpy_lstm(structure, factors, x)
            factor[index] = value - step
            below = numpy_lstm(structure, factors, x)
            factor[index] = value
            slope = (above - below) / (2 * step)
            assert gradient.numpy()[index] == pytest.approx(slope, rel=1e-5, abs=1e-7)


def classifier(layer: keras.Layer, jit_compile: bool) -> keras.Model:
    head = keras.layers.Dense(2, activation="softmax", kernel_initializer="ones")
    model = keras.Sequential([keras.Input((STEPS, INPUTS)), layer, head])
    model.compile(
        keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", jit_compile=jit_compile
    )
    return model


def test_a_dense_layer_trains_under_xla_as_an_lstm_does() -> None:
    x, y = sequences(batch=12), np.arange(12) % 2
    layer = built(STRUCTURES["dense"])
    lstm = twin(layer)
    for model in (classifier(layer, True), classifier(lstm, True)):
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert_same(twin_weights(layer.cell), lstm.get_weights())


def test_a_compressed_layer_trains_under_xla_as_without() -> None:
    x, y = sequences(batch=12), np.arange(12) % 2
    layers = [built(STRUCTURES["shared"]) for _ in range(2)]
    start = layers[0].get_weights()
    for layer, jit_compile in zip(layers, (True, False), strict=True):
        model = classifier(layer, jit_compile)
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert_same(layers[0].get_weights(), layers[1].get_weights())
    for before, after in zip(start, layers[0].get_weights(), strict=True):
        assert np.abs(after - before).max() > 1e-3


def matmuls(layer: HMDLSTM) -> tuple[list[list[int]], int]:
    """What each step multiplies with, as shapes; and how many batched products there are outside."""
    graph = tf.function(layer).get_concrete_function(sequences()).graph
    (loop,) = [op for op in graph.get_operations() if "While" in op.type]
    body = loop.graph._get_function(loop.get_attr("body").name).graph
    multiplied = [op for op in body.get_operations() if "MatMul" in op.type]
    outside = [op for op in graph.get_operations() if "BatchMatMul" in op.type]
    return [op.inputs[1].shape.as_list() for op in multiplied], len(outside)


@pytest.mark.parametrize("use_cudnn", ["auto", True, False])
@pytest.mark.parametrize("gpu", [True, False])
def test_with_cudnn_there_is_no_xla_as_in_lstm(
    use_cudnn: bool | str, gpu: bool, monkeypatch
) -> None:
    """Where TensorFlow sees a GPU, as here it is told, cuDNN takes the place of the loop."""
    devices = ["GPU:0"] if gpu else []
    monkeypatch.setattr("tensorflow.config.list_logical_devices", lambda kind: devices)
    for options in ({}, {"use_bias": False}, {"unroll": True}):
        ours = HMDLSTM(8, use_cudnn=use_cudnn, **options)
        theirs = keras.layers.LSTM(8, use_cudnn=use_cudnn, **options)
        assert ours.supports_jit == theirs.supports_jit
        assert theirs.supports_jit == (not gpu or not use_cudnn or bool(options))
        assert HMDGRU(8, use_cudnn=use_cudnn, **options).supports_jit


def test_a_step_goes_through_the_factors() -> None:
    shape = STRUCTURES["hmd"]
    first = shape.gates * (shape.blocks * shape.rank + shape.rows)
    expansion = [shape.blocks * shape.rank, shape.lower]
    inside, _ = matmuls(built(shape))
    assert inside == [[shape.columns, first], *[expansion] * shape.gates]


@pytest.mark.parametrize("options", [{}, {"dropout": 0.1}], ids=str)
def test_where_that_does_not_pay_factors_are_multiplied_out_before_the_loop(
    options: dict[str, Any],
) -> None:
    large = Structure(INPUTS, UNITS, rows=1, blocks=3, rank=4, shared=True)
    shape = STRUCTURES["hmd"] if options else large
    assert pays(shape) == bool(options)
    inside, outside = matmuls(built(shape, **options))
    assert inside == [[INPUTS, 4 * UNITS], [UNITS, 4 * UNITS]]
    assert outside == shape.blocks


def test_no_matrix_outlives_the_call_that_made_it() -> None:
    layer = built(STRUCTURES["hmd"])
    call = tf.function(lambda x: layer(x))
    for batch in (3, 4):  # two traces
        call(sequences(batch=batch))
    eager = layer(sequences())
    assert_same(eager, twin(layer)(sequences()))
    layer.set_weights([2 * w for w in layer.get_weights()])
    assert_same([call(sequences()), layer(sequences())], [twin(layer)(sequences())] * 2)
    assert np.abs(layer(sequences()) - eager).max() > 0.01


def test_a_keras_file_brings_everything_back(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((STEPS, INPUTS)),
            keras.layers.Masking(),
            keras.layers.Bidirectional(HMDLSTM(UNITS, 1.5, return_sequences=True)),
            HMDLSTM.from_structure(Structure.lmf(2 * UNITS, 4, 2, shared=True), dropout=0.1),
            keras.layers.Dense(2),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = sequences()
    x[:, 3:] = 0
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.layers[2].cell.structure == model.layers[2].cell.structure
    assert loaded.layers[2].get_config() == model.layers[2].get_config()


@pytest.mark.parametrize("make", [HMDLSTM, HMDLSTMCell])
def test_config_round_trip(make: type) -> None:
    layer = make(UNITS, rows=2, blocks=3, rank=2, shared=True, use_bias=False, dropout=0.2, seed=4)
    config = layer.get_config()
    assert make.from_config(config).get_config() == config
    assert (config["rows"], config["compression"]) == (2, None)
    assert make(UNITS).get_config()["compression"] == 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": 2, "rows": 3}, "compression=2 and rows=3, expected one of them"),
        ({"activation": "relu"}, "activation: received 'relu', expected 'tanh'"),
        ({"recurrent_activation": None}, "received 'linear', expected 'sigmoid'"),
        ({"kernel_constraint": "max_norm"}, "kernel_constraint: received .*MaxNorm.* regularizer"),
        ({"recurrent_constraint": "non_neg"}, "recurrent_constraint: received .*NonNeg"),
        ({"use_cudnn": "yes"}, "use_cudnn: received 'yes', expected 'auto', True or False"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        HMDLSTM(UNITS, **options)


def test_a_structure_that_cannot_be_is_refused_when_built() -> None:
    with pytest.raises(UserError, match="compression: received 50, expected 1 to"):
        HMDLSTM(UNITS, 50)(sequences())
    with pytest.raises(UserError, match="rows: received 7, expected at most units=6"):
        keras.Sequential([keras.Input((STEPS, INPUTS)), HMDLSTM(UNITS, rows=7)])
