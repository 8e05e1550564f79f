"""The stored order against its description, row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_lstms import integer_lstms

from hmd_tflm.errors import UserError
from hmd_tflm.op.lstm import IntegerLSTM
from hmd_tflm.op.packing import pack, packed_sizes, unpack

PARTS = ("dense", "projection", "expansion")


@given(integer_lstms())
def test_round_trip(lstm: IntegerLSTM) -> None:
    weights, table = pack(lstm)
    assert (len(weights), len(table)) == packed_sizes(lstm.options.structure)
    again = unpack(lstm.options, weights, table)
    for part in PARTS if lstm.options.structure.lower else PARTS[:1]:
        np.testing.assert_array_equal(getattr(again, part), getattr(lstm, part))
        out, expected = getattr(again, f"{part}_out"), getattr(lstm, f"{part}_out")
        np.testing.assert_array_equal(out.multiplier, expected.multiplier)
        np.testing.assert_array_equal(out.bias, expected.bias)


@given(integer_lstms())
def test_bytes_are_as_described(lstm: IntegerLSTM) -> None:
    """Groups of four rows, two columns at a time, 256 upper + lower."""
    s = lstm.options.structure
    matrices = [[lstm.dense[g, r] for r in range(s.rows) for g in range(4)]]
    outs = [(lstm.dense_out, (g, r)) for r in range(s.rows) for g in range(4)]
    if s.lower:
        edges, sets = s.boundaries, range(s.projection_sets)
        for j in range(s.blocks):
            block = slice(edges[j], edges[j + 1])
            rows = [(g, e) for e in range(s.rank) for g in sets]
            matrices.append([lstm.projection[g, e, block] for g, e in rows])
            outs += _padded([(lstm.projection_out, (g, j, e)) for g, e in rows])
        if s.shared:
            rows = [(g, u) for u in range(s.lower) for g in range(4)]
            matrices.append([lstm.expansion[g, u].ravel() for g, u in rows])
            outs += [(lstm.expansion_out, row) for row in rows]
        else:
            for g in range(4):
                matrices.append([lstm.expansion[g, u].ravel() for u in range(s.lower)])
                outs += _padded([(lstm.expansion_out, (g, u)) for u in range(s.lower)])
    weights, table = pack(lstm)
    assert weights.tobytes() == b"".join(map(_stored, matrices))
    expected = [(o.multiplier[at], o.bias[at]) if o else (0, 0) for o, at in outs]
    assert table.tolist() == [list(map(int, entry)) for entry in expected]


def _padded(outs: list) -> list:
    return outs + [(None, None)] * (len(outs) % 2)


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


@given(integer_lstms(), st.integers(1, 9))
def test_other_sizes_are_refused(lstm: IntegerLSTM, more: int) -> None:
    weights, table = pack(lstm)
    with pytest.raises(UserError, match="expected"):
        unpack(lstm.options, np.append(weights, [np.int8(0)] * more), table)
    with pytest.raises(UserError, match="expected"):
        unpack(lstm.options, weights, table[:-1])
