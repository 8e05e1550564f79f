"""A pruned LSTM or GRU as C for an emulated board: the peers in firmware/peers/pruned.

Magnitude pruning (Zhu & Gupta 2017, arXiv 1710.01878) leaves single weights anywhere in the gates'
matrices. Here they are stored one by one, for the arithmetic of HMD_LSTM or HMD_GRU and its kernels
for everything but the product.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.codegen.ops import array, scratch_bytes
from hmd_tflm.files import write_whole
from hmd_tflm.op.layer import IntegerLayer

SOURCES = Path(__file__).parents[2] / "firmware/peers/pruned"
SEGMENT, BATCH, CONTINUES, END = 256, 4, 128, 255  # as in sparse_matvec.h


def from_keras(
    kernel: NDArray[np.floating], recurrent_kernel: NDArray[np.floating]
) -> NDArray[np.floating]:
    """The weights of a keras.layers.LSTM or GRU as one matrix a gate.

    Args:
        kernel: ``[inputs, gates units]``; recurrent_kernel: ``[units, gates units]``.

    Returns:
        ``[gates, units, inputs + units]``.
    """
    both = np.concatenate([kernel, recurrent_kernel])
    return both.T.reshape(-1, len(recurrent_kernel), len(both))


def prune(weights: NDArray[np.floating], parameters: int) -> NDArray[np.floating]:
    """The weights with zeros but for those of the largest magnitudes."""
    kept = np.argsort(-np.abs(weights), axis=None)[:parameters]
    pruned = np.zeros_like(weights)
    pruned.flat[kept] = weights.flat[kept]
    return pruned


def pack(layer: IntegerLayer) -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.int16]]:
    """A layer of dense rows, sparse: batches, pieces and the table of sparse_matvec.h.

    A matrix for each phase (`hmd_tflm.op.cells`), one behind the other; its rows are [unit][gate].
    """
    out = layer.dense_out
    table = np.stack([out.multiplier, out.bias], axis=-1)
    matrices = [
        (*pack_rows(_by_unit(layer.dense[phase])), _by_unit(table[phase]))
        for phase in layer.options.cell.phases
    ]
    batches, pieces, table = map(np.concatenate, zip(*matrices, strict=True))
    return batches, pieces, table


def _by_unit(rows: NDArray) -> NDArray:
    """``[gates, units, n]`` as ``[units * gates, n]``."""
    return rows.swapaxes(0, 1).reshape(-1, rows.shape[-1])


def pack_rows(matrix: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Batches int8 ``[n, 2, 4]``, weights then columns; pieces uint8, with the end behind them."""
    batches, pieces = [np.zeros((0, 2, BATCH), np.int8)], []
    for row in matrix:
        for begin in range(0, len(row), SEGMENT):
            segment = row[begin : begin + SEGMENT]
            columns = np.flatnonzero(segment)
            count = -(-len(columns) // BATCH)
            stored = np.zeros((2, BATCH * count), np.uint8)
            stored[:, : len(columns)] = segment[columns].view(np.uint8), columns
            batches.append(stored.view(np.int8).reshape(2, count, BATCH).swapaxes(0, 1))
            pieces.append(count | (CONTINUES if begin else 0))
    return np.concatenate(batches), np.array([*pieces, END], np.uint8)


def write_source(layer: IntegerLayer, steps: int, folder: Path) -> None:
    """The C of a pruned layer as `hmd_tflm.simulate.build.build` takes it."""
    for path in SOURCES.glob("*.[chS]"):
        shutil.copy(path, folder)
    o = layer.options
    s, states = o.structure, o.cell.states
    batches, pieces, table = pack(layer)
    if not len(batches):
        batches = np.zeros(1, np.int8)  # C has no empty arrays
    sizes = (s.inputs, s.units, s.rows, s.blocks, s.rank, 0, s.gates)
    shifts = (o.x_shift, o.h_shift, o.cell_shift)
    buffers = [("x", "STEPS * INPUTS", np.dtype(np.int8)), ("y", "UNITS", np.dtype(np.int8))]
    buffers += [(name, "UNITS", dtype) for name, dtype in states.items()]
    buffers.sort(key=lambda buffer: -buffer[2].itemsize)  # so that each is aligned
    kind = o.cell.name.removeprefix("HMD_").lower()
    text = _MODEL.format(
        kind=kind,
        name=f"PRUNED_{kind.upper()}",
        constants=array("batches", "int8_t", batches)
        + array("pieces", "uint8_t", pieces)
        + array("table", "int16_t", table),
        options=", ".join(map(str, (*sizes, *shifts, o.x_zero_point))),
        arena="\n  ".join(f"{dtype}_t {name}[{size}];" for name, size, dtype in buffers),
        states=", ".join(f"arena.{name}" for name in states),
        steps=steps,
        inputs=s.inputs,
        units=s.units,
        scratch=scratch_bytes(s),
    )
    write_whole(folder / "model.c", text)


_MODEL = """\
/* A pruned layer as a model, made by `hmd-tflm bench kernels`. */
#include "hmd_model.h"
#include "pruned_{kind}.h"

#define HMD_ALIGNED __attribute__((aligned(4)))

enum {{ STEPS = {steps}, INPUTS = {inputs}, UNITS = {units}, SCRATCH = {scratch} }};

{constants}
static struct {{
  int32_t scratch[SCRATCH / 4 + 1];
  {arena}
}} arena;

const hmd_model_info *hmd_model(void) {{
  static const hmd_model_info info = {{"pruned", STEPS * INPUTS, UNITS, sizeof arena, 1, 0}};
  return &info;
}}

int hmd_model_init(void) {{ return 0; }}
void *hmd_model_input(void) {{ return arena.x; }}
const void *hmd_model_output(void) {{ return arena.y; }}
void hmd_model_reset(void) {{}}
const char *hmd_model_op_name(uint32_t op) {{ (void)op; return "{name}"; }}
uint32_t hmd_model_arena_high_water(void) {{ return sizeof arena; }}

int hmd_model_run(void (*op_done)(void *), void *context) {{
  static const hmd_options options = {{{options}, 1.0f}};
  pruned_{kind}_run(&options, pieces,
                  &(hmd_{kind}_tensors){{batches, table, arena.x, arena.y, {states},
                                      arena.scratch, 1, STEPS}});
  op_done(context);
  return 0;
}}
"""
