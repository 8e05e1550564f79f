"""The child process that holds one interpreter: two TensorFlow Lite runtimes in one process clash.

It answers pickled requests on standard input, ``(method, arguments)``, with ``(True, result)`` or
``(False, message)`` on what was its standard output.
"""

from __future__ import annotations

import os
import pickle
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.tflite import TensorInfo


def delegate_path() -> Path:
    """The compiled delegate beside this file.

    Raises:
        FileNotFoundError: the package was not built.
    """
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_delegate{suffix}")
        if path.exists():
            return path
    raise FileNotFoundError("the delegate is not compiled; run `pip install` in the project again")


class Runner:
    """One interpreter with the delegate."""

    def __init__(self, runtime: str) -> None:
        if runtime == "tflite-runtime":
            from tflite_runtime import interpreter as module

            # The reference kernels are the ones that TFLM and the firmware equal.
            self._options = {"experimental_op_resolver_type": module.OpResolverType.BUILTIN_REF}
        else:
            from ai_edge_litert import interpreter as module

            self._options = {}
        self._module = module

    def load(self, model: bytes, keep: bool) -> tuple[list[TensorInfo], list[TensorInfo]]:
        """Allocate a model; ``keep`` makes the tensors between its ops readable."""
        self._interpreter = self._module.Interpreter(
            model_content=model,
            experimental_delegates=[self._module.load_delegate(str(delegate_path()))],
            experimental_preserve_all_tensors=keep,
            **self._options,
        )
        self._interpreter.allocate_tensors()
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        return [_info(d) for d in self._inputs], [_info(d) for d in self._outputs]

    def run(self, inputs: list[NDArray], tensors: list[int]) -> list[list[NDArray]]:
        """Invoke once for each row of the inputs; outputs, then the named tensors, of each."""
        rows = ([values[None] for values in row] for row in zip(*inputs, strict=True))
        return [[values[0] for values in self.invoke(row, tensors)] for row in rows]

    def invoke(self, inputs: list[NDArray], tensors: list[int]) -> list[NDArray]:
        """Invoke once: the outputs, then the named tensors."""
        for details, values in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(details["index"], values)
        self._interpreter.invoke()
        wanted = [details["index"] for details in self._outputs] + tensors
        return [self._interpreter.get_tensor(index) for index in wanted]

    def reset(self) -> None:
        self._interpreter.reset_all_variables()


def _info(details: dict[str, Any]) -> TensorInfo:
    scale, zero_point = details["quantization"]
    shape = tuple(int(n) for n in details["shape"])
    return TensorInfo(details["name"], shape, np.dtype(details["dtype"]), scale, zero_point)


def main() -> None:
    """Serve requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # the runtimes print where they like
    runner: Runner | None = None
    while True:
        try:
            method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            runner = runner or Runner(sys.argv[1])
            reply = True, getattr(runner, method)(*arguments)
        except ImportError as error:
            reply = False, f"{error}; run pip install 'hmd-tflm[runtime]'"
        except (OSError, RuntimeError, ValueError) as error:
            reply = False, f"{type(error).__name__}: {error}"
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    main()
