"""What a classifier's outputs are."""

from __future__ import annotations

import keras

from hmd_tflm.errors import UserError


def is_softmax(model: keras.Model) -> bool:
    """Whether the outputs are probabilities, else logits.

    Raises:
        UserError: the last layer is neither a softmax nor linear.
    """
    last = model.outputs[0]._keras_history.operation
    if isinstance(last, keras.layers.TimeDistributed):
        last = last.layer
    activation = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Softmax) or activation is keras.activations.softmax:
        return True
    if activation is keras.activations.linear:
        return False
    raise UserError(
        f"model {model.name}: received {type(last).__name__} as the last layer, expected a layer "
        "with activation 'softmax' or 'linear'"
    )
