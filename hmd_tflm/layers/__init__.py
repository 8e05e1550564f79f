"""Keras layers with the project's one matrix shape, and their training."""

from hmd_tflm.layers.gru import HMDGRU, HMDGRUCell
from hmd_tflm.layers.lstm import HMDLSTM, HMDLSTMCell

__all__ = ["HMDGRU", "HMDLSTM", "HMDGRUCell", "HMDLSTMCell"]
