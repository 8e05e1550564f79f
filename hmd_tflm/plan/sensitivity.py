"""The shapes that a layer may get, and what each loses of its trained matrices or of accuracy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import keras
import numpy as np
from numpy.typing import NDArray

from hmd_tflm.approximate import Approximation, approximate
from hmd_tflm.datasets import Dataset
from hmd_tflm.errors import UserError
from hmd_tflm.layers.head import is_softmax
from hmd_tflm.structure import Structure

FACTORS = np.geomspace(1.25, 8, 12)
PROBE_ROWS = 500

Floats = NDArray[np.float64]


def candidates(dense: Structure) -> list[Structure]:
    """Dense, HMD with 1, 2 and 4 blocks, HMF of rank 2 to 16 and LMF, the last also shared."""
    inputs, units, gates = dense.inputs, dense.units, dense.gates
    makers: list[Callable[[float], Structure]] = [
        *(lambda f, k=k: Structure.hmd(inputs, units, f, blocks=k, gates=gates) for k in (1, 2, 4)),
        *(
            lambda f, d=d: Structure.hmf(inputs, units, f, rank=d, gates=gates)
            for d in (2, 4, 8, 16)
        ),
        *(
            lambda f, shared=shared: Structure.lmf(inputs, units, f, shared=shared, gates=gates)
            for shared in (False, True)
        ),
    ]
    found = {dense: None}
    for make in makers:
        for factor in FACTORS:
            with suppress(UserError):  # beyond what this kind reaches
                found[make(float(factor))] = None
    return list(found)


class Layer:
    """A dense HMDLSTM of a model, and what is lost when it gets another shape.

    Args:
        layer: the Keras layer.
        moment: the mean of ``v v^T`` of its ``v = [x | h]``, or None: every column counts alike.
    """

    def __init__(self, layer: keras.Layer, moment: Floats | None) -> None:
        self.layer, self.moment = layer, moment
        self.structure: Structure = layer.cell.structure
        self.weights = layer.cell.factors()[0].astype(np.float64)

    def approximation(self, structure: Structure) -> Approximation:
        """Nearest factors."""
        return approximate(self.weights, structure, self.moment)

    def lost(self, found: Approximation) -> float:
        """The part of the pre-activations' power that an approximation misses, 0 to 1."""
        power = np.eye(self.structure.columns) if self.moment is None else self.moment
        whole = np.einsum("gui,ij,guj->", self.weights, power, self.weights, optimize=True)
        return found.error / whole if whole else 0.0

    def assign(self, structure: Structure, found: Approximation) -> None:
        """Let the layer compute with an approximation, its units in their old order."""
        full = structure.effective(found.dense, found.projection, found.expansion)
        back = np.argsort(found.order)
        columns = np.concatenate([np.arange(structure.inputs), structure.inputs + back])
        self.layer.cell.dense.assign(full[:, back][:, :, columns])

    def restore(self) -> None:
        """Let the layer compute with its own weights again."""
        self.layer.cell.dense.assign(self.weights)


class Probe:
    """How much a classifier's loss on validation data grows when a layer changes, untrained.

    Args:
        model: of dense HMDLSTM layers.
        dataset: whose labels the model predicts.

    Raises:
        UserError: its output is not of the data set's classes, or neither a softmax nor linear.
    """

    def __init__(self, model: keras.Model, dataset: Dataset) -> None:
        self.model = model
        chosen = np.random.default_rng(0).permutation(len(dataset.x_val))[:PROBE_ROWS]
        self.x, self.y = dataset.x_val[chosen], dataset.y_val[chosen]
        expected = (*self.y.shape[1:], len(dataset.class_names))
        if model.output_shape[1:] != expected:
            raise UserError(
                f"model {model.name}: received an output of shape {model.output_shape[1:]}, expected "
                f"{expected}, the classes of {dataset.name}; give its inputs with --calibration"
            )
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not is_softmax(model))
        self._before = self._now()

    def __call__(self, layer: Layer, structure: Structure, found: Approximation) -> float:
        """The growth, in nats a label."""
        layer.assign(structure, found)
        try:
            return self._now() - self._before
        finally:
            layer.restore()

    def _now(self) -> float:
        return float(self._loss(self.y, self.model.predict(self.x, batch_size=256, verbose=0)))
