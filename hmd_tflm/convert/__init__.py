"""Keras model to int8 `.tflite` with HMD ops; `python -m hmd_tflm.convert` is the command."""

from hmd_tflm.convert.convert import Conversion, LayerReport, convert

__all__ = ["Conversion", "LayerReport", "convert"]
