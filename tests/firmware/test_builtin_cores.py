"""FULLY_CONNECTED and SOFTMAX on each Cortex-M core, byte for byte against TensorFlow Lite's
reference kernels: this library's own code, and CMSIS-NN's where there is one."""

from __future__ import annotations

from functools import cache

import cmsis_nn
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
examples = settings(max_examples=25)
FUNCTIONS = ["hmd_fully_connected_s8", "hmd_softmax_s8"]


@cache
def program(core: str, code: str) -> qemu.Program:
    if code == "own":
        return qemu.Program(core, FUNCTIONS, flags=[])  # with asserts
    flags = ["-DHMD_NN_WITH_CMSIS_NN", "-isystem", str(cmsis_nn.root() / "Include")]
    return qemu.Program(core, FUNCTIONS, flags=flags, sources=cmsis_nn.sources())


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
