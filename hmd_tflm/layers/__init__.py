"""Keras layers with the project's one matrix shape, and their training."""

from hmd_tflm.layers.cell import HMDLSTMCell
from hmd_tflm.layers.lstm import HMDLSTM

__all__ = ["HMDLSTM", "HMDLSTMCell"]
