"""Recurrent networks compressed by Hybrid Matrix Decomposition (HMD), from Keras to Cortex-M."""

__version__ = "0.1.0"
