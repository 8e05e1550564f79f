"""Random FULLY_CONNECTED and SOFTMAX ops, with what TensorFlow Lite's reference kernels make of them."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import one_op
from ai_edge_litert import schema_py_generated as schema
from hypothesis import strategies as st
from numpy.typing import NDArray
from one_op import Tensor

from hmd_tflm.codegen import quantization as q

Op = schema.BuiltinOperator
Int8s = NDArray[np.int8]

sizes = st.one_of(st.integers(1, 40), st.sampled_from([1, 3, 7, 501]))
scales = st.floats(-10, 1).map(lambda exponent: np.float32(2**exponent))
quantizations = st.builds(q.Quantization, scales, st.integers(-128, 127))
activations = st.sampled_from(list(q.ACTIVATIONS))
PROBABILITY = q.Quantization(np.float32(1 / 256), -128)


def int8s(*shape: int) -> st.SearchStrategy[Int8s]:
    """Any values, or only extremes."""
    count = int(np.prod(shape))
    anything = (
        st.binary(min_size=count, max_size=count).map(lambda b: np.frombuffer(b, np.int8))
        if count <= 1000  # of more, hypothesis draws too few examples
        else st.integers(0, 2**32 - 1).map(lambda seed: _random(seed, count))
    )
    extremes = anything.map(lambda v: np.where(v < 0, -128, 127).astype(np.int8))
    constant = st.sampled_from([-128, 127]).map(lambda v: np.full(count, v, np.int8))
    return st.one_of(anything, extremes, constant).map(lambda v: v.reshape(shape))


def _random(seed: int, count: int) -> Int8s:
    return np.random.default_rng(seed).integers(-128, 128, count).astype(np.int8)


def tensor(shape: tuple[int, ...], of: q.Quantization) -> Tensor:
    """Without values."""
    return Tensor(shape, (of.scale,), of.zero_point)


def integers(values: Any) -> NDArray[np.int32]:
    """A dataclass as the C struct of its fields, all int32_t."""

    def flat(value: Any) -> list[int]:
        return [n for v in value for n in flat(v)] if isinstance(value, tuple) else [value]

    return np.array(flat(astuple(values)), np.int32)


@dataclass(frozen=True)
class FullyConnectedCase:
    """One op, and its inputs `values` [batches, inputs]."""

    source: q.Quantization
    weights: Int8s
    weight_scales: NDArray[np.float32]
    bias: NDArray[np.int32] | None
    target: q.Quantization
    activation: int
    values: Int8s

    @property
    def layer(self) -> q.FullyConnected:
        """The integers."""
        weights = (self.weights, self.weight_scales, self.bias)
        return q.fully_connected(self.source, *weights, self.target, self.activation)

    @property
    def multipliers(self) -> NDArray[np.int32]:
        """hmd_multiplier[]."""
        return np.array([astuple(m) for m in self.layer.multipliers], np.int32)

    def expected(self) -> Int8s:
        """Of the reference kernel."""
        constants = [Tensor(self.weights.shape, tuple(self.weight_scales), 0, self.weights)]
        if self.bias is not None:
            bias_scales = tuple(self.source.scale * self.weight_scales)
            constants.append(Tensor(self.bias.shape, bias_scales, 0, self.bias))
        output = (len(self.values), len(self.weights))
        model = one_op.build(
            Op.FULLY_CONNECTED,
            schema.FullyConnectedOptionsT(fusedActivationFunction=self.activation),
            [tensor(self.values.shape, self.source), *constants],
            tensor(output, self.target),
        )
        return one_op.run(model, self.values)


@st.composite
def fully_connected_cases(draw: st.DrawFn) -> FullyConnectedCase:
    """Sums from far below to far beyond the output's range."""
    batches, inputs, outputs = draw(st.integers(1, 3)), draw(sizes), draw(st.integers(1, 40))
    values, weights = draw(int8s(batches, inputs)), draw(int8s(outputs, inputs))
    source, channels = draw(quantizations), draw(st.sampled_from([1, outputs]))
    ratios = st.lists(st.floats(-4, 4), min_size=channels, max_size=channels)
    weight_scales = draw(scales) * np.exp2(draw(ratios), dtype=np.float32)
    limit = draw(st.sampled_from([2**8, 2**16, 2**30]))
    biases = st.lists(st.integers(-limit, limit), min_size=outputs, max_size=outputs)
    bias = np.array(draw(biases), np.int32) if draw(st.booleans()) else None
    reach = draw(st.floats(0.5, 300)) / (limit + 30 * inputs)
    scale = np.float32(source.scale * weight_scales[0] / reach)
    target = q.Quantization(scale, draw(st.integers(-128, 127)))
    return FullyConnectedCase(
        source, weights, weight_scales, bias, target, draw(activations), values
    )


@dataclass(frozen=True)
class SoftmaxCase:
    """One op, and its input `values` [rows, depth]."""

    source: q.Quantization
    beta: float
    values: Int8s

    @property
    def params(self) -> NDArray[np.int32]:
        """hmd_softmax."""
        depth = self.values.shape[1]
        return integers(q.softmax(self.source, self.beta, depth, PROBABILITY))

    def expected(self) -> Int8s:
        """Of the reference kernel."""
        shape = self.values.shape
        options = schema.SoftmaxOptionsT(beta=self.beta)
        tensors = tensor(shape, self.source), tensor(shape, PROBABILITY)
        return one_op.run(one_op.build(Op.SOFTMAX, options, [tensors[0]], tensors[1]), self.values)


@st.composite
def softmax_cases(draw: st.DrawFn) -> SoftmaxCase:
    """From all values alike to one that counts alone."""
    rows = draw(st.integers(1, 3))
    depth = draw(st.integers(1, 40) | st.sampled_from([64, 511]))
    exponents = st.floats(-20, 5) | st.floats(3.5, 5)  # from 16 on, only the largest counts
    scale = draw(exponents.map(lambda exponent: np.float32(2**exponent)))
    source = q.Quantization(scale, draw(st.integers(-128, 127)))
    return SoftmaxCase(source, draw(st.sampled_from([0.25, 1.0, 3.0])), draw(int8s(rows, depth)))
