"""A layer's twin for inputs whose features have another order: its weights, and its output."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers
from numpy.typing import NDArray

from hmd_tflm.errors import UserError

Order = NDArray[np.intp] | None  # feature i was feature order[i]; None: each is where it was

Shape = tuple[int, ...]

READERS = {layers.Dense: 0, layers.SimpleRNN: 0, layers.Conv1D: 1}  # axis of the first weight
PER_FEATURE = (layers.BatchNormalization, layers.LayerNormalization)  # each weight is a vector
KEEPERS = (
    layers.Activation,
    layers.AveragePooling1D,
    layers.Cropping1D,
    layers.Dropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.GlobalAveragePooling1D,
    layers.GlobalMaxPooling1D,
    layers.LeakyReLU,
    layers.Masking,
    layers.MaxPooling1D,
    layers.ReLU,
    layers.RepeatVector,
    layers.Softmax,
    layers.SpatialDropout1D,
    layers.UpSampling1D,
    layers.ZeroPadding1D,
)
MERGERS = (
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)


def _features_are(axis: int | list[int], shapes: list[Shape]) -> bool:
    """Whether a layer's axis is that of the features, counted from either end."""
    last = len(shapes[0]) - 1
    return axis in (-1, [-1], last, [last])


def joined(orders: list[Order], sizes: list[int]) -> Order:
    """The order of features that stand one group behind the other."""
    if all(order is None for order in orders):
        return None
    starts = np.cumsum([0, *sizes[:-1]])
    return np.concatenate(
        [
            start + (np.arange(size) if order is None else order)
            for order, start, size in zip(orders, starts, sizes, strict=True)
        ]
    )


def same(one: Order, other: Order) -> bool:
    """Whether two orders are equal."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def copy_weights(old: Any, new: Any, orders: list[Order], shapes: list[Shape]) -> Order:
    """Give a layer the weights of its twin, so that it computes the same from reordered features.

    Args:
        old, new: built layers, or operations, of one kind.
        orders: of the features, the last axis, of each input.
        shapes: of each input.

    Returns:
        The order of the features that come out.

    Raises:
        UserError: what this kind of layer does with reordered features is not known.
    """
    kind, first = type(old), orders[0] if orders else None
    if kind is layers.TimeDistributed:
        return copy_weights(old.layer, new.layer, orders, [(s[0], *s[2:]) for s in shapes])
    weights = old.get_weights() if isinstance(old, layers.Layer) else []
    features_last = getattr(old, "data_format", "channels_last") == "channels_last"
    all_alike = all(same(order, first) for order in orders)
    if first is None and all_alike:
        out = None
    elif kind in READERS and features_last:
        weights[0], out = weights[0].take(first, READERS[kind]), None
    elif kind in PER_FEATURE and _features_are(old.axis, shapes):
        weights, out = [weight[first] for weight in weights], first
    elif kind in (*KEEPERS, *MERGERS) and features_last and all_alike:
        out = first
    elif kind is layers.Concatenate and _features_are(old.axis, shapes):
        out = joined(orders, [shape[-1] for shape in shapes])
    else:
        raise UserError(
            f"layer {old.name}: received units in a new order (compression puts the rich ones "
            f"first), which {kind.__name__} cannot follow; put a Dense or a recurrent layer before"
        )
    if weights:
        new.set_weights(weights)
    return out
