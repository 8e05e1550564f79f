"""Writes firmware/test/test_kernels/vectors.h: what the kernels must give, by other implementations.

Recurrent layers by the NumPy reference (hmd_tflm/op/reference.py), the small ops by TensorFlow Lite's reference
kernels (tflite-runtime). From the root of a checkout:

    PYTHONPATH=tests/op:tests/firmware python tests/pio/make_vectors.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import one_op
from ai_edge_litert import schema_py_generated as schema
from integer_layers import random_layer
from numpy.typing import NDArray
from one_op import Tensor

from hmd_tflm.codegen import quantization as q
from hmd_tflm.codegen.ops import array, literal
from hmd_tflm.files import write_whole
from hmd_tflm.op.options import Options
from hmd_tflm.op.packing import pack
from hmd_tflm.op.reference import run, zero_state
from hmd_tflm.structure import Structure

ROOT = Path(__file__).parents[2]
FILE = ROOT / "firmware/test/test_kernels/vectors.h"
LAYERS = {
    "lstm_dense": Options(structure=Structure.dense(9, 12), return_sequences=True),
    "lstm_hmd": Options(structure=Structure.hmd(13, 21, 2.0), x_shift=1, x_zero_point=-3),
    "lstm_four_blocks": Options(structure=Structure(20, 17, 2, blocks=4), return_sequences=True),
    "lstm_lmf_shared": Options(structure=Structure(9, 19, 0, rank=15, shared=True), cell_shift=2),
    "lstm_stateful": Options(structure=Structure(7, 11, 3, blocks=3, rank=3), stateful=True),
    "lstm_backwards": Options(
        structure=Structure(6, 10, 4), go_backwards=True, return_sequences=True
    ),
    "gru_dense": Options(structure=Structure.dense(9, 12, gates=3), return_sequences=True),
    "gru_hmd": Options(structure=Structure.hmd(13, 21, 2.0, gates=3), x_shift=1, h_shift=2),
    "gru_lmf_shared": Options(structure=Structure(9, 19, 0, rank=15, shared=True, gates=3)),
    "gru_stateful": Options(
        structure=Structure(7, 11, 3, blocks=3, rank=3, gates=3), stateful=True
    ),
}
BATCH, STEPS, RUNS = 2, 4, 2
Int8s = NDArray[np.int8]


def text() -> str:
    """The header."""
    rng = np.random.default_rng(0)
    layers = "".join(_layer(name, options, rng) for name, options in LAYERS.items())
    return (
        _HEAD.format(batch=BATCH, steps=STEPS, runs=RUNS) + layers + _builtins(rng) + "\n#endif\n"
    )


def _layer(name: str, options: Options, rng: np.random.Generator) -> str:
    layer = random_layer(options, 1)
    weights, table = pack(layer)
    x = rng.integers(-128, 128, (RUNS, BATCH, STEPS, options.structure.inputs)).astype(np.int8)
    state = zero_state(layer, BATCH)
    y = np.array([run(layer, x[i], state) for i in range(RUNS)])
    arrays = {
        "options": np.frombuffer(options.encode(), np.uint8),
        "weights": weights,
        "table": table,
        "x": x,
        "y": y,
    }
    fields = ", ".join(f"{name}_{part}" for part in arrays)
    return (
        "".join(array(f"{name}_{part}", f"{v.dtype}_t", v) for part, v in arrays.items())
        + f"static const layer_case {name} = {{{fields}, sizeof {name}_options, "
        f"{y[0].size}}};\n\n"
    )


def _builtins(rng: np.random.Generator) -> str:
    source, other = (
        q.Quantization(np.float32(0.05), 4),
        q.Quantization(np.float32(0.11), -9),
    )
    target = q.Quantization(np.float32(0.09), -20)
    probabilities = q.Quantization(np.float32(1 / 256), -128)
    a, b = rng.integers(-128, 128, (2, 3, 24)).astype(np.int8)
    weights = rng.integers(-127, 128, (10, 24)).astype(np.int8)
    bias = rng.integers(-900, 900, 10).astype(np.int32)
    scale = np.array([0.004], np.float32)
    op, none = schema.BuiltinOperator, schema.ActivationFunctionType.NONE
    pair = [_tensor(a, source), _tensor(b, other)]
    layer = q.fully_connected(source, weights, scale, bias, target, none)
    expected = {
        "fully_connected": one_op.run(
            one_op.build(
                op.FULLY_CONNECTED,
                schema.FullyConnectedOptionsT(),
                [
                    _tensor(a, source),
                    Tensor(weights.shape, tuple(scale), 0, weights),
                    Tensor(bias.shape, tuple(source.scale * scale), 0, bias),
                ],
                Tensor((3, 10), (target.scale,), target.zero_point),
            ),
            a,
        ),
        "softmax": one_op.run(
            one_op.build(
                op.SOFTMAX,
                schema.SoftmaxOptionsT(beta=1.0),
                [_tensor(a, source)],
                _tensor(a, probabilities),
            ),
            a,
        ),
        "add": one_op.run(
            one_op.build(op.ADD, schema.AddOptionsT(), pair, _tensor(a, target)), a, b
        ),
        "mul": one_op.run(
            one_op.build(op.MUL, schema.MulOptionsT(), pair, _tensor(a, target)), a, b
        ),
        "tanh": one_op.run(
            one_op.build(
                op.TANH,
                None,
                [_tensor(a, source)],
                Tensor(a.shape, (np.float32(1 / 128),), 0),
            ),
            a,
        ),
    }
    constants = {
        "hmd_softmax softmax": q.softmax(source, 1.0, a.shape[1], probabilities),
        "hmd_add add": q.add(source, other, target),
        "hmd_mul mul": q.mul(source, other, target),
        "hmd_multiplier fully_connected_multipliers[]": layer.multipliers,
        "hmd_output fully_connected_output": layer.output,
    }
    tanh = q.tanh_table(source, q.Quantization(np.float32(1 / 128), 0))
    values = {"a": a, "b": b, "fully_connected_weights": weights, "tanh_table": tanh}
    return (
        "".join(array(name, "int8_t", v) for name, v in values.items())
        + array("fully_connected_bias", "int32_t", layer.bias)
        + "".join(f"static const {name} = {literal(v)};\n" for name, v in constants.items())
        + "".join(array(f"{name}_expected", "int8_t", v) for name, v in expected.items())
    )


def _tensor(values: Int8s, of: q.Quantization) -> Tensor:
    return Tensor(values.shape, (of.scale,), of.zero_point)


_HEAD = """\
/* Inputs and expected outputs of the kernels, made by tests/pio/make_vectors.py. */
#ifndef VECTORS_H
#define VECTORS_H

#include "hmd_nn.h"

#define HMD_ALIGNED __attribute__((aligned(4)))

enum {{ BATCH = {batch}, STEPS = {steps}, RUNS = {runs} }};

typedef struct {{
  const uint8_t *options; /* as in a .tflite file */
  const int8_t *weights;
  const int16_t *table;
  const int8_t *x; /* [RUNS, BATCH, STEPS, inputs] */
  const int8_t *y; /* [RUNS, outputs] */
  uint32_t options_bytes, outputs;
}} layer_case;

"""

if __name__ == "__main__":
    write_whole(FILE, text())
