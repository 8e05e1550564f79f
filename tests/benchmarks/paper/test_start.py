"""The dense networks that others start from: trained once, and none for another's."""

from pathlib import Path

import keras
import numpy as np
import pytest

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper.results import Cell, Run
from hmd_tflm.benchmarks.paper.start import dense_start
from hmd_tflm.layers.train import build
from hmd_tflm.structure import Structure

RUN = Run(Cell("digits", "hmd_taught", 4.0), 0.006, 0)


def test_a_network_is_trained_once_for_all_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def trained() -> keras.Model:
        made.append(build(datasets.load("digits"), Structure.dense(8, 32), seed=len(made)))
        return made[-1]

    first = dense_start(RUN, trained)
    again = dense_start(Run(Cell("digits", "lmf_from_dense", 2.0), 0.006, 0), trained)
    assert len(made) == 1
    for model in (first, again):
        for weight, kept in zip(made[0].weights, model.weights, strict=True):
            np.testing.assert_array_equal(weight, kept)
    for other in (Run(RUN.cell, 0.006, 1), Run(RUN.cell, 0.012, 0)):
        count = len(made)
        dense_start(other, trained)
        assert len(made) == count + 1
    assert len(list(tmp_path.glob("hmd_tflm/networks/digits_*.keras"))) == 3
