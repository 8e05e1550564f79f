"""FULLY_CONNECTED and SOFTMAX on each Cortex-M core, byte for byte against TensorFlow Lite's
reference kernels: this library's own code, and CMSIS-NN's where there is one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import qemu
from builtin_cases import (
    FullyConnectedCase,
    Int8s,
    SoftmaxCase,
    fully_connected_cases,
    integers,
    softmax_cases,
)
from hypothesis import given, settings

pytestmark = qemu.needs_qemu
examples = settings(max_examples=25, deadline=None)
FUNCTIONS = ["hmd_fully_connected_s8", "hmd_softmax_s8"]
CMSIS_NN_SOURCES = [
    "FullyConnectedFunctions/arm_fully_connected_per_channel_s8.c",
    "FullyConnectedFunctions/arm_fully_connected_s8.c",
    "NNSupportFunctions/arm_nn_vec_mat_mult_t_per_ch_s8.c",
    "NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c",
    "SoftmaxFunctions/arm_nn_softmax_common_s8.c",
    "SoftmaxFunctions/arm_softmax_s8.c",
]


def cmsis_nn_root() -> Path:
    """CMSIS_NN_ROOT, or TFLM's copy."""
    if os.environ.get("CMSIS_NN_ROOT"):
        return Path(os.environ["CMSIS_NN_ROOT"])
    if not os.environ.get("TFLM_ROOT"):
        pytest.skip("no CMSIS-NN: set CMSIS_NN_ROOT to its tree, or TFLM_ROOT to one with a copy")
    downloads = "tensorflow/lite/micro/tools/make/downloads"
    return Path(os.environ["TFLM_ROOT"]) / downloads / "cmsis_nn"


@cache
def program(core: str, code: str) -> qemu.Program:
    if code == "own":
        return qemu.Program(core, FUNCTIONS, flags=[])  # with asserts
    root = cmsis_nn_root()
    flags = ["-DHMD_NN_WITH_CMSIS_NN", "-isystem", str(root / "Include")]
    sources = [root / "Source" / name for name in CMSIS_NN_SOURCES]
    return qemu.Program(core, FUNCTIONS, flags=flags, sources=sources)


every_target = pytest.mark.parametrize(
    ("core", "code"),
    [(core, "own") for core in qemu.CORES]
    + [(core, "CMSIS-NN") for core in ("cortex-m0plus", "cortex-m4", "cortex-m55")],
)


def check(output: Int8s, memory: qemu.Memory, at: int, on: qemu.Program) -> None:
    """The output lies there, and nothing else has changed."""
    after = on.read(memory.base, len(memory.content))
    place = at - memory.base
    memory.content[place : place + output.size] = output.tobytes()
    assert after == memory.content


@every_target
@examples
@given(fully_connected_cases())
def test_fully_connected(core: str, code: str, case: FullyConnectedCase) -> None:
    on = program(core, code)
    memory = qemu.Memory(on.data)
    expected = case.expected()
    layer, multipliers = case.layer, case.multipliers
    weights = memory.put(case.weights.tobytes(), 1)
    bias = memory.put(layer.bias.tobytes(), 4)
    by = memory.put(multipliers.tobytes(), 4)
    sizes = [case.weights.shape[1], case.weights.shape[0], len(multipliers) > 1]
    words = np.array([weights, bias, by, *sizes, *integers(layer.output)], np.int64)
    struct = memory.put(words.astype(np.uint32).tobytes(), 4)
    values, output = memory.put(case.values.tobytes(), 1), memory.put(bytes(expected.size), 1)
    on.write(memory.base, bytes(memory.content))
    on.call("hmd_fully_connected_s8", struct, len(case.values), values, output)
    check(expected, memory, output, on)


@every_target
@examples
@given(softmax_cases())
def test_softmax(core: str, code: str, case: SoftmaxCase) -> None:
    on = program(core, code)
    memory = qemu.Memory(on.data)
    params = memory.put(case.params.tobytes(), 4)
    values = memory.put(case.values.tobytes(), 1)
    output = memory.put(bytes(case.values.size), 1)
    on.write(memory.base, bytes(memory.content))
    on.call("hmd_softmax_s8", params, *case.values.shape, values, output)
    check(case.expected(), memory, output, on)
