"""Recurrent networks compressed by Hybrid Matrix Decomposition (HMD), from Keras to Cortex-M."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {  # they need TensorFlow, which takes seconds to import
    "Distiller": "hmd_tflm.layers.distillation",
    "MagnitudePruning": "hmd_tflm.layers.pruning",
    "compress": "hmd_tflm.layers.compress",
    "quantize_aware": "hmd_tflm.convert.quantize_aware",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
