"""The range that stands for a scale."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm.convert.calibrate import _range

ends = st.one_of(st.just(0.0), st.floats(2**-14, 2**14, width=32))


def quantization(low: float, high: float) -> tuple[np.float32, int]:
    """int8's scale and zero point as TensorFlow Lite computes them."""
    scale = (np.float32(high) - np.float32(low)) / np.float32(255)
    return scale, int(np.clip(np.rint(-128 - low / float(scale)), -128, 127))


@given(ends, ends)
def test_a_scale_is_found_again_from_its_range(below: float, above: float) -> None:
    assume(below or above)
    scale, zero_point = quantization(-below, above)
    low, high = _range(float(scale), zero_point)
    assert low <= 0 <= high
    assert quantization(low, high) == (scale, zero_point)
