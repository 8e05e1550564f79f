"""One invocation of an op in integers: sequences and steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.op import cells, gru, lstm
from hmd_tflm.op.layer import IntegerLayer

State = dict[str, NDArray]

_STEPS = {cells.LSTM: lstm.step, cells.GRU: gru.step}


def zero_state(layer: IntegerLayer, batch: int) -> State:
    """What a layer remembers before its first step, by name, ``[batch, units]``."""
    shape = (batch, layer.options.structure.units)
    return {name: np.zeros(shape, dtype) for name, dtype in layer.options.cell.states.items()}


def run(layer: IntegerLayer, x: NDArray[np.int8], state: State | None = None) -> NDArray[np.int8]:
    """One invocation of the op.

    Args:
        layer: its integers.
        x: int8 ``[batch, steps, inputs]``.
        state: carried over and updated if the layer is stateful; without it, zeros.

    Returns:
        int8 ``[batch, steps, units]``, or ``[batch, units]`` without return_sequences.
    """
    options, steps = layer.options, x.shape[1]
    if state is None or not options.stateful:
        state = zero_state(layer, len(x))
    outputs = np.zeros((len(x), steps, options.structure.units), np.int8)
    for step in range(steps):
        source = steps - 1 - step if options.go_backwards else step
        new, y = _STEPS[options.cell](layer, x[:, source], state)
        state.update(new)
        outputs[:, source if options.input_order else step] = y
    return outputs if options.return_sequences else y
