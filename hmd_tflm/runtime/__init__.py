"""Run a `.tflite` with HMD ops on this computer."""

from hmd_tflm.runtime.interpreter import RUNTIMES, Interpreter

__all__ = ["RUNTIMES", "Interpreter"]
