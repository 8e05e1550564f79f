"""Keras layers with the project's one matrix shape, and their training.

After `import hmd_tflm.layers` `keras.saving.load_model` knows them.
"""

from hmd_tflm.layers.gru import HMDGRU, HMDGRUCell
from hmd_tflm.layers.lstm import HMDLSTM, HMDLSTMCell
from hmd_tflm.layers.quantized import QuantizedHMDGRU, QuantizedHMDLSTM

__all__ = [
    "HMDGRU",
    "HMDLSTM",
    "HMDGRUCell",
    "HMDLSTMCell",
    "QuantizedHMDGRU",
    "QuantizedHMDLSTM",
]
