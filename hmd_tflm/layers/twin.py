"""A model's clone, and a layer's twin in it: built from its configuration, maybe of another kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import keras
from keras.layers import Bidirectional

Replace = Callable[[Any], Any]  # from a layer to the one in its place, or None to keep the kind


def twin(old: Any, replace: Replace) -> Any:
    """A new layer, for the `clone_function` of `keras.models.clone_model`.

    Args:
        old: a layer, or an operation, of a model.
        replace: is shown the layer; and, of a `Bidirectional`, the layers inside.
    """
    config = old.get_config()
    if isinstance(old, Bidirectional):
        del config["layer"], config["backward_layer"]
        backward = twin(old.backward_layer, replace)
        return Bidirectional(twin(old.forward_layer, replace), backward_layer=backward, **config)
    new = replace(old)
    return type(old).from_config(config) if new is None else new


def clone(model: keras.Model, clone_function: Callable[[Any], Any], **options: Any) -> keras.Model:
    """A new model, compiled as the old one if Keras can read the old one's compile options.

    Args:
        model: Sequential or functional; left as it is.
        clone_function, **options: of `keras.models.clone_model`, which raises where Keras cannot:
            a loss or metric that is a function of the user's own.
    """
    compiled = [
        one for one in model._flatten_layers() if isinstance(one, keras.Model) and one.compiled
    ]
    for one in compiled:
        one.compiled = False
    try:
        new = keras.models.clone_model(model, clone_function=clone_function, **options)
    finally:
        for one in compiled:
            one.compiled = True
    if model.compiled:
        with suppress(Exception):  # of many kinds, by what cannot be read
            new.compile_from_config(model.get_compile_config())
    return new


def stateless(model: keras.Model) -> keras.Model:
    """A model whose rows all start from zero, in batches of any size.

    Args:
        model: Sequential or functional; returned itself if no layer of it is stateful, else cloned.
    """
    layers = model._flatten_layers()
    if not any(isinstance(layer, keras.layers.RNN) and layer.stateful for layer in layers):
        return model

    def without_state(old: Any) -> Any:
        if not isinstance(old, keras.layers.RNN):
            return None
        return type(old).from_config(old.get_config() | {"stateful": False})

    inputs = keras.tree.map_structure(
        lambda tensor: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name),
        model.inputs[0] if isinstance(model, keras.Sequential) else model.input,
    )
    new = clone(model, lambda old: twin(old, without_state), input_tensors=inputs)
    new.set_weights(model.get_weights())
    return new
