"""C for firmware, without an interpreter or (module tflm) with TFLM."""

from hmd_tflm.codegen.generate import generate, model_io

__all__ = ["generate", "model_io"]
