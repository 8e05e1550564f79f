"""A `.tflite` model of one int8 built-in op, and its run in TFLite's reference kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
from numpy.typing import NDArray

from hmd_tflm.runtime.process import Process

_reference = Process("tflite-runtime")  # with its reference kernels
TYPES = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A quantised tensor; with `values` a constant, else an input or the output.

    Several scales are those of the channels, dimension 0.
    """

    shape: tuple[int, ...]
    scales: tuple[float, ...]
    zero_point: int = 0
    values: NDArray[Any] | None = None


def build(operator: int, options: Any, inputs: list[Tensor], output: Tensor) -> bytes:
    """Serialise a model of one op.

    Args:
        operator: a member of `schema.BuiltinOperator`.
        options: the op's options object, or None.
    """
    tensors = [*inputs, output]
    count = len(inputs)
    used = [i for i, tensor in enumerate(inputs) if tensor.values is None]
    kind = type(options).__name__.removesuffix("T") if options else "NONE"
    op = schema.OperatorT(
        opcodeIndex=0,
        inputs=list(range(count)),
        outputs=[count],
        builtinOptionsType=getattr(schema.BuiltinOptions, kind),
        builtinOptions=options,
    )
    code = schema.OperatorCodeT(deprecatedBuiltinCode=operator, builtinCode=operator, version=1)
    graph = schema.SubGraphT(
        tensors=[_tensor(i, tensor) for i, tensor in enumerate(tensors)],
        inputs=used,
        outputs=[count],
        operators=[op],
    )
    buffers = [schema.BufferT(), *(_buffer(tensor) for tensor in tensors)]
    model = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=buffers)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(model: bytes, *inputs: NDArray[np.int8]) -> NDArray[np.int8]:
    """The output of the reference kernel."""
    _reference.call("load", model, False)
    return _reference.call("invoke", list(inputs), [])[0]


def _tensor(index: int, tensor: Tensor) -> schema.TensorT:
    dtype = "int8" if tensor.values is None else tensor.values.dtype.name
    quantization = schema.QuantizationParametersT(
        scale=np.array(tensor.scales, np.float32),
        zeroPoint=np.full(len(tensor.scales), tensor.zero_point, np.int64),
    )
    return schema.TensorT(
        name=f"tensor_{index}",
        shape=list(tensor.shape),
        type=TYPES[dtype],
        buffer=index + 1,
        quantization=quantization,
    )


def _buffer(tensor: Tensor) -> schema.BufferT:
    if tensor.values is None:
        return schema.BufferT()
    return schema.BufferT(data=np.frombuffer(tensor.values.tobytes(), np.uint8))
