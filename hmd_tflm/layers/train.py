"""Build a recurrent classifier for a data set and train it by the set's recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.datasets import Dataset, Recipe
from hmd_tflm.errors import UserError
from hmd_tflm.layers.lstm import HMDLSTM
from hmd_tflm.structure import Structure

HMF_RANK = 8
METHODS: dict[str, Callable[[int, int, float], Structure]] = {
    "dense": lambda inputs, units, _: Structure.dense(inputs, units),
    "hmd": Structure.hmd,
    "lmf": Structure.lmf,
    "hmf": lambda inputs, units, factor: Structure.hmf(inputs, units, factor, rank=HMF_RANK),
}


def build(
    dataset: Dataset, method: str, compression: float, units: int, *, seed: int = 0
) -> keras.Model:
    """An HMDLSTM and a softmax layer, for a label a sequence or a label a step.

    Args:
        dataset: gives the steps, the features and the classes.
        method: a key of `METHODS`; "dense" takes no notice of `compression`.
        compression: dense weights over those of the recurrent layer, at least.
        units: hidden units.
        seed: of the initial weights.

    Raises:
        UserError: unknown method, a compression that it cannot reach, or a seed out of range.
    """
    if method not in METHODS:
        raise UserError(f"method: received {method!r}, expected one of {', '.join(METHODS)}")
    steps, features = dataset.x_train.shape[1:]
    structure = METHODS[method](features, units, compression)
    _set_seed(seed)
    return keras.Sequential(
        [
            keras.Input((steps, features)),
            HMDLSTM.from_structure(structure, return_sequences=dataset.y_train.ndim == 2),
            keras.layers.Dense(len(dataset.class_names), activation="softmax"),
        ]
    )


def train(model: keras.Model, dataset: Dataset, recipe: Recipe, *, seed: int = 0) -> float:
    """Train with Adam, cosine decay to 1 % and gradients clipped to a norm of 1.

    The progress is shown on stderr. The same seed gives the same weights.

    Args:
        model: a classifier as `build` makes it; trained in place.
        dataset: its training split is learnt, its validation split only shown.
        recipe: epochs, batch and learning rate.
        seed: of the order of the sequences.

    Returns:
        Accuracy on the test split, 0..1.

    Raises:
        UserError: the seed is out of range.
    """
    _set_seed(seed)
    steps = -(-len(dataset.x_train) // recipe.batch) * recipe.epochs
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps, alpha=0.01)
    model.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
    )
    with tqdm(total=recipe.epochs, desc=dataset.name, unit="epoch") as bar:
        model.fit(
            dataset.x_train,
            dataset.y_train,
            batch_size=recipe.batch,
            epochs=recipe.epochs,
            validation_data=(dataset.x_val, dataset.y_val),
            callbacks=[_Progress(bar)],
            verbose=0,
        )
    return accuracy(model, dataset.x_test, dataset.y_test)


def accuracy(model: keras.Model, x: NDArray, y: NDArray[np.int32]) -> float:
    """The share of labels that a classifier gives the highest probability."""
    return float(np.mean(model.predict(x, batch_size=256, verbose=0).argmax(-1) == y))


def _set_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise UserError(f"seed: received {seed}, expected 0 to {2**32 - 1}")
    keras.utils.set_random_seed(seed)


class _Progress(keras.callbacks.Callback):
    """One step of a progress bar for an epoch."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self.bar = bar

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        shown = logs or {}
        metrics = {name: f"{shown[name]:.4f}" for name in ("loss", "val_accuracy")}
        self.bar.set_postfix(metrics, refresh=False)
        self.bar.update()
