"""The sums of gates over ``[x | h]``, through the factors of their matrices.

So a training step takes about as many multiplies as there are weights. With the matrices that the
factors stand for it takes those of a dense layer, whatever the compression.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from hmd_tflm.structure import Structure

if TYPE_CHECKING:
    from hmd_tflm.layers.factored import FactoredCell


def pays(shape: Structure) -> bool:
    """Whether `GateSums` takes fewer multiplies than the matrices that the factors stand for."""
    terms = shape.blocks * shape.rank
    first = (shape.gates * shape.rows + shape.projection_sets * terms) * shape.columns
    return first + shape.gates * shape.lower * terms < shape.dense_parameters


class GateSums:
    """``W [x | h] + bias`` of neighbouring gates, for any number of steps.

    The projections, padded with zeros to all columns, and the dense rows make one matrix; what it
    gives goes through each gate's expansion.

    Args:
        cell: built, with rows that are not dense.
        gates: which of the cell's.
    """

    def __init__(self, cell: FactoredCell, gates: range) -> None:
        shape = cell.structure
        terms = shape.blocks * shape.rank
        own = slice(gates.start, gates.stop)
        sets = range(1) if shape.shared else gates
        projection = cell.projection[sets.start : sets.stop]
        block = np.zeros((shape.blocks, 1, shape.columns))
        for j, (begin, end) in enumerate(pairwise(shape.boundaries)):
            block[j, :, begin:end] = 1
        rows = [ops.expand_dims(projection, 1) * ops.cast(block, projection.dtype)]
        if cell.dense is not None:
            rows.append(cell.dense[own])
        self._first = ops.transpose(
            ops.concatenate([ops.reshape(some, (-1, shape.columns)) for some in rows])
        )
        widths = [terms] * len(sets) + [shape.rows] * len(gates)
        self._ends = np.cumsum(widths)[:-1].tolist()
        self._expansions = [
            ops.transpose(ops.reshape(cell.expansion[gate], (shape.lower, terms))) for gate in gates
        ]
        self._biases = [
            0.0 if cell.bias is None else cell.bias[gate * shape.units : (gate + 1) * shape.units]
            for gate in gates
        ]

    def __call__(self, x: Any, h: Any) -> list[Any]:
        """A step's sums.

        Args:
            x, h: ``[batch, inputs]`` and ``[batch, units]``.

        Returns:
            Of each gate, ``[batch, units]``.
        """
        first = ops.matmul(ops.concatenate([x, h], axis=1), self._first)
        parts = ops.split(first, self._ends, axis=1)
        gates = len(self._expansions)
        projections, dense = parts[:-gates], parts[-gates:]
        if len(projections) < gates:  # shared
            projections = projections * gates
        return [
            ops.concatenate([upper, ops.matmul(terms, expansion)], axis=1) + bias
            for upper, terms, expansion, bias in zip(
                dense, projections, self._expansions, self._biases, strict=True
            )
        ]
