"""The interpreter that users call: one child process for each, float or integer arrays in and out."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.errors import UserError
from hmd_tflm.files import read_whole
from hmd_tflm.runtime.process import Process
from hmd_tflm.tflite import TensorInfo, check_input

RUNTIMES = ("tflite-runtime", "litert")
_MISSING_OP = re.compile(r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'")


class Interpreter:
    """A `.tflite` model, ready to run.

    ::

        with Interpreter("model.tflite") as interpreter:
            probabilities = interpreter.run(x)

    State of a stateful model goes on from one row of ``x`` to the next and from one call to the
    next, until `reset`. A stateless model starts each row from zero.

    Args:
        model: path of the file, or its bytes.
        runtime: "tflite-runtime" (its reference kernels, which TFLM and the firmware equal bit
            for bit) or "litert" (its fast kernels).
        keep: make every tensor of the model readable in `run_integers`.

    Raises:
        UserError: the model is altered, an op is missing, or the runtime is not installed.

    Attributes:
        inputs, outputs: `TensorInfo` of the model's tensors.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        runtime: str = "tflite-runtime",
        *,
        keep: bool = False,
    ) -> None:
        if runtime not in RUNTIMES:
            raise UserError(f"runtime: received {runtime!r}, expected one of {', '.join(RUNTIMES)}")
        content = model if isinstance(model, bytes) else read_whole(model)
        tflite.read(content)  # the runtimes crash on some of what this refuses
        self._runtime = runtime
        self._name = "model" if isinstance(model, bytes) else str(Path(model))
        self._process = Process(runtime)
        self.inputs: list[TensorInfo]
        self.outputs: list[TensorInfo]
        try:
            self.inputs, self.outputs = self._call("load", content, keep)
        except UserError:
            self.close()
            raise

    def run(self, *inputs: NDArray) -> Any:
        """Invoke the model once for each row.

        Args:
            inputs: one array for each input, ``[n, ...]``; float (quantised here, and the result
                is float32) or the input's own integer type (and the result is integer).

        Returns:
            ``[n, ...]``, or a tuple of such if the model has several outputs.

        Raises:
            UserError: another shape or type.
        """
        real = any(np.issubdtype(np.asarray(values).dtype, np.floating) for values in inputs)
        rows = self.run_integers(*self._checked(inputs))
        columns = [np.stack(column) for column in zip(*rows, strict=True)]
        if real:
            columns = [
                info.dequantize(column) if info.scale else column
                for info, column in zip(self.outputs, columns, strict=True)
            ]
        return columns[0] if len(columns) == 1 else tuple(columns)

    def run_integers(self, *inputs: NDArray, tensors: list[int] | None = None) -> list:
        """Of each row: the outputs, then the tensors of these indices (with ``keep``)."""
        return self._call("run", list(inputs), tensors or [])

    def reset(self) -> None:
        """Set the recurrent state to zero."""
        self._call("reset")

    def close(self) -> None:
        """End the child process."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _checked(self, inputs: tuple[NDArray, ...]) -> list[NDArray]:
        if len(inputs) != len(self.inputs):
            raise UserError(
                f"{self._name}: received {len(inputs)} inputs, expected {len(self.inputs)}"
            )
        return [check_input(i, info) for i, info in zip(inputs, self.inputs, strict=True)]

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return self._process.call(method, *arguments)
        except UserError as error:
            missing = _MISSING_OP.search(str(error))
            message = str(error) if missing is None else self._without(*missing.groups())
            raise UserError(f"{self._name}: {message}") from error

    def _without(self, op: str, version: str) -> str:
        return (
            f"{self._runtime} does not know {op} of version {version}, which a layer was turned "
            "into; put another layer in its place and convert the model again"
        )
