"""From a `.tflite` to model.c, which implements hmd_model.h of firmware/lib/hmd_nn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zlib import crc32

from hmd_tflm import tflite
from hmd_tflm.codegen.arena import Buffer, place
from hmd_tflm.codegen.ops import SCRATCH, Call, call
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


def c_source(content: bytes, name: str) -> str:
    """The text of model.c; arguments and errors as in `generate`."""
    source, target = model_io(content)
    model = tflite.read(content)
    graph = model.subgraphs[0]
    aliases = _aliases(model)
    ops = _ops(model)
    calls = [call(model, op, number) for number, op in enumerate(ops)]
    first, last = _resolve(aliases, graph.inputs[0]), _resolve(aliases, graph.outputs[0])
    offsets, size = place(_buffers(model, calls))
    statements = []
    for number, one in enumerate(calls):
        at = {
            str(i): f"AT({offsets[_resolve(aliases, i)]})"
            for i in (*one.reads, *one.writes, *one.states)
        }
        at[SCRATCH] = f"AT({offsets.get((SCRATCH, number), 0)})"
        statements.append(f"  {_fill(one.text, at)}\n  op_done(context);\n")
    states = [(offsets[i], count) for one in calls for i, count in one.states.items()]
    return _TEMPLATE.format(
        arena=size,
        constants="\n".join(one.constants for one in calls),
        name=model_name(name),
        input_bytes=source.bytes,
        output_bytes=target.bytes,
        op_count=len(calls),
        crc=crc32(content),
        input=offsets[first],
        output=offsets[last],
        resets="".join(f"  memset(AT({at}), 0, {count});\n" for at, count in states),
        op_names="".join(f'      "{tflite.op_name(model, op)}",\n' for op in ops),
        statements="".join(statements),
    )


def arena_buffers(content: bytes) -> dict[Any, Buffer]:
    """What the arena of a model holds: by tensor, and the scratch of op n by ``(SCRATCH, n)``.

    Raises:
        UserError: as `generate`.
    """
    model = tflite.read(content)
    return _buffers(model, [call(model, op, number) for number, op in enumerate(_ops(model))])


def _ops(model: Any) -> list[Any]:
    """All that compute something."""
    return [op for op in model.subgraphs[0].operators if tflite.op_name(model, op) != "RESHAPE"]


def _fill(text: str, at: dict[str, str]) -> str:
    return re.sub(r"\{(\d+|scratch)\}", lambda m: at[m[1]], text)


def _aliases(model: Any) -> dict[int, int]:
    """Outputs of RESHAPE, which are their inputs."""
    return {
        int(op.outputs[0]): int(op.inputs[0])
        for op in model.subgraphs[0].operators
        if tflite.op_name(model, op) == "RESHAPE"
    }


def _resolve(aliases: dict[int, int], index: int) -> int:
    index = int(index)
    return _resolve(aliases, aliases[index]) if index in aliases else index


def _buffers(model: Any, calls: list[Call]) -> dict[Any, Buffer]:
    """What the arena holds: tensors, states (at all times), scratch (during one op)."""
    aliases, graph = _aliases(model), model.subgraphs[0]
    first, last = _resolve(aliases, graph.inputs[0]), _resolve(aliases, graph.outputs[0])
    uses: dict[int, list[int]] = {first: [-1], last: [len(calls)]}
    for number, one in enumerate(calls):
        for index in (*one.reads, *one.writes):
            uses.setdefault(_resolve(aliases, index), []).append(number)
    buffers: dict[Any, Buffer] = {
        index: Buffer(tflite.tensor_info(graph.tensors[index]).bytes, min(times), max(times))
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
