"""The trained dense networks that other networks start from: kept on the machine that trained them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import keras

from hmd_tflm.benchmarks.paper.conditions import conditions
from hmd_tflm.benchmarks.paper.results import Cell, Run
from hmd_tflm.files import cache_folder, make_folder, save_model


def dense_start(run: Run, trained: Callable[[], keras.Model]) -> keras.Model:
    """The dense network of a run's benchmark, learning rate and seed.

    Args:
        run: of any method.
        trained: makes and trains the network, where it is not among the user's cached files.

    Raises:
        UserError: a missing data set, or a file that cannot be written.
    """
    dense = Run(Cell(run.cell.benchmark, "dense", 1.0), run.learning_rate, run.seed)
    rests_on = conditions(dense) | {"seed": run.seed, "keras": keras.__version__}
    digest = hashlib.sha256(json.dumps(rests_on, sort_keys=True).encode()).hexdigest()
    path = cache_folder() / "networks" / f"{run.cell.benchmark}_{digest[:16]}.keras"
    if not path.exists():
        make_folder(path.parent)
        save_model(trained(), path)
    return keras.saving.load_model(path, compile=False)
