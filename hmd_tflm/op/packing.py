"""The ops' constant tensors: weights in the order in which the fast kernels read them.

A matrix is stored in groups of four rows (the last of two, if that is enough; rows beyond the
matrix are zero). A group holds, for two columns at a time, rows 0 and 1, then rows 2 and 3, as
*packed pairs*: the 16-bit number ``256 upper + lower`` of two rows' weights in one column. One
multiplication with it serves both rows.

Matrices follow each other, one phase (`hmd_tflm.op.cells`) after the other: dense rows
``[unit, gate]``; of each block its projections ``[rank, gate]`` (shared: ``[rank]``, in the first
phase only); expansions ``[unit, gate]`` if projections are shared, else ``[unit]`` of one gate after
the other. Projections of two gates with ranks above 1 are two matrices ``[rank]``. The
requantisation table has the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import cell_of
from hmd_tflm.op.layer import IntegerLayer, Requantization
from hmd_tflm.op.options import Options
from hmd_tflm.structure import Structure


@dataclass(frozen=True, slots=True)
class _Stored:
    """One stored matrix: rows ``[row, gate]`` of a part.

    Attributes:
        part: dense, projection or expansion.
        gates: some of the part, or some of its sets of projections.
        rows: of each gate.
        columns: some of the part.
        width: columns of the part.
        blocks, block: into how many its requantisation is divided, and which it is.
    """

    part: str
    gates: range
    rows: int
    columns: range
    width: int
    blocks: int = 1
    block: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.gates) * self.rows, len(self.columns)

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns in storage: both even."""
        rows, columns = self.shape
        return rows + rows % 2, columns + columns % 2

    def indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Flat ones into the part's weights ``[rows, columns]`` and its requantisation ``[rows]``."""
        row, gate = np.divmod(np.arange(self.shape[0]), len(self.gates))
        gate += self.gates.start
        weights = (gate * self.rows + row)[:, None] * self.width + np.array(self.columns)
        return weights, (gate * self.blocks + self.block) * self.rows + row


def pack(layer: IntegerLayer) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """The constant tensors: weights int8 ``[bytes]``, requantisation int16 ``[rows, 2]``."""
    weights, table = [], []
    for stored in _stored(layer.options.structure):
        rows, columns = stored.padded
        matrix = np.zeros((rows, columns), np.int8)
        count, width = stored.shape
        weights_at, out_at = stored.indices()
        matrix[:count, :width] = getattr(layer, stored.part).flat[weights_at]
        weights.append(_to_pairs(matrix))
        out: Requantization = getattr(layer, f"{stored.part}_out")
        entries = np.zeros((rows, 2), np.int16)
        entries[:count, 0] = out.multiplier.flat[out_at]
        entries[:count, 1] = out.bias.flat[out_at]
        table.append(entries)
    return np.concatenate(weights), np.concatenate(table)


def unpack(options: Options, weights: NDArray[np.int8], table: NDArray[np.int16]) -> IntegerLayer:
    """The inverse of `pack`.

    Raises:
        UserError: a tensor has another size than the options imply.
    """
    s = options.structure
    size, rows = packed_sizes(s)
    if weights.shape != (size,) or table.shape != (rows, 2):
        raise UserError(
            f"{options.cell.name} tensors: received {weights.shape} weights and {table.shape} requantisation, "
            f"expected ({size},) and ({rows}, 2)"
        )
    rank = s.rank if s.lower else 0
    shapes = {
        "dense": ((s.gates, s.rows, s.columns), (s.gates, s.rows)),
        "projection": (
            (s.projection_sets, rank, s.columns),
            (s.projection_sets, s.blocks, rank),
        ),
        "expansion": ((s.gates, s.lower, s.blocks, s.rank), (s.gates, s.lower)),
    }
    parts = {name: np.zeros(shape, np.int8) for name, (shape, _) in shapes.items()}
    outs = {
        name: Requantization(np.zeros(out, np.int16), np.zeros(out, np.int16))
        for name, (_, out) in shapes.items()
    }
    at = row = 0
    for stored in _stored(s):
        height, width = stored.padded
        count, columns = stored.shape
        weights_at, out_at = stored.indices()
        matrix = _from_pairs(weights[at : at + height * width], height, width)
        parts[stored.part].flat[weights_at] = matrix[:count, :columns]
        outs[stored.part].multiplier.flat[out_at] = table[row : row + count, 0]
        outs[stored.part].bias.flat[out_at] = table[row : row + count, 1]
        at, row = at + height * width, row + height
    return IntegerLayer(
        options,
        parts["dense"],
        parts["projection"],
        parts["expansion"],
        outs["dense"],
        outs["projection"],
        outs["expansion"],
    )


def packed_sizes(s: Structure) -> tuple[int, int]:
    """Bytes of the packed weights, and rows of the requantisation table."""
    padded = [stored.padded for stored in _stored(s)]
    return sum(rows * columns for rows, columns in padded), sum(rows for rows, _ in padded)


def _stored(s: Structure) -> Iterator[_Stored]:
    """The stored matrices in their order."""
    for phase in cell_of(s.gates).phases:
        yield _Stored("dense", phase, s.rows, range(s.columns), s.columns)
        if s.lower and (not s.shared or phase.start == 0):
            yield from _projections(s, range(1) if s.shared else phase)
        if s.lower:
            for gates in [phase] if s.shared else _one_by_one(phase):
                yield _Stored("expansion", gates, s.lower, range(s.projections), s.projections)


def _projections(s: Structure, sets: range) -> Iterator[_Stored]:
    """Of each block the projections of these sets."""
    # Ranks of two sets would not lie at equal distances: of four rows, two and two are neighbours.
    apart = len(sets) == 2 and s.rank > 1
    for j, (begin, end) in enumerate(pairwise(s.boundaries)):
        for some in _one_by_one(sets) if apart else [sets]:
            yield _Stored(
                "projection", some, s.rank, range(begin, end), s.columns, s.blocks, block=j
            )


def _one_by_one(gates: range) -> list[range]:
    return [range(gate, gate + 1) for gate in gates]


def _to_pairs(matrix: NDArray[np.int8]) -> NDArray[np.int8]:
    """Even ``[rows, columns]`` to stored bytes."""
    lower, upper = matrix[0::2], matrix[1::2]
    pairs = np.stack([lower, upper - (lower < 0)], axis=-1).astype(np.int8)  # [rows/2, columns, 2]
    return np.concatenate([_interleave(group) for group in _groups(pairs)] or [pairs.ravel()])


def _from_pairs(data: NDArray[np.int8], rows: int, columns: int) -> NDArray[np.int8]:
    """The inverse of `_to_pairs`."""
    pairs = np.zeros((rows // 2, columns, 2), np.int8)
    at = 0
    for group in _groups(pairs):
        part = data[at : at + group.size]
        group[:] = part.reshape(columns // 2, len(group), 2, 2).swapaxes(0, 1).reshape(group.shape)
        at += group.size
    matrix = np.zeros((rows, columns), np.int8)
    matrix[0::2], matrix[1::2] = pairs[..., 0], pairs[..., 1] + (pairs[..., 0] < 0)
    return matrix


def _groups(pairs: NDArray[np.int8]) -> Iterator[NDArray[np.int8]]:
    """Two pairs of rows at a time; the last group may be one pair."""
    for first in range(0, len(pairs), 2):
        yield pairs[first : first + 2]


def _interleave(group: NDArray[np.int8]) -> NDArray[np.int8]:
    """One group ``[pairs of rows, columns, 2]`` to its bytes, two columns at a time."""
    pairs, columns, _ = group.shape
    return group.reshape(pairs, columns // 2, 2, 2).swapaxes(0, 1).ravel()
