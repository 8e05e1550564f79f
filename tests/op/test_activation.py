"""The table against the exact functions; the numbers are those of docs/op.md."""

from pathlib import Path

import numpy as np

from hmd_tflm.op.activation import c_source, sigmoid, tanh_of_half

X = np.arange(-(2**15), 2**15)


def test_sigmoid_is_within_its_bound() -> None:
    exact = 1 / (1 + np.exp(-X / 2**12))
    assert np.abs(sigmoid(X) / 2**15 - exact).max() < 0.00198


def test_tanh_is_within_its_bound() -> None:
    assert np.abs(tanh_of_half(X) / 2**15 - np.tanh(X / 2**13)).max() < 0.00396


def test_tanh_is_odd_but_for_the_place_of_zero() -> None:
    np.testing.assert_array_equal(tanh_of_half(X), -tanh_of_half(-1 - X))


def test_the_kernels_copy_is_this_table() -> None:
    file = Path(__file__).parents[2] / "firmware/lib/hmd_nn/src/sigmoid_table.c"
    assert file.read_text() == c_source()
