"""The converter: what it makes of Keras models, and what it refuses."""

from pathlib import Path

import models
import numpy as np
import pytest

from hmd_tflm import tflite
from hmd_tflm.errors import UserError
from hmd_tflm.op.read import read_layers
from hmd_tflm.runtime import Interpreter

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm.commands.inspect import describe
from hmd_tflm.convert import convert
from hmd_tflm.convert.check import INPUT_TYPES
from hmd_tflm.layers import HMDGRU, HMDLSTM

X = np.random.default_rng(0).normal(size=(24, 6, 4)).astype(np.float32)
RECURRENT = {  # others have one layer
    "stacked": ["HMD_LSTM", "HMD_LSTM"],
    "bidirectional": ["HMD_LSTM", "HMD_LSTM", "CONCATENATION"],
    "bidirectional_stacked": ["HMD_LSTM", "HMD_LSTM", "CONCATENATION", "HMD_LSTM"],
    "gru_behind_lstm": [
        *["HMD_GRU", "HMD_LSTM", "HMD_LSTM", "CONCATENATION"],
        *["HMD_GRU", "HMD_GRU", "CONCATENATION"],
    ],
}
every_layer = pytest.mark.parametrize("layer", [HMDLSTM, HMDGRU])


def small(*layers: keras.Layer, **kwargs: object) -> keras.Model:
    return keras.Sequential([keras.Input((6, 4)), *layers], **kwargs)


@pytest.mark.parametrize("name", models.MODELS)
def test_each_recurrent_layer_is_one_op(name: str, converted) -> None:
    model = tflite.read(converted(name).content)
    ops = [tflite.op_name(model, op) for op in model.subgraphs[0].operators]
    one = ["HMD_GRU" if name.startswith("gru") else "HMD_LSTM"]
    assert ops == [*RECURRENT.get(name, one), "FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize("name", models.MODELS)
def test_int8_follows_keras(name: str, converted) -> None:
    made = converted(name)
    with Interpreter(made.content) as interpreter:
        y = interpreter.run(made.x)
    assert made.float_outputs.std() > 0.05
    assert np.sqrt(np.mean(np.square(y - made.float_outputs))) < 0.012


def test_same_input_same_bytes() -> None:
    model = small(HMDLSTM(8, 2.0), keras.layers.Dense(3))
    assert convert(model, X).content == convert(model, X).content


def test_input_and_output_are_int8(converted) -> None:
    with Interpreter(converted("hmd").content) as interpreter:
        kinds = [info.dtype for info in interpreter.inputs + interpreter.outputs]
    assert kinds == ["int8", "int8"]


def test_the_file_holds_what_the_structure_promises(converted) -> None:
    (layer,) = read_layers(tflite.read(converted("hmd").content))
    s = layer.integers.options.structure
    assert (s.inputs, s.units, s.blocks, s.rank) == (9, 21, 2, 1)
    assert s.parameters <= layer.weights.nbytes <= s.parameters + 2 * s.columns


@every_layer
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_directions_and_sequences(layer: type, backwards: bool, sequences: bool) -> None:
    model = small(layer(8, 2.0, go_backwards=backwards, return_sequences=sequences))
    expected = np.asarray(model(X))
    with Interpreter(convert(model, X).content) as interpreter:
        y = interpreter.run(X)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() < 0.04


@every_layer
@pytest.mark.parametrize("wrap", [lambda layer: layer, keras.layers.Bidirectional])
def test_dropout_leaves_no_trace(layer: type, wrap, tmp_path: Path) -> None:
    def model(**options: float) -> keras.Model:
        return small(wrap(layer(8, 2.0, **options)), keras.layers.Dense(3))

    plain, dropping = model(), model(dropout=0.2, recurrent_dropout=0.1)
    dropping.set_weights(plain.get_weights())
    dropping.save(tmp_path / "dropping.keras")
    with Interpreter(convert(plain, X).content) as interpreter:
        expected = interpreter.run(X)
    for one in (dropping, keras.saving.load_model(tmp_path / "dropping.keras")):
        with Interpreter(convert(one, X).content) as interpreter:
            np.testing.assert_array_equal(interpreter.run(X), expected)
        assert (np.asarray(one(X, training=True)) != np.asarray(one(X))).any()


@every_layer
@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_merge_modes(layer: type, mode: str | None) -> None:
    inputs = keras.Input((6, 4))
    both = keras.layers.Bidirectional(layer(8, 2.0, return_sequences=True), merge_mode=mode)
    merged = both(inputs)
    if mode is None:
        merged = keras.layers.Subtract()(merged)
    model = keras.Model(inputs, merged)
    expected = np.asarray(model(X))
    with Interpreter(convert(model, X).content) as interpreter:
        assert np.abs(interpreter.run(X) - expected).max() < 0.06


@every_layer
def test_two_layers_that_read_one_input_backwards(layer: type) -> None:
    inputs = keras.Input((6, 4))
    both = [layer(units, 2.0, go_backwards=True)(inputs) for units in (8, 5)]
    model = keras.Model(inputs, keras.layers.Concatenate()(both))
    with Interpreter(convert(model, X).content) as interpreter:
        assert np.abs(interpreter.run(X) - np.asarray(model(X))).max() < 0.04


@every_layer
def test_a_layer_used_twice_and_a_nested_model(layer: type) -> None:
    shared, inputs = layer(4, 2.0, return_sequences=True), keras.Input((6, 4))
    outputs = small(HMDLSTM(5, 2.0))(shared(shared(inputs)))
    model = keras.Model(inputs, outputs)
    result = convert(model, X)
    assert [layer.units for layer in result.layers] == [4, 4, 5]
    with Interpreter(result.content) as interpreter:
        assert np.abs(interpreter.run(X) - np.asarray(model(X))).max() < 0.04


@pytest.mark.parametrize(
    "recurrent",
    [
        lambda: [HMDLSTM(8, 2.0, stateful=True)],
        lambda: [HMDGRU(8, 2.0, stateful=True)],
        lambda: [
            HMDLSTM(8, 2.0, stateful=True, return_sequences=True),
            HMDGRU(7, rows=2, return_sequences=True),
            HMDGRU(6, rows=2, stateful=True),
        ],
    ],
    ids=["LSTM", "GRU", "one of three is not"],
)
def test_stateful_model_goes_on_like_keras(recurrent) -> None:
    x = X[:, :2]  # few steps: the state at their beginning must show at their end
    layers = [*recurrent(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input(batch_shape=(1, 2, 4)), *layers])
    content = convert(model, x).content
    assert not model.layers[0].states[0].numpy().any()
    expected = np.concatenate([np.asarray(model(row[None])) for row in x])
    with Interpreter(content) as interpreter:
        first = interpreter.run(x)
        again = interpreter.run(x[:1])
        interpreter.reset()
        reset = interpreter.run(x[:1])
    assert np.abs(first - expected).max() < 0.05
    assert (again != first[:1]).any()
    np.testing.assert_array_equal(reset, first[:1])


def test_tensors_that_are_always_zero_get_a_scale() -> None:
    model = small(HMDLSTM(8), keras.layers.Dense(3, kernel_initializer="zeros"))
    with Interpreter(convert(model, np.zeros_like(X)).content) as interpreter:
        assert not interpreter.run(X).any()


@every_layer
def test_outputs_close_to_one_keep_their_scale(layer: type) -> None:
    """The ranges of the LSTM op's own state once widened that of its output beyond 127/128."""
    model = small(layer(8))
    bias = np.full(model.layers[0].cell.bias.shape, 9.0)
    if layer is HMDGRU:
        bias[:8] = -9  # z: all of h is the candidate
    model.layers[0].cell.bias.assign(bias)
    assert np.asarray(model(X)).max() > 127 / 128
    with Interpreter(convert(model, X).content) as interpreter:
        assert (interpreter.outputs[0].scale, interpreter.outputs[0].zero_point) == (1 / 128, 0)


def test_report_counts_and_measures() -> None:
    model = small(HMDLSTM(8, rows=3, name="rnn"), keras.layers.Dense(3))
    result = convert(model, X)
    (layer,) = result.layers
    s = model.layers[0].cell.structure
    assert (layer.name, layer.macs, layer.rows) == ("rnn", 6 * s.parameters, 3)
    assert 0.001 < layer.rms_error < 0.01 and 0 < result.rms_error < 0.05
    for text in ("rnn", "4 to 8: 3 dense rows, 2 own blocks of rank 1", "rms error"):
        assert text in result.table()


def _masked() -> keras.Model:
    return small(keras.layers.Masking(), HMDLSTM(5))


def _state_given() -> keras.Model:
    inputs = keras.Input((6, 4))
    state = keras.layers.Dense(5)(inputs[:, 0])
    return keras.Model(inputs, HMDLSTM(5)(inputs, initial_state=[state, state]))


def _state_returned() -> keras.Model:
    inputs = keras.Input((6, 4))
    return keras.Model(inputs, HMDLSTM(5, return_state=True, name="rnn")(inputs)[0])


def _flipped(axis: int | tuple[int, ...]) -> keras.Model:
    inputs = keras.Input((6, 4))
    outputs = HMDLSTM(5, go_backwards=True, return_sequences=True)(inputs)
    return keras.Model(inputs, keras.layers.Dense(3)(keras.ops.flip(outputs, axis)))


def _flipped_twice() -> keras.Model:
    """For a layer and for something else."""
    inputs = keras.Input((6, 4))
    outputs = HMDLSTM(5, go_backwards=True, return_sequences=True)(inputs)
    flipped = keras.layers.Dense(5)(keras.ops.flip(inputs, 1))
    return keras.Model(inputs, keras.layers.Dense(3)(outputs) + keras.layers.Dense(3)(flipped))


def _token_ids(dtype: str | None, embedding: keras.Layer | None = None) -> keras.Model:
    embedding = embedding or keras.layers.Embedding(300, 4)
    return keras.Sequential([keras.Input((6,), dtype=dtype), embedding, HMDLSTM(5)])


class _Nested(keras.layers.Layer):
    """An Embedding inside a layer, where the model's own graph does not show it."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.inner = keras.layers.Embedding(300, 4)
        self.inner.build(input_shape)

    def call(self, ids):
        return self.inner(ids)


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="own")
        self.recurrent = HMDLSTM(5)

    def call(self, x):
        return self.recurrent(x)


def _subclassed() -> keras.Model:
    model = _Subclassed()
    model(X)
    return model


class _Failing(keras.layers.Layer):
    """Works until it is traced."""

    calls = 0

    def call(self, x):
        self.calls += 1
        if self.calls > 1:
            raise KeyError
        return x


def _typed(dtype: str) -> keras.Model:
    return keras.Sequential([keras.Input((6, 4), dtype=dtype), HMDLSTM(5)])


def _policy(name: str) -> keras.Model:
    return small(HMDLSTM(5, name="rnn", dtype=name), keras.layers.Dense(3))


def _two_inputs() -> keras.Model:
    a, b = keras.Input((6, 4)), keras.Input((6, 4))
    return keras.Model([a, b], HMDLSTM(5)(a + b))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: small(keras.layers.LSTM(5, name="old")), "layer old: received LSTM, expected HMD"),
        (lambda: small(keras.layers.GRU(5, name="old")), "layer old: received GRU, expected HMD"),
        (lambda: small(keras.layers.Dense(5)), "received no HMDLSTM or HMDGRU layer"),
        (_masked, "received a mask"),
        (_state_given, "initial_state is not supported"),
        (_state_returned, "layer rnn: return_state=True is not supported"),
        (_two_inputs, "received 2 inputs"),
        (
            lambda: keras.Sequential([keras.Input((None, 4)), HMDLSTM(5)]),
            "expected a fixed number of steps",
        ),
        (lambda: keras.Sequential([HMDLSTM(5)]), "received a Sequential, expected .* is built"),
        (_subclassed, "model own: received a _Subclassed, expected a Sequential or functional"),
        (lambda: _typed("float16"), "received inputs of float16, expected float32, or int32"),
        (lambda: _typed("float64"), "received inputs of float64, expected float32"),
        (lambda: _policy("mixed_float16"), "layer rnn: received the dtype policy mixed_float16, "),
        (lambda: _policy("float64"), "received the dtype policy float64, expected float32; build"),
        (
            lambda: small(HMDLSTM(5), keras.layers.RepeatVector(3), HMDLSTM(5)),
            "tflite-runtime does not know TILE of version 3, which a layer was turned into; put",
        ),
        (lambda: _flipped(-1), "does not know REVERSE_V2"),
        (lambda: _flipped((1, 2)), "does not know REVERSE_V2"),
        (_flipped_twice, "does not know REVERSE_V2"),
        (lambda: small(_Failing(), HMDLSTM(5)), "KeyError: Exception encountered when calling _F"),
    ],
)
def test_unsupported_models_are_named(model, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        convert(model(), X)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X[:, :5], r"received shape \[24, 5, 4\], expected \[n, 6, 4\]"),
        (X[0], r"received shape \[6, 4\], expected \[n, 6, 4\]"),
        (X[:0], "received shape"),
        (X.astype(str), "received <U"),
        (np.where(X > 1, np.nan, X), "NaN or infinite"),
    ],
)
def test_calibration_data_are_checked(data: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        convert(small(HMDLSTM(5)), data)


IDS = np.random.default_rng(0).integers(0, 300, (24, 6))


@pytest.mark.parametrize("embedding", [lambda: keras.layers.Embedding(300, 4), _Nested])
def test_token_ids_are_read_as_integers_or_refused(embedding) -> None:
    """As float32 they were rounded to multiples of 300 / 255."""
    with pytest.raises(UserError, match=r"an Embedding that reads float32, .* dtype='int32'\)"):
        convert(_token_ids(None, embedding()), IDS)
    model = _token_ids("int32", embedding())
    with Interpreter(convert(model, IDS).content) as interpreter:
        y = interpreter.outputs[0].dequantize(interpreter.run(IDS.astype(np.int32)))
    assert np.abs(y - np.asarray(model(IDS))).max() < 0.02


@pytest.mark.parametrize("dtype", [name for name in INPUT_TYPES if "int" in name])
def test_token_ids_of_every_type(dtype: str) -> None:
    ids, model = IDS % 100, _token_ids(dtype)
    content = convert(model, ids).content
    with Interpreter(content) as interpreter:
        y = interpreter.outputs[0].dequantize(interpreter.run(ids.astype(dtype)))
    assert np.abs(y - np.asarray(model(ids))).max() < 0.02
    assert [op["name"] for op in describe(content)][-1] == "HMD_LSTM"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 1])
def test_weights_that_are_not_finite_are_named(value: float, layer: int) -> None:
    model = small(HMDLSTM(5), keras.layers.Dense(3))
    weight = model.layers[layer].weights[0]
    values = np.array(weight)
    values.flat[3] = value
    weight.assign(values)
    with pytest.raises(UserError, match=f"weight {weight.path}: received NaN or infinite"):
        convert(model, X)
