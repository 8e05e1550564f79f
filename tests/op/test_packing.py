"""The stored order against its description, row by row."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_layers import integer_layers

from hmd_tflm.errors import UserError
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.packing import pack, packed_sizes, unpack
from hmd_tflm.structure import Structure

PARTS = ("dense", "projection", "expansion")


@given(integer_layers())
def test_round_trip(layer: IntegerLayer) -> None:
    weights, table = pack(layer)
    assert (len(weights), len(table)) == packed_sizes(layer.options.structure)
    again = unpack(layer.options, weights, table)
    for part in PARTS if layer.options.structure.lower else PARTS[:1]:
        np.testing.assert_array_equal(getattr(again, part), getattr(layer, part))
        out, expected = getattr(again, f"{part}_out"), getattr(layer, f"{part}_out")
        np.testing.assert_array_equal(out.multiplier, expected.multiplier)
        np.testing.assert_array_equal(out.bias, expected.bias)


@given(integer_layers())
def test_bytes_are_as_described(layer: IntegerLayer) -> None:
    """Groups of four rows, two columns at a time, 256 upper + lower."""
    matrices: list[tuple[list, list]] = []  # rows; where their requantisation stands

    def put(part: str, rows: list[tuple], weights) -> None:
        matrices.append(([weights(*row) for row in rows], [(part, row) for row in rows]))

    s, edges = layer.options.structure, layer.options.structure.boundaries
    for phase in [[0, 1, 2, 3]] if s.gates == 4 else [[0, 1], [2]]:
        put("dense", [(g, r) for r in range(s.rows) for g in phase], lambda g, r: layer.dense[g, r])
        if not s.lower:
            continue
        sets = [[0]] if s.shared else [phase]
        if s.shared and phase == [2]:
            sets = []
        if not s.shared and phase == [0, 1] and s.rank > 1:
            sets = [[0], [1]]
        for j in range(s.blocks):
            block = slice(edges[j], edges[j + 1])
            for gates in sets:
                put(
                    "projection",
                    [(g, j, e) for e in range(s.rank) for g in gates],
                    lambda g, _, e, block=block: layer.projection[g, e, block],
                )
        for gates in [phase] if s.shared else [[g] for g in phase]:
            rows = [(g, u) for u in range(s.lower) for g in gates]
            put("expansion", rows, lambda g, u: layer.expansion[g, u].ravel())
    weights, table = pack(layer)
    assert weights.tobytes() == b"".join(_stored(rows) for rows, _ in matrices if rows)
    expected = []
    for _, outs in matrices:
        for part, at in outs:
            out = getattr(layer, f"{part}_out")
            expected.append([int(out.multiplier[at]), int(out.bias[at])])
        expected += [[0, 0]] * (len(outs) % 2)
    assert table.tolist() == expected


def _stored(rows: list[np.ndarray]) -> bytes:
    rows = [np.append(row, [0] * (len(row) % 2)).astype(int) for row in rows]
    if len(rows) % 2:
        rows.append(0 * rows[0])
    data = b""
    for first in range(0, len(rows), 4):
        group = rows[first : first + 4]
        for column in range(0, len(group[0]), 2):
            for lower, upper in zip(group[0::2], group[1::2], strict=True):
                pair = 256 * upper + lower
                data += pair[column : column + 2].astype("<i2").tobytes()
    return data


@given(integer_layers(), st.integers(1, 9))
def test_other_sizes_are_refused(layer: IntegerLayer, more: int) -> None:
    weights, table = pack(layer)
    with pytest.raises(UserError, match="expected"):
        unpack(layer.options, np.append(weights, [np.int8(0)] * more), table)
    with pytest.raises(UserError, match="expected"):
        unpack(layer.options, weights, table[:-1])


def test_sizes_need_no_memory() -> None:
    """Options of an altered file may ask for anything, before they are held against its tensors."""
    side = 2**14
    tracemalloc.start()
    dense = packed_sizes(Structure.dense(side, side))
    projected = packed_sizes(Structure(side, side, 0, blocks=side, rank=side))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert dense == (4 * side * 2 * side, 4 * side)
    assert projected[0] == 4 * side * 2 * side + 4 * side * side * side
    assert peak < 2**23
