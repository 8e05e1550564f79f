"""What a dense network's weights, a teacher and training in integers bring, on digits.

Every network is trained by the data set's recipe, for its epochs or for ten (`_short`):

scratch: from random weights. svd: from `compress` of a trained dense network, all elements
counting alike. compress: the same with calibration data. distil: as compress, with the dense
network as teacher. float_more, integer_more: compress, and then a few epochs at a low rate in
float, or with the op's integers (`quantize_aware`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from hmd_tflm import datasets
from hmd_tflm.convert import convert
from hmd_tflm.convert.quantize_aware import quantize_aware
from hmd_tflm.datasets import Dataset, Recipe
from hmd_tflm.files import write_whole
from hmd_tflm.layers.compress import compress
from hmd_tflm.layers.train import build, structure, train
from hmd_tflm.runtime import Interpreter

METHODS = (("hmd", 4.0), ("lmf", 4.0))
SEEDS = (0, 1)
SHORT_EPOCHS = 10
MORE_EPOCHS, MORE_RATE = 5, 1e-3


def measure(
    dataset: Dataset, teacher: keras.Model, method: str, factor: float, seed: int
) -> dict[str, dict[str, float]]:
    """Train a method in each way.

    Returns:
        Of each way, the accuracies of float and int8 on the test split, and the share of all inputs
        on which both name the same class.
    """
    full = dataset.recipe
    short = replace(full, epochs=SHORT_EPOCHS)
    more = replace(full, epochs=MORE_EPOCHS, learning_rate=MORE_RATE)
    data = dataset.calibration()
    shape = structure(method, dataset.x_train.shape[2], full.units, factor)
    start = compress(teacher, factor, method, calibration=data)
    results = {"untrained": _quality(start, dataset)}

    def add(name: str, model: keras.Model, recipe: Recipe, fit: Callable = train) -> keras.Model:
        fit(model, dataset, recipe, seed=seed)
        results[name] = _quality(model, dataset)
        return model

    add("scratch_short", build(dataset, shape, seed=seed), short)
    add("scratch", build(dataset, shape, seed=seed), full)
    add("svd_short", compress(teacher, factor, method), short)
    add("compress_short", _copy(start), short)
    add("distil", _copy(start), full, partial(train, teacher=teacher))
    small = add("compress", start, full)
    add("float_more", _copy(small), more)
    add("integer_more", quantize_aware(small, data), more)
    return results


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _quality(model: keras.Model, dataset: Dataset) -> dict[str, float]:
    every = np.concatenate([dataset.x_test, dataset.x_val, dataset.x_train])
    with Interpreter(convert(model, dataset.calibration()).content) as interpreter:
        int8 = interpreter.run(every).argmax(-1)
    in_float = model.predict(every, verbose=0).argmax(-1)
    count = len(dataset.y_test)
    return {
        "float": round(float(np.mean(in_float[:count] == dataset.y_test)), 4),
        "int8": round(float(np.mean(int8[:count] == dataset.y_test)), 4),
        "agreement": round(float(np.mean(in_float == int8)), 4),
    }


def main() -> None:
    """Measure all methods and seeds, and write them."""
    parser = argparse.ArgumentParser(prog="python -m hmd_tflm.benchmarks.better_training")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    arguments = parser.parse_args()
    dataset = datasets.load("digits")
    runs = []
    with tqdm(total=len(SEEDS) * len(METHODS), unit="method") as bar:
        for seed in SEEDS:
            dense = structure("dense", dataset.x_train.shape[2], dataset.recipe.units, 1.0)
            teacher = build(dataset, dense, seed=seed)
            train(teacher, dataset, dataset.recipe, seed=seed)
            dense_quality = _quality(teacher, dataset)
            for method, factor in METHODS:
                ways = {"dense": dense_quality} | measure(dataset, teacher, method, factor, seed)
                runs.append({"method": method, "factor": factor, "seed": seed, "ways": ways})
                print(json.dumps(runs[-1]), file=sys.stderr)
                bar.update()
    report = {
        "command": f"python -m hmd_tflm.benchmarks.better_training {' '.join(sys.argv[1:])}".strip(),
        "dataset": dataset.name,
        "epochs": {"short": SHORT_EPOCHS, "full": dataset.recipe.epochs},
        "more": {"epochs": MORE_EPOCHS, "learning_rate": MORE_RATE},
        "runs": runs,
    }
    text = json.dumps(report, indent=1) + "\n"
    if arguments.json is None:
        print(text, end="")
    else:
        write_whole(arguments.json, text)


if __name__ == "__main__":
    main()
