"""Layers with random weights, for measuring kernels, and their `.tflite`; no TensorFlow needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.op.layer import IntegerLayer
from hmd_tflm.op.options import VERSION, Options
from hmd_tflm.op.packing import pack
from hmd_tflm.op.quantize import Factors, Observed, quantize
from hmd_tflm.structure import Structure
from hmd_tflm.tflite import schema

X_SCALE = 1 / 128


def random_layer(structure: Structure, seed: int = 0) -> IntegerLayer:
    """A layer that returns its last output, with weights of the variance of a trained one."""
    return quantized(random_factors(structure, seed), structure)


def random_input(structure: Structure, steps: int, seed: int = 0) -> NDArray[np.int8]:
    """int8 ``[1, steps, inputs]``."""
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, (1, steps, structure.inputs)).astype(np.int8)


def quantized(factors: Factors, structure: Structure) -> IntegerLayer:
    """Float weights as a calibration would quantise them that sees ordinary values."""
    projected = np.full((structure.projection_sets, structure.blocks, structure.rank), 2.0)
    x_power, h_power = np.full(structure.inputs, 0.3), np.full(structure.units, 0.1)
    observed = Observed(x_power, h_power, projected, 2.0)
    return quantize(factors, observed, Options(structure=structure, x_scale=X_SCALE))


def layer_model(layer: IntegerLayer, steps: int) -> bytes:
    """The `.tflite` of one HMD op."""
    options, structure = layer.options, layer.options.structure
    weights, table = pack(layer)
    state = (1, structure.units)
    types = {1: schema.TensorType.INT8, 2: schema.TensorType.INT16}  # by bytes
    int8, int16 = types.values()
    tensors = [
        _tensor("x", int8, (1, steps, structure.inputs), 0, X_SCALE),
        _tensor("weights", int8, weights.shape, 1),
        _tensor("requantization", int16, table.shape, 2),
        *(
            _tensor(name, types[dtype.itemsize], state, 0, options.state_scale(name))
            for name, dtype in options.cell.states.items()
        ),
        _tensor("y", int8, state, 0, 1 / 128),
    ]
    for tensor in tensors[3:-1]:
        tensor.isVariable = True
    *inputs, output = range(len(tensors))
    op = schema.OperatorT(opcodeIndex=0, inputs=inputs, outputs=[output])
    op.customOptions = np.frombuffer(options.encode(), np.uint8)
    custom = schema.BuiltinOperator.CUSTOM
    code = schema.OperatorCodeT(
        deprecatedBuiltinCode=custom,
        builtinCode=custom,
        customCode=options.cell.name.encode(),
        version=VERSION,
    )
    buffers = [schema.BufferT()] + [
        schema.BufferT(data=np.frombuffer(a.tobytes(), np.uint8)) for a in (weights, table)
    ]
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[output], operators=[op])
    return tflite.write(
        schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=buffers)
    )


def _tensor(
    name: str, kind: int, shape: tuple[int, ...], buffer: int, scale: float | None = None
) -> schema.TensorT:
    tensor = schema.TensorT(name=name.encode(), type=kind, shape=list(shape), buffer=buffer)
    if scale is not None:
        tensor.quantization = schema.QuantizationParametersT(
            scale=np.array([scale], np.float32), zeroPoint=np.array([0], np.int64)
        )
    return tensor


def random_factors(s: Structure, seed: int) -> Factors:
    """Weights of the variance of trained ones."""
    rng = np.random.default_rng(seed)
    rank, deviation = (s.rank if s.lower else 0), (3 * s.units) ** -0.5
    factor = np.sqrt(deviation) / s.rank**0.25
    return Factors(
        rng.normal(0, deviation, (s.gates, s.rows, s.columns)),
        rng.normal(0, factor, (s.projection_sets, rank, s.columns)),
        rng.normal(0, factor, (s.gates, s.lower, s.blocks, s.rank)),
        rng.normal(0, 0.3, (s.gates, s.units)),
    )
