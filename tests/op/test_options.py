"""The options codec: what is written is read, and what does not fit is refused."""

import pytest
from hypothesis import given
from integer_layers import options

from hmd_tflm.errors import UserError
from hmd_tflm.op.cells import GRU, LSTM
from hmd_tflm.op.options import LENGTH, Options
from hmd_tflm.structure import Structure


@given(options())
def test_round_trip(chosen: Options) -> None:
    data = chosen.encode()
    assert len(data) == LENGTH
    assert Options.decode(chosen.cell, data) == chosen


@pytest.mark.parametrize(
    ("at", "value", "named"),
    [
        (0, 0, "magic"),
        (4, 2, "version"),
        (6, 31, "length"),
        (8, 0, "inputs"),
        (10, 0, "units"),
        (12, 255, "rows"),
        (14, 0, "blocks"),
        (16, 0, "rank"),
        (19, 1, "flags"),
        (20, 0, "layout"),
        (21, 8, "x_shift"),
        (22, 8, "h_shift"),
        (23, 8, "cell_shift"),
        (25, 1, "reserved"),
        (31, 0xC0, "x_scale"),
    ],
)
def test_a_wrong_field_is_named(at: int, value: int, named: str) -> None:
    data = bytearray(Options(structure=Structure(3, 5, 2)).encode())
    data[at] = value
    with pytest.raises(UserError, match=named):
        Options.decode(LSTM, bytes(data))


def test_other_lengths_and_gates_are_refused() -> None:
    with pytest.raises(UserError, match="received 31 bytes, expected 32"):
        Options.decode(LSTM, Options(structure=Structure(3, 5, 2)).encode()[:-1])
    with pytest.raises(UserError, match="gates: received 2, expected the 4 of an LSTM or the 3 of"):
        Options(structure=Structure(3, 5, 2, gates=2))


def test_a_gru_has_no_cell_shift_and_its_own_magic() -> None:
    data = bytearray(Options(structure=Structure(3, 5, 2, gates=3)).encode())
    assert Options.decode(GRU, bytes(data)).structure.gates == 3
    with pytest.raises(UserError, match="HMD_LSTM options, magic: received b'HMDG'"):
        Options.decode(LSTM, bytes(data))
    data[23] = 1
    with pytest.raises(UserError, match=r"HMD_GRU, cell_shift: received 1, expected 0\.\.0"):
        Options.decode(GRU, bytes(data))
