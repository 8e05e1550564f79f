"""Rounding, saturation and the op's table of sigmoids, with gradients to train by.

A rounding's gradient is the identity (a straight-through estimator, Bengio et al. 2013, arXiv
1308.3432), a saturated value has none, and a table's is that of the function it stands for.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from hmd_tflm.op.activation import ENTRIES, STEPS_PER_ENTRY, sigmoid_table

ONE = 2**15  # of a gate: Q0.15
ARGUMENT_STEPS = 2**12  # of a table's argument, in 1.0


def double(values: Any) -> Any:
    """In float64, which holds the op's integers and their products: none reaches 2**53."""
    return ops.cast(values, "float64")


@ops.custom_gradient
def straight_through(smooth: Any, rounded: Any) -> Any:
    """What is rounded forward; backward, what is smooth."""
    return rounded, lambda upstream: (upstream, ops.zeros_like(upstream))


def half_up(values: Any) -> Any:
    """Rounded to integers, halves up."""
    return straight_through(values, ops.floor(values + 0.5))


def saturate(values: Any, bits: int) -> Any:
    """Clipped to signed integers of so many bits."""
    return ops.clip(values, -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)


@ops.custom_gradient
def sigmoid(steps: Any) -> Any:
    """The table at a Q3.12 argument, 0..1."""
    entry = ops.cast(ops.floor(steps / STEPS_PER_ENTRY), "int32") + ENTRIES // 2
    value = ops.take(ops.convert_to_tensor(sigmoid_table() / ONE, "float64"), entry)
    return value, lambda upstream: upstream * value * (1 - value) / ARGUMENT_STEPS


def tanh_of_half(steps: Any) -> Any:
    """``tanh(x / 2)`` of a Q3.12 argument x, by the same table."""
    return 2 * sigmoid(steps) - 1
