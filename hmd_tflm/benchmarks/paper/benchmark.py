"""A benchmark: a data set, a network, what is measured, and how it is trained. One TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from hmd_tflm import datasets
from hmd_tflm.datasets import Recipe
from hmd_tflm.errors import UserError

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One network of the comparison.

    Args:
        name: of its file.
        title: for people.
        dataset: a name that `hmd_tflm.datasets.load` knows.
        layer: "lstm" or "gru".
        bidirectional: whether a second layer reads backwards.
        metric: a key of `hmd_tflm.benchmarks.paper.metrics.METRICS`.
        units: hidden units of the dense network (in each direction).
        epochs, batch: of every training.
        learning_rates: tried with the first seed; the best on the validation split is used.
        factors: nominal compression factors.
    """

    name: str
    title: str
    dataset: str
    layer: str
    metric: str
    units: int
    epochs: int
    batch: int
    learning_rates: tuple[float, ...]
    factors: tuple[float, ...]
    bidirectional: bool = False

    @property
    def gates(self) -> int:
        """Gate matrices of the layer."""
        return {"lstm": 4, "gru": 3}[self.layer]

    @property
    def directions(self) -> int:
        """In which the sequence is read."""
        return 2 if self.bidirectional else 1

    @property
    def inputs(self) -> int:
        """Features of a step."""
        features: int = datasets.describe(self.dataset)["shape"]["features"]
        return features

    def recipe(self, learning_rate: float) -> Recipe:
        """How to train with one of the learning rates."""
        return Recipe(self.units, self.epochs, self.batch, learning_rate)


def names() -> list[str]:
    """The benchmarks that `load` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def compared() -> list[str]:
    """Those of the comparison: all but the small one that runs on any machine."""
    return [name for name in names() if name != "digits"]


def load(name: str) -> Benchmark:
    """A benchmark by its name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in names():
        raise UserError(f"benchmark: received {name!r}, expected one of {', '.join(names())}")
    fields = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    for key in ("learning_rates", "factors"):
        fields[key] = tuple(fields[key])
    return Benchmark(name, **fields)
