"""Make models/*.tflite anew, with random weights: `python renode/make_models.py`, then make_vectors.py."""

from pathlib import Path

import keras
import numpy as np

from hmd_tflm.convert import convert
from hmd_tflm.layers import HMDLSTM

MODELS = Path(__file__).parent / "models"
FEATURES = 9


def save(name: str, steps: int, *layers: keras.Layer) -> None:
    """Convert a small network under this name."""
    stateful = any(getattr(layer, "stateful", False) for layer in layers)
    rows = keras.Input((steps, FEATURES), batch_size=1 if stateful else None)
    model = keras.Sequential([rows, *layers], name=name)
    rng = np.random.default_rng(0)
    for weight in model.weights:  # large enough that the gates vary
        weight.assign(np.asarray(weight) * 1.7 + rng.normal(0, 0.15, weight.shape))
    x = rng.normal(size=(40, steps, FEATURES)).astype(np.float32)
    (MODELS / f"{name}.tflite").write_bytes(convert(model, x).content)


keras.utils.set_random_seed(0)
save("hmd", 12, HMDLSTM(21, 2.0), keras.layers.Dense(5, activation="softmax"))
save(
    "lmf_stacked",
    8,
    HMDLSTM(12, rows=0, blocks=1, rank=6, shared=True, return_sequences=True),
    HMDLSTM(10, rows=4, rank=2),
    keras.layers.Dense(3),
)
save("streaming", 1, HMDLSTM(16, rows=3, stateful=True), keras.layers.Dense(4))
