"""What `recurrence.override` hands to the function in the loop's place, and gives back."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hmd_tflm.layers import HMDLSTM, recurrence

BATCH, STEPS, INPUTS, UNITS = 2, 4, 3, 5
X = np.random.default_rng(0).normal(size=(BATCH, STEPS, INPUTS)).astype(np.float32)
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], bool)


def loop(
    layer: HMDLSTM,
    x: tf.Tensor,
    initial_state: list[tf.Tensor],
    mask: tf.Tensor | None,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """An LSTM written out, from nothing but what an override is given."""
    assert all(tf.is_tensor(t) for t in (x, *initial_state, kernel, recurrent_kernel, bias))
    assert (kernel.shape, recurrent_kernel.shape) == ((INPUTS, 4 * UNITS), (UNITS, 4 * UNITS))
    assert bias.shape == (4 * UNITS,)
    h, c = initial_state
    y, outputs = tf.zeros_like(h), []
    for t in range(STEPS)[:: -1 if layer.go_backwards else 1]:
        i, f, g, o = tf.split(x[:, t] @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        new_c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        new_h = tf.sigmoid(o) * tf.tanh(new_c)
        keep = tf.ones((BATCH, 1), bool) if mask is None else mask[:, t, None]
        h, c, y = (tf.where(keep, new, old) for new, old in ((new_h, h), (new_c, c), (new_h, y)))
        outputs.append(y)
    return y, tf.stack(outputs, axis=1), [h, c]


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True},
        {"return_sequences": True, "go_backwards": True},
        {"use_bias": False},
        {"stateful": True, "return_state": True},
    ],
    ids=str,
)
def test_a_loop_in_the_loops_place_changes_nothing(
    options: dict[str, Any], mask: np.ndarray | None
) -> None:
    layer = HMDLSTM(UNITS, 1.5, **options)
    expected = layer(X, mask=mask)
    if layer.stateful:
        layer.reset_state()
    with recurrence.override(loop):
        received = tf.function(lambda: layer(X, mask=mask))()
    for a, b in zip(keras.tree.flatten(received), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_both_directions_are_overridden() -> None:
    both = keras.layers.Bidirectional(HMDLSTM(UNITS, 1.5, return_sequences=True))
    expected = both(X)
    directions = []

    def recording(layer: HMDLSTM, *arguments: Any) -> Any:
        directions.append(layer.go_backwards)
        return loop(layer, *arguments)

    with recurrence.override(recording):
        np.testing.assert_allclose(both(X), expected, rtol=1e-5, atol=1e-6)
    assert directions == [False, True]


def test_the_override_ends_with_its_block() -> None:
    layer = HMDLSTM(UNITS, 1.5)
    expected = layer(X)

    def fail(*_: Any) -> Any:
        raise RuntimeError("called")

    with recurrence.override(fail), recurrence.override(loop):
        layer(X)
    with recurrence.override(fail), pytest.raises(RuntimeError, match="called"):
        layer(X)
    np.testing.assert_array_equal(layer(X), expected)
