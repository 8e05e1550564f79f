"""What is measured on a test split, from the outputs of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit.

    Args:
        title, unit: for people.
        of: from logits ``[n, ..., classes]`` and class ids ``[n, ...]``.
        margin: a difference below which two networks count as equally good.
        higher_is_better: which way is up.
    """

    title: str
    unit: str
    of: Callable[[NDArray, NDArray[np.int32]], float]
    margin: float
    higher_is_better: bool = True


def accuracy(logits: NDArray, labels: NDArray[np.int32]) -> float:
    """Percent of labels that have the largest logit."""
    return 100 * float(np.mean(logits.argmax(-1) == labels))


def macro_f1(logits: NDArray, labels: NDArray[np.int32]) -> float:
    """The mean over the classes of 2 precision recall / (precision + recall), in percent."""
    return 100 * float(f1_score(labels, logits.argmax(-1), average="macro"))


def bits_per_character(logits: NDArray, labels: NDArray[np.int32]) -> float:
    """The mean of -log2 of the probability that each label was given."""
    values = logits.astype(np.float64)
    shifted = values - values.max(-1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(-1))
    chosen = np.take_along_axis(shifted, labels[..., None].astype(np.intp), -1)[..., 0]
    return float(np.mean(log_sum - chosen) / np.log(2))


METRICS = {
    "accuracy": Metric("accuracy", "%", accuracy, 0.5),
    "macro_f1": Metric("macro F1", "%", macro_f1, 0.5),
    "bits_per_character": Metric("bits per character", "bit", bits_per_character, 0.02, False),
}
