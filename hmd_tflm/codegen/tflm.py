"""From a `.tflite` to C for firmware with TFLM: the file's bytes, and the ops that it uses."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from hmd_tflm import tflite
from hmd_tflm.codegen.generate import model_io, model_name
from hmd_tflm.errors import UserError
from hmd_tflm.files import make_folder, write_whole
from hmd_tflm.op.cells import CELLS
from hmd_tflm.op.read import read_layers

MODEL_FILE = "model.c"
OPS_FILE = "ops.cc"

BUILTINS = {  # TFLM: the ending of MicroMutableOpResolver's Add method
    "ADD": "Add",
    "CONCATENATION": "Concatenation",
    "FULLY_CONNECTED": "FullyConnected",
    "LOGISTIC": "Logistic",
    "MEAN": "Mean",
    "MUL": "Mul",
    "PACK": "Pack",
    "QUANTIZE": "Quantize",
    "RELU": "Relu",
    "RELU6": "Relu6",
    "RESHAPE": "Reshape",
    "SOFTMAX": "Softmax",
    "SPLIT": "Split",
    "STRIDED_SLICE": "StridedSlice",
    "TANH": "Tanh",
    "TRANSPOSE": "Transpose",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
    "UNPACK": "Unpack",
}


def generate(content: bytes, folder: str | Path, name: str = "model") -> Path:
    """Write the C form of a model for firmware with TFLM.

    Args:
        content: the `.tflite`.
        folder: made if it does not exist; gets model.c and ops.cc.
        name: of the model, as the board tells it.

    Returns:
        The folder.

    Raises:
        UserError: an op outside the set, options that do not fit, a folder that cannot be made.
    """
    sources = {MODEL_FILE: _model_source(content, name), OPS_FILE: _ops_source(content)}
    folder = make_folder(folder)
    for file, source in sources.items():
        write_whole(folder / file, source)
    return folder


def _op_names(content: bytes) -> list[str]:
    model = tflite.read(content)
    return [tflite.op_name(model, op) for op in model.subgraphs[0].operators]


def _model_source(content: bytes, name: str) -> str:
    source, target = model_io(content)
    names = _op_names(content)
    lines = [content[at : at + 20] for at in range(0, len(content), 20)]
    return _MODEL.format(
        content="".join(f"    {', '.join(map(str, line))},\n" for line in lines),
        op_names="".join(f'    "{op}",\n' for op in names),
        name=model_name(name),
        input_bytes=source.bytes,
        output_bytes=target.bytes,
        op_count=len(names),
        crc=crc32(content),
    )


def _ops_source(content: bytes) -> str:
    read_layers(tflite.read(content))
    names = sorted(set(_op_names(content)))
    calls = []
    for name in names:
        if name in CELLS:
            calls.append(f'AddCustom("{name}", hmd_tflm::Register_{name}())')
        elif name in BUILTINS:
            calls.append(f"Add{BUILTINS[name]}()")
        else:
            raise UserError(
                f"op {name}: received one that firmware with TFLM does not link, expected "
                f"{', '.join(sorted([*CELLS, *BUILTINS]))}; change the model"
            )
    return _OPS.format(
        count=len(calls), calls="".join(f"  (void)resolver.{call};\n" for call in calls)
    )


_MODEL = """\
/* A model for firmware with TFLM, made by `hmd-tflm codegen --tflm`. */
#include "tflm_model.h"

static const uint8_t content[] __attribute__((aligned(16))) = {{
{content}}};

static const char *const op_names[] = {{
{op_names}}};

const tflm_model_facts tflm_model = {{
    {{"{name}", {input_bytes}, {output_bytes}, 0, {op_count}, {crc}u}}, op_names, content}};
"""

_OPS = """\
// The ops of the model in model.c, made by `hmd-tflm codegen --tflm`.
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tflm_model.h"

using namespace HMD_TFLM_NAMESPACE;

const MicroOpResolver &tflm_model_ops() {{
  static MicroMutableOpResolver<{count}> resolver;
{calls}  return resolver;
}}
"""
