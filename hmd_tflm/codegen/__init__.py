"""C for firmware without an interpreter."""

from hmd_tflm.codegen.generate import generate, model_io

__all__ = ["generate", "model_io"]
