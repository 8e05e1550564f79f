"""Train a recurrent classifier on a named data set and write it as a .keras file.

digits needs scikit-learn; `hmd-tflm datasets` shows where the files of the others are, and makes them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from hmd_tflm import datasets
from hmd_tflm.files import check_output, save_model
from hmd_tflm.quiet import quiet

with quiet():
    from hmd_tflm.layers.train import LAYERS, METHODS, accuracy, build, structure, train

EXAMPLE = "--dataset digits --method hmd --compression 2 --output digits.keras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--dataset", default="digits", help="name of a data set (digits)")
    parser.add_argument(
        "--method", choices=METHODS, default="hmd", help="shape of the gate matrices (hmd)"
    )
    parser.add_argument(
        "--compression", type=float, default=2.0, help="times fewer weights than dense (2)"
    )
    parser.add_argument("--layer", choices=LAYERS, default="lstm", help="recurrent layer (lstm)")
    parser.add_argument("--output", type=Path, required=True, help=".keras file to write")
    parser.add_argument("--units", type=int, help="hidden units (the data set's recipe)")
    parser.add_argument("--epochs", type=int, help="passes over the data (the data set's recipe)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Train, write the model, and print its parameters and test accuracy."""
    output: Path = arguments.output
    check_output(output, ".keras")
    dataset = datasets.load(arguments.dataset)
    given = {k: v for k in ("units", "epochs") if (v := getattr(arguments, k)) is not None}
    recipe = replace(dataset.recipe, **given)
    shape = structure(
        arguments.method,
        dataset.x_train.shape[2],
        recipe.units,
        arguments.compression,
        arguments.layer,
    )
    model = build(dataset, shape, seed=arguments.seed)
    train(model, dataset, recipe, seed=arguments.seed)
    save_model(model, output)
    result = {
        "dataset": dataset.name,
        "layer": arguments.layer,
        "method": arguments.method,
        "compression": round(shape.compression, 3),
        "units": recipe.units,
        "epochs": recipe.epochs,
        "seed": arguments.seed,
        "parameters": model.count_params(),
        "test_accuracy": round(accuracy(model, dataset.x_test, dataset.y_test), 4),
        "output": str(output),
    }
    print(json.dumps(result) if arguments.json else _sentence(result))


def _sentence(result: dict[str, object]) -> str:
    return (
        f"{result['output']}: {result['parameters']} parameters, "
        f"test accuracy {result['test_accuracy']}"
    )
