"""A layer's twin: new, built from its configuration, another kind of layer in a layer's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
