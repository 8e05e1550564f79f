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
