"""From a `.tflite` to model.c, which implements hmd_model.h of firmware/lib/hmd_nn."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.codegen.arena import Buffer, place
from hmd_tflm.codegen.ops import SCRATCH, Call, array, call, check_equal_sizes
from hmd_tflm.errors import UserError
from hmd_tflm.files import make_folder, write_whole
from hmd_tflm.tflite import TensorInfo

FILE = "model.c"


def generate(content: bytes, folder: str | Path, name: str = "model") -> Path:
    """Write the C form of a model.

    Args:
        content: the `.tflite`.
        folder: made if it does not exist; gets model.c.
        name: of the model, as the board tells it.

    Raises:
        UserError: an op outside the set, options that do not fit, a folder that cannot be made.
    """
    source = c_source(content, name)
    folder = make_folder(folder)
    write_whole(folder / FILE, source)
    return folder / FILE


def model_name(name: str) -> str:
    """One word of letters, digits and underscores."""
    return re.sub(r"\W", "_", name, flags=re.ASCII) or "model"


def model_io(content: bytes) -> tuple[TensorInfo, TensorInfo]:
    """The input and the output of a model that firmware can run.

    Raises:
        UserError: not one of each, or one of them is not int8.
    """
    graph = tflite.read(content).subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UserError(
            f"model: received {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, "
            "expected one of each"
        )
    infos = [tflite.tensor_info(graph.tensors[i]) for i in (graph.inputs[0], graph.outputs[0])]
    for info in infos:
        if info.dtype != "int8":
            raise UserError(f"tensor {info.name}: received {info.dtype}, expected int8")
    return infos[0], infos[1]


@dataclass(frozen=True, slots=True)
class _Program:
    """A model as C calls.

    Attributes:
        names: of the ops.
        calls: the ops.
        roots: outputs of RESHAPE, each with the tensor whose values it has.
        constants: operands that no op writes.
        source, target: tensors of the model's input and output.
    """

    names: list[str]
    calls: list[Call]
    roots: dict[int, int]
    constants: dict[int, NDArray]
    source: int
    target: int

    def root(self, index: int) -> int:
        """The tensor in whose place the values of a tensor lie."""
        return self.roots.get(index, index)


def c_source(content: bytes, name: str) -> str:
    """The text of model.c; arguments and errors as in `generate`."""
    source, target = model_io(content)
    model = tflite.read(content)
    program = _program(model)
    offsets, size = place(_buffers(model, program))
    operands = {index: f"tensor{index}" for index in program.constants}
    statements = []
    for number, one in enumerate(program.calls):
        roots = {str(i): program.root(i) for i in (*one.reads, *one.writes, *one.states)}
        at = {i: operands.get(root) or f"AT({offsets[root]})" for i, root in roots.items()}
        at[SCRATCH] = f"AT({offsets.get((SCRATCH, number), 0)})"
        statements.append(f"  {_fill(one.text, at)}\n  op_done(context);\n")
    states = [(offsets[i], count) for one in program.calls for i, count in one.states.items()]
    return _TEMPLATE.format(
        arena=size,
        constants="\n".join(
            [array(operands[i], "int8_t", values) for i, values in program.constants.items()]
            + [one.constants for one in program.calls]
        ),
        name=model_name(name),
        input_bytes=source.bytes,
        output_bytes=target.bytes,
        op_count=len(program.calls),
        crc=crc32(content),
        input=offsets[program.source],
        output=offsets[program.target],
        resets="".join(f"  memset(AT({at}), 0, {count});\n" for at, count in states),
        op_names="".join(f'      "{name}",\n' for name in program.names),
        statements="".join(statements),
    )


def arena_buffers(content: bytes) -> dict[Any, Buffer]:
    """What the arena of a model holds: by tensor, and the scratch of op n by ``(SCRATCH, n)``.

    Raises:
        UserError: as `generate`.
    """
    model = tflite.read(content)
    return _buffers(model, _program(model))


def _program(model: Any) -> _Program:
    """All ops that compute something.

    Raises:
        UserError: an op outside the set, one that reads what no op before it writes, or one
            that writes what another has written or read.
    """
    graph = model.subgraphs[0]
    program = _Program([], [], {}, {}, int(graph.inputs[0]), -1)
    written = {program.source}
    for op in graph.operators:
        name = tflite.op_name(model, op)
        if name == "RESHAPE":
            source, target = int(op.inputs[0]), int(op.outputs[0])
            check_equal_sizes(*(tflite.tensor_info(graph.tensors[i]) for i in (source, target)))
            _check_new(graph, target, program, written)
            program.roots[target] = program.root(source)
            continue
        one = call(model, op, len(program.calls))
        for root in map(program.root, one.reads):
            if root not in written:
                program.constants[root] = _constant(model, root)
        for index in one.writes:
            _check_new(graph, index, program, written)
            written.add(index)
        program.names.append(name)
        program.calls.append(one)
    target = program.root(int(graph.outputs[0]))
    if target not in written:
        raise UserError("model: received an output that no op writes; convert the model again")
    return replace(program, target=target)


def _check_new(graph: Any, index: int, program: _Program, written: set[int]) -> None:
    """That no op before wrote or read a tensor."""
    if index in written or index in program.roots or index in program.constants:
        name = tflite.tensor_info(graph.tensors[index]).name
        raise UserError(
            f"tensor {name}: received an op that writes what another op has written or read, "
            "expected one writer before all readers; convert the model again"
        )


def _constant(model: Any, index: int) -> NDArray:
    """The values of an operand that no op writes."""
    tensor = model.subgraphs[0].tensors[index]
    values = tflite.constant(model, tensor)
    if values is None:
        name = tflite.tensor_info(tensor).name
        raise UserError(f"tensor {name}: no op before its use writes it; convert the model again")
    return values


def _fill(text: str, at: dict[str, str]) -> str:
    return re.sub(r"\{(\d+|scratch)\}", lambda m: at[m[1]], text)


def _buffers(model: Any, program: _Program) -> dict[Any, Buffer]:
    """What the arena holds: tensors, states (at all times), scratch (during one op)."""
    tensors, calls = model.subgraphs[0].tensors, program.calls
    uses: dict[int, list[int]] = {program.source: [-1], program.target: [len(calls)]}
    for number, one in enumerate(calls):
        for root in map(program.root, (*one.reads, *one.writes)):
            if root not in program.constants:
                uses.setdefault(root, []).append(number)
    buffers: dict[Any, Buffer] = {
        index: Buffer(tflite.tensor_info(tensors[index]).bytes, min(times), max(times))
        for index, times in uses.items()
    }
    for number, one in enumerate(calls):
        for index, count in one.states.items():
            buffers[index] = Buffer(count, -1, len(calls))
        if one.scratch_bytes:
            buffers[SCRATCH, number] = Buffer(one.scratch_bytes, number, number)
    return buffers


_TEMPLATE = """\
/* A model for firmware without an interpreter, made by `hmd-tflm codegen`. */
#include <string.h>

#include "hmd_model.h"
#include "hmd_nn.h"

#define HMD_ALIGNED __attribute__((aligned(4)))
#define AT(offset) ((void *)(arena + (offset)))

enum {{ ARENA_BYTES = {arena}, UNTOUCHED = 0xA5 }};

static uint8_t arena[ARENA_BYTES] HMD_ALIGNED;

{constants}
const hmd_model_info *hmd_model(void) {{
  static const hmd_model_info info = {{"{name}", {input_bytes}, {output_bytes}, ARENA_BYTES,
                                      {op_count}, {crc}u}};
  return &info;
}}

int hmd_model_init(void) {{
  memset(arena, UNTOUCHED, sizeof arena);
  hmd_model_reset();
  return 0;
}}

void *hmd_model_input(void) {{ return AT({input}); }}

const void *hmd_model_output(void) {{ return AT({output}); }}

void hmd_model_reset(void) {{
{resets}}}

const char *hmd_model_op_name(uint32_t op) {{
  static const char *const names[] = {{
{op_names}  }};
  return names[op];
}}

int hmd_model_run(void (*op_done)(void *), void *context) {{
{statements}  return 0;
}}

uint32_t hmd_model_arena_high_water(void) {{
  uint32_t size = ARENA_BYTES;
  while (size > 0 && arena[size - 1] == UNTOUCHED) size--;
  return size;
}}
"""
