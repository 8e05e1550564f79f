"""Build a recurrent classifier for a data set and train it by the set's recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.datasets import Dataset, Recipe
from hmd_tflm.errors import UserError
from hmd_tflm.layers.distillation import Distiller
from hmd_tflm.layers.gru import HMDGRU
from hmd_tflm.layers.lstm import HMDLSTM
from hmd_tflm.structure import Structure

LAYERS = {"lstm": HMDLSTM, "gru": HMDGRU}
HMF_RANK = 8
METHODS: dict[str, Callable[..., Structure]] = {
    "dense": lambda inputs, units, _, gates: Structure.dense(inputs, units, gates=gates),
    "hmd": Structure.hmd,
    "lmf": Structure.lmf,
    "lmf_shared": partial(Structure.lmf, shared=True),
    "hmf": partial(Structure.hmf, rank=HMF_RANK),
}


def structure(
    method: str, inputs: int, units: int, compression: float, layer: str = "lstm"
) -> Structure:
    """The gate matrices of a method.

    Args:
        method: a key of `METHODS`; "dense" takes no notice of `compression`.
        inputs, units: features a step, hidden units.
        compression: dense weights over those of the recurrent layer, at least.
        layer: a key of `LAYERS`.

    Raises:
        UserError: an unknown method or layer, or a compression that the method cannot reach.
    """
    for name, received, known in (("method", method, METHODS), ("layer", layer, LAYERS)):
        if received not in known:
            raise UserError(f"{name}: received {received!r}, expected one of {', '.join(known)}")
    gates = LAYERS[layer].cell_class.gates
    return METHODS[method](inputs, units, compression, gates=gates)


def build(
    dataset: Dataset,
    structure: Structure,
    *,
    bidirectional: bool = False,
    activation: str = "softmax",
    seed: int = 0,
) -> keras.Model:
    """A recurrent layer and a dense one, for a label a sequence or a label a step.

    Args:
        dataset: gives the steps, the features and the classes.
        structure: of the recurrent layer, an HMDLSTM or HMDGRU by its gates.
        bidirectional: whether a second such layer reads backwards.
        activation: of the output; "linear" for logits.
        seed: of the initial weights.

    Raises:
        UserError: the seed is out of range.
    """
    _set_seed(seed)
    (layer,) = (one for one in LAYERS.values() if one.cell_class.gates == structure.gates)
    recurrent = layer.from_structure(structure, return_sequences=dataset.y_train.ndim == 2)
    return keras.Sequential(
        [
            keras.Input(dataset.x_train.shape[1:]),
            keras.layers.Bidirectional(recurrent) if bidirectional else recurrent,
            keras.layers.Dense(len(dataset.class_names), activation=activation),
        ]
    )


def train(
    model: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    teacher: keras.Model | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Train with Adam, cosine decay to 1 % and gradients clipped to a norm of 1.

    The progress is shown on stderr. The same seed gives the same weights.

    Args:
        model: a classifier as `build` makes it; trained in place.
        dataset: its training split is learnt; the accuracy on its validation split is only shown.
        recipe: epochs, batch and learning rate.
        seed: of the order of the sequences.
        teacher: a trained model to learn from, too, with a `Distiller`'s defaults.
        callbacks: more of them, as in `keras.Model.fit`.

    Raises:
        UserError: the seed is out of range.
    """
    _set_seed(seed)
    steps = -(-len(dataset.x_train) // recipe.batch) * recipe.epochs
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps, alpha=0.01)
    logits = model.layers[-1].activation is keras.activations.linear
    fitted = model if teacher is None else Distiller(model, teacher)
    fitted.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=logits),
        metrics=["accuracy"],
        jit_compile=True,
    )
    with tqdm(total=recipe.epochs, desc=dataset.name, unit="epoch") as bar:
        fitted.fit(
            dataset.x_train,
            dataset.y_train,
            batch_size=recipe.batch,
            epochs=recipe.epochs,
            validation_data=None if bar.disable else (dataset.x_val, dataset.y_val),
            callbacks=[_Progress(bar), *callbacks],
            verbose=0,
        )


def accuracy(model: keras.Model, x: NDArray, y: NDArray[np.int32]) -> float:
    """The share of labels that a classifier gives the highest probability."""
    return float(np.mean(model.predict(x, batch_size=256, verbose=0).argmax(-1) == y))


def check_seed(seed: int) -> None:
    """Raise UserError unless NumPy and Keras can start from a seed."""
    if not 0 <= seed < 2**32:
        raise UserError(f"seed: received {seed}, expected 0 to {2**32 - 1}")


def _set_seed(seed: int) -> None:
    check_seed(seed)
    keras.utils.set_random_seed(seed)


class _Progress(keras.callbacks.Callback):
    """One step of a progress bar for an epoch."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self.bar = bar

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        shown = logs or {}
        metrics = {name: f"{shown[name]:.4f}" for name in ("loss", "val_accuracy") if name in shown}
        self.bar.set_postfix(metrics, refresh=False)
        self.bar.update()
