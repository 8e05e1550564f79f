"""The recurrent layers in float, over all calibration rows at once, with a look inside."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.convert.trace import TracedLayer
from hmd_tflm.op import cells
from hmd_tflm.op.quantize import Observed

Floats = NDArray[np.float32]


def run(layer: TracedLayer, x: Floats) -> tuple[Floats, Observed]:
    """What a layer answers, and what quantisation needs to know of it.

    Ranges with which the layer was trained stay as they were.

    Args:
        layer: with its float factors.
        x: ``[n, steps, inputs]``, in the order in which steps are processed.

    Returns:
        h ``[n, steps, units]``, what was observed.
    """
    n, steps, inputs = x.shape
    if layer.stateful:
        x = x.reshape(1, n * steps, inputs)
    cell = _Lstm(layer, len(x)) if layer.cell is cells.LSTM else _Gru(layer, len(x))
    seen = [cell.step(x[:, step]) for step in range(x.shape[1])]
    # of each phase its columns [n, steps, columns], then h
    *columns, h = (np.stack(values, axis=1) for values in zip(*seen, strict=True))
    units, largest_cell = layer.structure.units, getattr(cell, "largest", 0.0)
    power = np.square(columns[0], dtype=np.float64).mean((0, 1))
    observed = Observed(power[:inputs], power[inputs:], _projected(layer, columns), largest_cell)
    if (fixed := layer.ranges) is not None:
        observed = replace(observed, projected=np.array(fixed.projected), shifts=fixed.shifts)
    return h.reshape(n, steps, units), observed


class _Lstm:
    def __init__(self, layer: TracedLayer, batch: int) -> None:
        self._layer = layer
        self._h = self._c = np.zeros((batch, layer.structure.units), np.float32)
        self.largest = 0.0

    def step(self, x: Floats) -> tuple[Floats, Floats]:
        v = np.concatenate([x, self._h], axis=1)
        i, f, g, o = _products(self._layer, range(4), v)
        self._c = _sigmoid(f) * self._c + _sigmoid(i) * np.tanh(g)
        self._h = _sigmoid(o) * np.tanh(self._c)
        self.largest = max(self.largest, float(np.abs(self._c).max()))
        return v, self._h


class _Gru:
    def __init__(self, layer: TracedLayer, batch: int) -> None:
        self._layer = layer
        self._h = np.zeros((batch, layer.structure.units), np.float32)

    def step(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        v = np.concatenate([x, self._h], axis=1)
        z, r = _sigmoid(_products(self._layer, range(2), v))
        candidate = np.concatenate([x, r * self._h], axis=1)
        (g,) = _products(self._layer, range(2, 3), candidate)
        self._h = z * self._h + (1 - z) * np.tanh(g)
        return v, candidate, self._h


def _products(layer: TracedLayer, gates: range, v: Floats) -> Floats:
    """Pre-activations ``[gates, n, units]`` from columns ``[n, columns]``."""
    bias = layer.factors.bias[gates].astype(np.float32)
    return v @ layer.kernels[gates].swapaxes(1, 2) + bias[:, None]


def _sigmoid(x: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _projected(layer: TracedLayer, columns: list[Floats]) -> NDArray[np.float64]:
    """The largest magnitudes of projected values ``[projection_sets, blocks, rank]``."""
    s = layer.structure
    largest = np.zeros((s.projection_sets, s.blocks, s.rank))
    for gates, v in zip(layer.cell.phases, columns, strict=True):
        sets = range(1) if s.shared else gates
        for j, (begin, end) in enumerate(pairwise(s.boundaries) if s.lower else ()):
            part = layer.factors.projection[sets, :, begin:end]
            values = np.einsum("ntc,sdc->sdnt", v[:, :, begin:end], part, optimize=True)
            largest[sets, j] = np.maximum(largest[sets, j], np.abs(values).max((2, 3)))
    return largest
