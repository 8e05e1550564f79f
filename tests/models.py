"""Keras models with random weights over the whole range of shapes that the op serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from hmd_tflm.layers import HMDGRU, HMDLSTM

Layers = Callable[[], list[Any]]


def _bidirectional(units: int, layer: type = HMDLSTM, **kwargs: Any) -> Any:
    return keras.layers.Bidirectional(layer(units, **kwargs))


# name: (steps, or None for all that the data have; recurrent layers)
MODELS: dict[str, tuple[int | None, Layers]] = {
    "dense": (None, lambda: [HMDLSTM(20, rows=20)]),
    "hmd": (None, lambda: [HMDLSTM(21, 2.0)]),
    "hmd_one_block": (None, lambda: [HMDLSTM(16, rows=3, blocks=1)]),
    "hmd_four_blocks_one_step": (1, lambda: [HMDLSTM(17, rows=2, blocks=4)]),
    "lmf_rank_15": (None, lambda: [HMDLSTM(24, rows=0, blocks=1, rank=15)]),
    "lmf_shared_rank_15": (None, lambda: [HMDLSTM(19, rows=0, blocks=1, rank=15, shared=True)]),
    "four_blocks_rank_2": (None, lambda: [HMDLSTM(13, rows=0, blocks=4, rank=2)]),
    "hmf_shared_rank_2": (None, lambda: [HMDLSTM(22, rows=9, blocks=1, rank=2, shared=True)]),
    "backwards": (3, lambda: [HMDLSTM(12, rows=12, go_backwards=True)]),
    "stacked": (
        None,
        lambda: [HMDLSTM(15, 2.0, return_sequences=True), HMDLSTM(10, rows=4, rank=2)],
    ),
    "bidirectional": (None, lambda: [_bidirectional(11, rows=4)]),
    "bidirectional_stacked": (
        None,
        lambda: [
            _bidirectional(9, rows=0, blocks=2, rank=2, shared=True, return_sequences=True),
            HMDLSTM(14, rows=14),
        ],
    ),
    "gru_dense": (None, lambda: [HMDGRU(20, rows=20)]),
    "gru_hmd": (None, lambda: [HMDGRU(21, 2.0)]),
    "gru_lmf_rank_15": (None, lambda: [HMDGRU(24, rows=0, blocks=1, rank=15)]),
    "gru_four_blocks_rank_2": (None, lambda: [HMDGRU(13, rows=0, blocks=4, rank=2)]),
    "gru_shared_rank_3": (None, lambda: [HMDGRU(19, rows=5, blocks=2, rank=3, shared=True)]),
    "gru_backwards_one_step": (1, lambda: [HMDGRU(12, rows=5, go_backwards=True)]),
    "gru_behind_lstm": (
        None,
        lambda: [
            HMDGRU(9, rows=4, rank=2, return_sequences=True),
            _bidirectional(8, rows=3, return_sequences=True),
            _bidirectional(7, HMDGRU, rows=0, blocks=2, rank=2, shared=True),
        ],
    ),
}


def build(name: str, steps: int, features: int, classes: int = 5, seed: int = 0) -> keras.Model:
    """One of `MODELS` with a softmax behind it; weights large enough that the gates vary."""
    keras.utils.set_random_seed(seed)
    limit, layers = MODELS[name]
    model = keras.Sequential(
        [
            keras.Input((min(steps, limit or steps), features)),
            *layers(),
            keras.layers.Dense(classes, activation="softmax"),
        ],
        name=name,
    )
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(np.asarray(weight) * 1.7 + rng.normal(0, 0.15, weight.shape))
    return model


def data(name: str, x: np.ndarray) -> np.ndarray:
    """Rows ``[n, steps, features]`` cut to the steps of a model."""
    return x[:, : MODELS[name][0]]
