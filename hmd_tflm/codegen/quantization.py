"""From the scales of a `.tflite` to the integers that firmware/lib/hmd_nn's built-in ops take.

The results equal those of TensorFlow Lite's reference kernels to the last bit, so scales are
float32 as in the file, and are multiplied in float32 or float64 as those kernels do.
Dataclasses named like a struct of hmd_builtin.h have its fields, in its order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.schema_py_generated import ActivationFunctionType
from numpy.typing import NDArray

from hmd_tflm.errors import UserError

MULTIPLY_LIMIT = 2**31 - 256  # HMD_MULTIPLY_LIMIT
SOFTMAX_DEPTH = 511  # equal values that the reference kernel can sum before a shift overflows
ADD_SHIFT = 20
ACTIVATIONS = {
    ActivationFunctionType.NONE: (-math.inf, math.inf),
    ActivationFunctionType.RELU: (0.0, math.inf),
    ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    ActivationFunctionType.RELU6: (0.0, 6.0),
}

Table = NDArray[np.int8]  # [256]: the result for -128..127


@dataclass(frozen=True, slots=True)
class Quantization:
    """Of an int8 tensor: its real values are ``scale * (q - zero_point)``."""

    scale: np.float32
    zero_point: int


@dataclass(frozen=True, slots=True)
class Multiplier:
    """The real number ``multiplier * 2**(shift - 31)``."""

    multiplier: int
    shift: int


@dataclass(frozen=True, slots=True)
class Output:
    """How a result becomes int8: zero point, and range of the fused activation."""

    zero_point: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """Integers of FULLY_CONNECTED; one multiplier for all rows, or one for each."""

    bias: NDArray[np.int32]
    multipliers: tuple[Multiplier, ...]
    output: Output


@dataclass(frozen=True, slots=True)
class Softmax:
    """Integers of SOFTMAX."""

    multiplier: int
    left_shift: int
    diff_min: int


@dataclass(frozen=True, slots=True)
class Add:
    """Integers of ADD."""

    a_zero_point: int
    b_zero_point: int
    a: Multiplier
    b: Multiplier
    sum: Multiplier
    output: Output


@dataclass(frozen=True, slots=True)
class Mul:
    """Integers of MUL."""

    a_zero_point: int
    b_zero_point: int
    product: Multiplier
    output: Output


def quantize_multiplier(real: float, largest: int) -> Multiplier:
    """The fixed-point form of a factor; below 2**-32 it is zero.

    Args:
        real: the factor, not negative.
        largest: bound of the magnitudes that it multiplies.

    Raises:
        UserError: a product could leave 32 bits.
    """
    multiplier, shift = _fixed_point(real)
    if largest << max(shift, 0) >= MULTIPLY_LIMIT:
        raise UserError(
            f"scales: received input scales {real:.4g} times the output's for sums up to "
            f"{largest}, expected less than {MULTIPLY_LIMIT / largest:.4g} times; calibrate the "
            "model with data like that it will see"
        )
    return Multiplier(multiplier, shift)


def output(quantization: Quantization, activation: int = ActivationFunctionType.NONE) -> Output:
    """The zero point, and the range that a fused activation leaves.

    Raises:
        UserError: the activation is not NONE, RELU, RELU_N1_TO_1 or RELU6.
    """
    if activation not in ACTIVATIONS:
        raise UserError(
            f"fused activation: received ActivationFunctionType {activation}, expected one of "
            f"{list(ACTIVATIONS)} (NONE, RELU, RELU_N1_TO_1, RELU6)"
        )
    steps = _round(np.array(ACTIVATIONS[activation], np.float32) / quantization.scale)
    minimum, maximum = np.clip(quantization.zero_point + steps, -128, 127)
    return Output(quantization.zero_point, int(minimum), int(maximum))


def fully_connected(
    source: Quantization,
    weights: NDArray[np.int8],
    weight_scales: NDArray[np.float32],
    bias: NDArray[np.int32] | None,
    target: Quantization,
    activation: int = ActivationFunctionType.NONE,
) -> FullyConnected:
    """Fold the input's zero point into the bias, and quantise the multipliers.

    Args:
        source: of the input.
        weights: ``[outputs, inputs]``, zero point 0.
        weight_scales: ``[1]``, or ``[outputs]``.
        bias: ``[outputs]``, or None for zeros.
        target: of the output.
        activation: an `ActivationFunctionType`.

    Raises:
        UserError: a sum could leave 32 bits, or the activation is unknown.
    """
    wide = weights.astype(np.int64)
    folded = (0 if bias is None else bias.astype(np.int64)) - source.zero_point * wide.sum(1)
    largest = np.abs(folded) + 128 * np.abs(wide).sum(1)
    if largest.max() >= 2**31:
        raise UserError(
            f"FULLY_CONNECTED: received weights and bias whose sums reach {largest.max()}, "
            "expected less than 2**31; regularise the layer or split it"
        )
    if len(weight_scales) == 1:
        factors = [float(source.scale * weight_scales[0]) / float(target.scale)]
        bounds = [largest.max()]
    else:
        factors = [float(source.scale) * float(s) / float(target.scale) for s in weight_scales]
        bounds = list(largest)
    return FullyConnected(
        folded.astype(np.int32),
        tuple(quantize_multiplier(f, int(b)) for f, b in zip(factors, bounds, strict=True)),
        output(target, activation),
    )


def softmax(source: Quantization, beta: float, depth: int, target: Quantization) -> Softmax:
    """The input's scale in Q5.26, and the distance from the maximum that counts as infinite.

    Args:
        source: of the input.
        beta: factor of the input.
        depth: length of the last axis.
        target: of the output: scale 1/256, zero point -128.

    Raises:
        UserError: another output scale, too many values, or an input scale of almost zero.
    """
    _expect("SOFTMAX", target, 1 / 256, -128)
    if depth > SOFTMAX_DEPTH:
        raise UserError(
            f"SOFTMAX: received {depth} values, expected at most {SOFTMAX_DEPTH}, the most that "
            "TensorFlow Lite's int8 kernel can sum; take the largest logit instead"
        )
    real = min(float(np.float32(beta)) * float(source.scale) * 2**26, 2**31 - 1.0)
    if real <= 1:
        raise UserError(
            f"SOFTMAX: received input scale {source.scale:.4g} and beta {beta:g}, expected a "
            "product above 2**-26; calibrate the model with data like that it will see"
        )
    multiplier, shift = _fixed_point(real)
    return Softmax(multiplier, shift, -math.floor(31 * 2**26 / 2**shift))


def add(
    a: Quantization,
    b: Quantization,
    target: Quantization,
    activation: int = ActivationFunctionType.NONE,
) -> Add:
    """Both inputs are brought to twice the larger scale over 2**20, added, and requantised.

    Raises:
        UserError: the output's scale is too small, or the activation is unknown.
    """
    common = 2 * float(max(a.scale, b.scale))
    real = common / (2**ADD_SHIFT * float(target.scale))
    if real >= 1:
        raise UserError(
            f"ADD: received output scale {target.scale:.4g} for input scales {a.scale:.4g} and "
            f"{b.scale:.4g}, expected more than {common / 2**ADD_SHIFT:.4g}; calibrate the model "
            "with data like that it will see"
        )
    return Add(
        a.zero_point,
        b.zero_point,
        quantize_multiplier(float(a.scale) / common, 255 << ADD_SHIFT),
        quantize_multiplier(float(b.scale) / common, 255 << ADD_SHIFT),
        quantize_multiplier(real, 255 << ADD_SHIFT),
        output(target, activation),
    )


def mul(
    a: Quantization,
    b: Quantization,
    target: Quantization,
    activation: int = ActivationFunctionType.NONE,
) -> Mul:
    """The product of both, requantised.

    Raises:
        UserError: the output's scale is too small, or the activation is unknown.
    """
    real = float(a.scale * b.scale / target.scale)
    return Mul(
        a.zero_point,
        b.zero_point,
        quantize_multiplier(real, 255 * 255),
        output(target, activation),
    )


def check_concatenation(sources: Sequence[Quantization], target: Quantization) -> None:
    """Raise UserError unless all scales and zero points are equal, as TensorFlow Lite demands."""
    for source in sources:
        if source != target:
            raise UserError(f"CONCATENATION: received an input of {source}, expected {target}")


def requantize_table(source: Quantization, target: Quantization) -> Table:
    """The table of QUANTIZE from int8 to int8.

    Raises:
        UserError: the output's scale is too small.
    """
    return _linear_table(source, float(source.scale) / float(target.scale), output(target))


def relu_table(source: Quantization, target: Quantization, activation: int) -> Table:
    """The table of RELU, RELU6 or RELU_N1_TO_1, named by the `ActivationFunctionType`.

    Raises:
        UserError: the output's scale is too small, or the activation is unknown.
    """
    return _linear_table(source, float(source.scale / target.scale), output(target, activation))


def logistic_table(source: Quantization, target: Quantization) -> Table:
    """The table of LOGISTIC.

    Raises:
        UserError: the output's scale is not 1/256 or its zero point not -128.
    """
    _expect("LOGISTIC", target, 1 / 256, -128)

    def logistic(x: NDArray[np.float64]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # to infinity, whose inverse is 0
            return 1 / (1 + np.exp(-x).astype(np.float32))

    return _float_table(logistic, source, target)


def tanh_table(source: Quantization, target: Quantization) -> Table:
    """The table of TANH.

    Raises:
        UserError: the output's scale is not 1/128 or its zero point not 0.
    """
    _expect("TANH", target, 1 / 128, 0)
    return _float_table(lambda x: np.tanh(x).astype(np.float32), source, target)


def _inputs(source: Quantization) -> NDArray[np.int64]:
    return np.arange(-128, 128) - source.zero_point


def _linear_table(source: Quantization, real: float, to: Output) -> Table:
    values = _multiply(_inputs(source), quantize_multiplier(real, 255))
    return np.clip(values + to.zero_point, to.minimum, to.maximum).astype(np.int8)


def _float_table(
    function: Callable[[NDArray[np.float64]], NDArray[np.float32]],
    source: Quantization,
    target: Quantization,
) -> Table:
    """The reference kernel too makes a table with float32 functions, here rounded from float64."""
    real = source.scale * _inputs(source).astype(np.float32)
    steps = function(real.astype(np.float64)) / target.scale
    return np.clip(_round(steps) + target.zero_point, -128, 127).astype(np.int8)


def _multiply(values: NDArray[np.int64], by: Multiplier) -> NDArray[np.int64]:
    """`hmd_multiply`: halves up to 2**-31, then halves away from zero to the result."""
    left, right = max(by.shift, 0), max(-by.shift, 0)
    high = ((values << left) * by.multiplier + 2**30) >> 31
    half = (1 << right) >> 1
    return (high + half - ((high < 0) & (right > 0))) >> right


def _fixed_point(real: float) -> tuple[int, int]:
    """A multiplier of 2**30..2**31-1 and a shift of -31 or more, or zeros."""
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (multiplier, shift) if shift >= -31 else (0, 0)


def _round(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """To the nearest integers, halves away from zero; in float64, where the sum is exact."""
    return np.trunc(values.astype(np.float64) + np.copysign(0.5, values))


def _expect(op: str, target: Quantization, scale: float, zero_point: int) -> None:
    if target.scale != scale or target.zero_point != zero_point:
        raise UserError(
            f"{op}: received output scale {target.scale:.6g} and zero point "
            f"{target.zero_point}, expected {scale:.6g} and {zero_point}; convert the model again"
        )
