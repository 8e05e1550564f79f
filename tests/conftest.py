"""Models that several test modules share: each is made once in a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Machines may be busy with other things.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@dataclass(frozen=True)
class Converted:
    """A random model: its float outputs on some inputs, and its `.tflite`."""

    content: bytes
    x: np.ndarray
    float_outputs: np.ndarray


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    """Initial weights do not depend on chance or on the tests before."""
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def converted():
    """A function from a name of `models.MODELS` to the `Converted` of 12 steps of 9 features."""
    import models

    from hmd_tflm.convert import convert

    @cache
    def make(name: str) -> Converted:
        x = models.data(name, np.random.default_rng(0).normal(size=(40, 12, 9)).astype(np.float32))
        model = models.build(name, 12, 9)
        return Converted(convert(model, x).content, x, np.asarray(model(x)))

    return make
