"""Layers with one sum as large as the kernels' accumulators hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from integer_layers import random_layer

from hmd_tflm.op.bounds import SUM_LIMIT, column_limits
from hmd_tflm.op.cells import Cell
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import Options
from hmd_tflm.structure import Structure


def at_the_limit(cell: Cell, part: str, shared: bool) -> tuple[IntegerLayer, np.ndarray, int]:
    """The last row of a part ("dense", "projection", "expansion") sums up to less than 2**23.

    Returns:
        The layer; that row as a view, int8; a column of it, with which the sum reaches the limit
        as soon as its weight grows by one.
    """
    s = Structure(900, 60, 20, blocks=2, rank=40, shared=shared, gates=cell.gates)
    options = Options(structure=s, x_shift=2, h_shift=1, x_zero_point=3)
    layer = random_layer(options, 0)
    array = np.zeros_like(getattr(layer, part))
    layer = replace(layer, **{part: array})
    row = array[-1, -1].reshape(-1)
    block = slice(0, s.boundaries[1]) if part == "projection" else slice(None)
    limits = np.full(row.size, 2048) if part == "expansion" else column_limits(options)
    room = SUM_LIMIT - 1
    for column in range(row.size)[block]:
        row[column] = min(127, room // limits[column])
        room -= int(row[column]) * int(limits[column])
    assert (np.abs(row.astype(int)) * limits)[block].sum() + room == SUM_LIMIT - 1
    free = next(c for c in range(row.size)[block][::-1] if abs(int(row[c])) < 127)
    assert room < limits[free]
    return layer, row, free
