"""Make model.tflite and recording.npz anew (needs TensorFlow, and har_smartphone in HMD_TFLM_DATA).

The model is tests/data/har_smartphone_hmd_2x.keras with a state that goes on, one time step at once. The
recording is the first two test windows of each activity of UCI HAR (Anguita et al., ESANN 2013, CC BY
4.0), quantised as the model's input.
"""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np

from hmd_tflm import datasets
from hmd_tflm.codegen import model_io
from hmd_tflm.convert import convert
from hmd_tflm.files import write_whole
from hmd_tflm.layers import HMDLSTM

HERE = Path(__file__).parent
TRAINED = HERE.parents[2] / "tests/data/har_smartphone_hmd_2x.keras"
EACH = 2  # windows of an activity
PERIOD_US = 20_000  # 50 Hz

data = datasets.load("har_smartphone")
features = data.x_train.shape[2]
trained = keras.models.load_model(TRAINED)
first, *rest = trained.layers
stateful = HMDLSTM.from_config({**first.get_config(), "stateful": True})
model = keras.Sequential(
    [keras.Input((1, features), batch_size=1), stateful]
    + [type(layer).from_config(layer.get_config()) for layer in rest]
)
model.set_weights(trained.get_weights())
content = convert(model, data.calibration().reshape(-1, 1, features)).content
chosen = np.sort(
    [i for label in np.unique(data.y_test) for i in np.flatnonzero(data.y_test == label)[:EACH]]
)
buffer = io.BytesIO()
np.savez_compressed(
    buffer,
    frames=model_io(content)[0].quantize(data.x_test[chosen]),
    labels=data.y_test[chosen],
    class_names=np.array(data.class_names),
    period_us=PERIOD_US,
)
write_whole(HERE / "model.tflite", content)
write_whole(HERE / "recording.npz", buffer.getvalue())
