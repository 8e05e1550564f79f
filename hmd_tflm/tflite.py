"""The `.tflite` file as objects: read, checked for what every user of it relies on, written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from hmd_tflm.errors import UserError

IDENTIFIER = b"TFL3"
_BUILTIN_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items()}
_DTYPES: dict[int, type[np.generic]] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT16: np.int16,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.UINT32: np.uint32,
    schema.TensorType.BOOL: np.bool_,
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Shape, type and quantisation (``real = scale * (value - zero_point)``) of a tensor.

    ``scale`` is 0 for a tensor that is not quantised.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float = 0.0
    zero_point: int = 0

    @property
    def size(self) -> int:
        """Elements."""
        return int(np.prod(self.shape))

    @property
    def bytes(self) -> int:
        """Bytes."""
        return self.size * self.dtype.itemsize

    def quantize(self, values: NDArray[np.floating]) -> NDArray:
        """Round real values to the tensor's type; values out of its range are clipped."""
        info = np.iinfo(self.dtype)
        steps = np.rint(np.asarray(values, np.float64) / self.scale) + self.zero_point
        return np.clip(steps, info.min, info.max).astype(self.dtype)

    def dequantize(self, values: NDArray) -> NDArray[np.float32]:
        """The real values, float32."""
        return ((values.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)


def check_input(values: NDArray, info: TensorInfo) -> NDArray:
    """Rows for one input in its own type; real values are quantised.

    Raises:
        UserError: another shape or type, no rows, or values that are not finite.
    """
    values = np.asarray(values)
    expected = f"expected [n, {', '.join(map(str, info.shape[1:]))}] of float or {info.dtype}"
    received = f"input {info.name}: received {list(values.shape)} of {values.dtype}"
    if values.shape[1:] != info.shape[1:] or values.ndim != len(info.shape):
        raise UserError(f"{received}, {expected}")
    if len(values) == 0:
        raise UserError(f"input {info.name}: received no rows, expected at least one")
    if np.issubdtype(values.dtype, np.floating) and info.scale:
        if not np.isfinite(values).all():
            raise UserError(f"{received} with NaN or infinite values, expected finite ones")
        return info.quantize(values)
    if values.dtype != info.dtype:
        raise UserError(f"{received}, {expected}")
    return values


def read(data: bytes) -> Any:
    """A model as the schema's ``ModelT``, of one subgraph whose references all resolve.

    Raises:
        UserError: the file is truncated, altered or no `.tflite` at all.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise UserError(
            f"model: received {len(data)} bytes that do not begin as a .tflite file "
            f"({IDENTIFIER.decode()}); give the output of hmd-tflm convert"
        )
    try:
        model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
        _check_references(model)
    except UserError:
        raise
    except Exception as error:  # whatever a hostile offset makes the reader stumble over
        raise UserError(
            f"model: the .tflite file is truncated or altered ({type(error).__name__}); convert "
            "it again"
        ) from error
    return model


def write(model: Any) -> bytes:
    """The bytes of a ``ModelT``."""
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def op_name(model: Any, op: Any) -> str:
    """The name of an operator: the builtin's, or the custom op's own."""
    code = model.operatorCodes[op.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    if builtin == schema.BuiltinOperator.CUSTOM:
        return (code.customCode or b"").decode(errors="replace")
    return _BUILTIN_NAMES.get(builtin, str(builtin))


def tensor_info(tensor: Any) -> TensorInfo:
    """What a tensor of the schema says of itself.

    Raises:
        UserError: a type beyond those that int8 models use.
    """
    name = (tensor.name or b"").decode(errors="replace")
    if tensor.type not in _DTYPES:
        raise UserError(f"tensor {name}: type {tensor.type} is not supported; use int8 models")
    scale, zero_point = 0.0, 0
    q = tensor.quantization
    if q is not None and q.scale is not None and len(q.scale):
        scale = float(q.scale[0])
        zero_point = int(q.zeroPoint[0]) if q.zeroPoint is not None and len(q.zeroPoint) else 0
    return TensorInfo(name, shape_of(tensor), np.dtype(_DTYPES[tensor.type]), scale, zero_point)


def shape_of(tensor: Any) -> tuple[int, ...]:
    """A tensor's shape; a scalar has none."""
    return () if tensor.shape is None else tuple(int(n) for n in tensor.shape)


def constant(model: Any, tensor: Any) -> NDArray | None:
    """The values of a constant tensor, or None for one that is computed.

    Raises:
        UserError: the buffer is not as long as the shape says.
    """
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) == 0:
        return None
    info = tensor_info(tensor)
    if len(data) != info.bytes:
        raise UserError(
            f"tensor {info.name}: received {len(data)} bytes, expected {info.bytes} for its shape "
            f"{info.shape}; the file is altered"
        )
    return np.frombuffer(bytes(data), info.dtype).reshape(info.shape)


def _check_references(model: Any) -> None:
    """Raise unless every index in the file points at something."""
    if not model.subgraphs or len(model.subgraphs) != 1:
        raise UserError("model: expected one subgraph; give the output of hmd-tflm convert")
    graph = model.subgraphs[0]
    tensors = len(graph.tensors)
    for tensor in graph.tensors:
        if not 0 <= tensor.buffer < len(model.buffers):
            raise UserError(f"model: buffer {tensor.buffer} does not exist; the file is altered")
        if any(n < 0 for n in shape_of(tensor)):
            raise UserError(f"model: shape {shape_of(tensor)}; the file is altered")
    indices = [*graph.inputs, *graph.outputs]
    for op in graph.operators:
        if not 0 <= op.opcodeIndex < len(model.operatorCodes):
            raise UserError(f"model: op code {op.opcodeIndex} does not exist; the file is altered")
        indices += [*(i for i in op.inputs if i != -1), *op.outputs]
    for index in indices:
        if not 0 <= index < tensors:
            raise UserError(f"model: tensor {index} does not exist; the file is altered")
