"""Another time loop for HMDLSTM and HMDGRU: the converter puts one fused op in the loop's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Recurrence = Callable[..., tuple[Any, Any, list[Any]]]

_replacement: ContextVar[Recurrence | None] = ContextVar("recurrence", default=None)


@contextmanager
def override(function: Recurrence) -> Iterator[None]:
    """Call a function instead of the time loop of every HMDLSTM and HMDGRU called meanwhile.

    The function stands for inference: no dropout mask is drawn for it. What the layer does
    around its loop (states of a stateful layer, the choice of outputs, casts) stays.

    Args:
        function: called as ``function(layer, sequences, initial_state, mask, kernel,
            recurrent_kernel, bias)``, all tensors of the layer's compute dtype: ``sequences``
            ``[batch, steps, inputs]`` in the order given to the layer (``layer.go_backwards``
            is left to the function), ``initial_state`` a list of the states ``[batch, units]``,
            ``mask`` bool ``[batch, steps]`` or None, ``kernel`` ``[inputs, gates * units]``,
            ``recurrent_kernel`` ``[units, gates * units]``, ``bias`` ``[gates * units]`` (zeros
            without a bias), gates in Keras' order. Returns ``(last_output [batch, units],
            outputs [batch, steps or 1, units], states)``; with ``layer.go_backwards`` the
            outputs stay in the order in which they were computed.
    """
    token = _replacement.set(function)
    try:
        yield
    finally:
        _replacement.reset(token)


def replacement() -> Recurrence | None:
    """The function of the innermost `override`, or None."""
    return _replacement.get()
