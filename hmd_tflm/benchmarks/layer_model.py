"""A `.tflite` of one HMD_LSTM op with random weights, for measuring kernels; no TensorFlow needed."""

from __future__ import annotations

import numpy as np

from hmd_tflm import tflite
from hmd_tflm.op.options import NAME, VERSION, Options
from hmd_tflm.op.packing import pack
from hmd_tflm.op.quantize import Factors, Observed, quantize
from hmd_tflm.structure import Structure
from hmd_tflm.tflite import schema

X_SCALE = 1 / 128


def layer_model(structure: Structure, steps: int, seed: int = 0) -> bytes:
    """One layer that returns its last output, with weights of the variance of a trained one."""
    lstm = quantize(
        _factors(structure, seed),
        _observed(structure),
        Options(structure=structure, x_scale=X_SCALE),
    )
    weights, table = pack(lstm)
    state = (1, structure.units)
    cell_scale = 2.0 ** (lstm.options.cell_shift - 12)
    int8, int16 = schema.TensorType.INT8, schema.TensorType.INT16
    tensors = [
        _tensor("x", int8, (1, steps, structure.inputs), 0, X_SCALE),
        _tensor("weights", int8, weights.shape, 1),
        _tensor("requantization", int16, table.shape, 2),
        _tensor("h", int8, state, 0, 1 / 128),
        _tensor("c", int16, state, 0, cell_scale),
        _tensor("y", int8, state, 0, 1 / 128),
    ]
    tensors[3].isVariable = tensors[4].isVariable = True
    op = schema.OperatorT(opcodeIndex=0, inputs=[0, 1, 2, 3, 4], outputs=[5])
    op.customOptions = np.frombuffer(lstm.options.encode(), np.uint8)
    custom = schema.BuiltinOperator.CUSTOM
    code = schema.OperatorCodeT(
        deprecatedBuiltinCode=custom, builtinCode=custom, customCode=NAME.encode(), version=VERSION
    )
    buffers = [schema.BufferT()] + [
        schema.BufferT(data=np.frombuffer(a.tobytes(), np.uint8)) for a in (weights, table)
    ]
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[5], operators=[op])
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


def _factors(s: Structure, seed: int) -> Factors:
    rng = np.random.default_rng(seed)
    rank, deviation = (s.rank if s.lower else 0), (3 * s.units) ** -0.5
    factor = np.sqrt(deviation) / s.rank**0.25
    return Factors(
        rng.normal(0, deviation, (s.gates, s.rows, s.columns)),
        rng.normal(0, factor, (s.projection_sets, rank, s.columns)),
        rng.normal(0, factor, (s.gates, s.lower, s.blocks, s.rank)),
        rng.normal(0, 0.3, (s.gates, s.units)),
    )


def _observed(s: Structure) -> Observed:
    projected = np.full((s.projection_sets, s.blocks, s.rank), 2.0)
    return Observed(np.full(s.inputs, 0.3), np.full(s.units, 0.1), projected, 2.0)
