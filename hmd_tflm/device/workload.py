"""What is run on a board: a data set or an array, as inferences in sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmd_tflm import tflite
from hmd_tflm.codegen import model_io
from hmd_tflm.datasets import Dataset
from hmd_tflm.errors import UserError
from hmd_tflm.op.read import read_layers
from hmd_tflm.tflite import check_input


@dataclass(frozen=True)
class Workload:
    """Inferences, in sequences of equal length that begin with a state of zero.

    Attributes:
        rows: int8 ``[n, ...]``, one inference each.
        length: of a sequence; n where there is only one.
        stateful: state goes on from row to row of a sequence.
        labels: class ids, ``[m]`` or ``[m, steps]``, of m groups of n / m rows; None if unknown.
    """

    rows: NDArray[np.int8]
    length: int
    stateful: bool
    labels: NDArray[np.int32] | None = None

    def accuracy(self, outputs: NDArray[np.int8]) -> float | None:
        """How many labels the largest outputs hit: of the last row of a group, or of its steps.

        Args:
            outputs: int8 ``[k, ...]`` of the first k rows.
        """
        if self.labels is None:
            return None
        group = len(self.rows) // len(self.labels)
        count = len(outputs) // group
        if count == 0:
            return None
        labels = self.labels[:count]
        scores = outputs[: count * group].reshape(count, group, *outputs.shape[1:])
        scores = scores[:, -1] if labels.ndim == 1 else scores.reshape(*labels.shape, -1)
        return float(np.mean(scores.argmax(-1) == labels))


def from_array(content: bytes, values: NDArray) -> Workload:
    """One sequence of rows ``[n, ...]``, float (quantised here) or int8.

    Raises:
        UserError: rows of another shape or type than the model's input, or none.
    """
    rows = check_input(values, model_io(content)[0])
    return Workload(rows, len(rows), _is_stateful(content))


def from_dataset(content: bytes, data: Dataset, most: int | None = None) -> Workload:
    """The test sequences of a data set, or `most` of them, evenly spread.

    A stateful model of fewer steps than a sequence has reads it in as many inferences, from a state
    of zero; any other reads a sequence in one.

    Raises:
        UserError: sequences of another shape than the model's input.
    """
    info, stateful = model_io(content)[0], _is_stateful(content)
    total = len(data.x_test)
    if most is not None and most < 1:
        raise UserError(f"received {most} sequences, expected at least 1")
    chosen = np.linspace(0, total - 1, min(most or total, total)).round().astype(int)
    x, y = data.x_test[chosen], data.y_test[chosen]
    count, steps = x.shape[:2]
    window = info.shape[1]
    if stateful and steps % window == 0:
        x = x.reshape(count * (steps // window), window, *x.shape[2:])
    elif stateful:
        raise UserError(
            f"data set {data.name}: received sequences of {steps} steps, expected a multiple of "
            f"the {window} that the model takes at once"
        )
    rows = check_input(x, info)
    return Workload(rows, len(rows) // count if stateful else len(rows), stateful, y)


def _is_stateful(content: bytes) -> bool:
    return any(layer.integers.options.stateful for layer in read_layers(tflite.read(content)))
