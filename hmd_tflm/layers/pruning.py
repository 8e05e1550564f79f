"""Magnitude pruning of recurrent layers while they train (Zhu & Gupta 2017, arXiv 1710.01878)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from hmd_tflm.errors import UserError

MATRICES = ("kernel", "recurrent_kernel", "dense")


def prunable(model: keras.Model) -> list[keras.Variable]:
    """The trainable matrices of a model's recurrent layers, wrapped and nested ones included.

    These are `kernel` and `recurrent_kernel` of the Keras layers, and the dense rows of HMDLSTM
    and HMDGRU; not their projections and expansions, which are factors already.
    """
    weights = (
        weight
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.RNN)
        for weight in layer.trainable_variables
    )
    return list({id(w): w for w in weights if w.name in MATRICES}.values())


class MagnitudePruning(keras.callbacks.Callback):
    """Set a growing share of the recurrent layers' weights to zero, the smallest first.

    From `begin_step` to `end_step` the share of zeros in each matrix is::

        final + (initial - final) * (1 - (step - begin_step) / (end_step - begin_step)) ** power

    Every `frequency` steps, and at `end_step`, each matrix loses its smallest weights by
    magnitude until that share is zero. What has become zero stays zero: inside the compiled
    training step, masks are applied to the gradients, before the optimizer clips them by their
    norm, and to the updated weights.

    Steps are those of ``model.optimizer.iterations``, and a mask is where a matrix is not zero.
    There is no other state, so with `keras.callbacks.BackupAndRestore` an interrupted training
    goes on where it was; and a pruned model stays as it is in another `fit` if it gets this
    callback again with ``begin_step=0, end_step=0``.

    With ``steps_per_execution`` a matrix is pruned at the end of the execution in which it falls
    due. Do not use it with an optimizer that averages weights (``use_ema``): the average of a
    pruned weight is not zero.

    Args:
        final_sparsity: the share of zeros at the end, 0 to 1.
        parameters: instead of `final_sparsity`: how many weights all matrices together keep, each
            the same share of its own.
        begin_step: step of the first pruning.
        end_step: step of the last.
        initial_sparsity: the share of zeros at `begin_step`.
        frequency: steps between two prunings.
        power: of the schedule, 3 in the paper.

    Raises:
        UserError: neither or both of `final_sparsity` and `parameters`, or a value out of its
            range; in `fit`: no recurrent layer to prune, or fewer weights than `parameters`.

    Example:

    >>> pruning = MagnitudePruning(0.75, begin_step=200, end_step=2000)
    >>> model.fit(x, y, epochs=10, callbacks=[pruning])
    """

    def __init__(
        self,
        final_sparsity: float | None = None,
        *,
        parameters: int | None = None,
        begin_step: int,
        end_step: int,
        initial_sparsity: float = 0.0,
        frequency: int = 100,
        power: float = 3.0,
    ) -> None:
        super().__init__()
        if (final_sparsity is None) == (parameters is None):
            raise UserError(
                f"received final_sparsity={final_sparsity!r} and parameters={parameters!r}, "
                "expected one of them"
            )
        most = 1.0 if final_sparsity is None else final_sparsity
        for name, value, low, high in (
            ("final_sparsity", final_sparsity or 0.0, 0, 1),
            ("parameters", parameters or 0, 0, np.inf),
            ("initial_sparsity", initial_sparsity, 0, most),
            ("begin_step", begin_step, 0, np.inf),
            ("end_step", end_step, begin_step, np.inf),
            ("frequency", frequency, 1, np.inf),
            ("power", power, 0, np.inf),
        ):
            if not low <= value <= high:
                raise UserError(f"{name}: received {value!r}, expected {low} to {high}")
        self.final_sparsity, self.parameters = final_sparsity, parameters
        self.initial_sparsity, self.power = initial_sparsity, power
        self.begin_step, self.end_step, self.frequency = begin_step, end_step, frequency
        self._matrices: list[_Matrix] = []
        self._pruned_at: int | None = None
        self._take_masks_out: Callable[..., None]

    def kept(self, step: int, sizes: list[int]) -> list[int]:
        """How many weights matrices keep that are pruned at a step.

        Args:
            step: at least `begin_step`.
            sizes: weights of each matrix.

        Returns:
            Weights that each keeps; at `end_step` the sum is exactly `parameters`, or the
            rounded share of all weights.
        """
        total = sum(sizes)
        last = self.parameters
        if last is None:
            last = round((1 - (self.final_sparsity or 0.0)) * total)
        if step >= self.end_step:
            ends = (np.cumsum([0, *sizes]) * last + total // 2) // total
            return np.diff(ends).tolist()
        final = 1 - last / total
        initial = min(self.initial_sparsity, final)
        left = 1 - (step - self.begin_step) / (self.end_step - self.begin_step)
        sparsity = final + (initial - final) * left**self.power
        return [int(np.ceil((1 - sparsity) * size)) for size in sizes]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the masks, all of them open, into the optimizer's update."""
        self._matrices = [_Matrix(weight) for weight in prunable(self.model)]
        total = sum(matrix.size for matrix in self._matrices)
        if not total:
            raise UserError("MagnitudePruning: received a model without trainable recurrent layers")
        if self.parameters is not None and self.parameters > total:
            raise UserError(
                f"parameters: received {self.parameters}, expected at most the {total} weights of "
                "the recurrent layers"
            )
        self._pruned_at = None
        self._put_masks_in()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Prune before the first step too: what is zero in a restored or a pruned model stays so."""
        if self._pruned_at is None:
            self._prune()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Prune if it has fallen due."""
        self._prune()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the masks out of the optimizer's update.

        Warns:
            UserWarning: the training has ended before `end_step`.
        """
        self._take_masks_out()
        if (step := int(self.model.optimizer.iterations)) < self.end_step:
            warnings.warn(
                f"MagnitudePruning: the training ended at step {step}, before "
                f"end_step={self.end_step}: the model is less sparse than asked for",
                stacklevel=2,
            )

    def _put_masks_in(self) -> None:
        model, optimizer = self.model, self.model.optimizer

        def take_masks_out(force: bool = True) -> None:
            del model.make_train_function, optimizer.apply
            model.make_train_function(force=True)

        optimizer.apply = self._masked_apply
        model.make_train_function(force=True)
        # Keras calls no on_train_end when an exception ends a training; but this begins the next
        model.make_train_function = self._take_masks_out = take_masks_out

    def _masked_apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        """The optimizer's `apply`, which Keras calls in each training step."""
        optimizer = self.model.optimizer
        masks = {id(matrix.weight): matrix.mask for matrix in self._matrices}
        masked = [
            grad if grad is None or id(variable) not in masks else grad * masks[id(variable)]
            for grad, variable in zip(grads, trainable_variables, strict=True)
        ]
        type(optimizer).apply(optimizer, masked, trainable_variables)
        for matrix in self._matrices:
            matrix.weight.assign(matrix.weight * matrix.mask)

    def _prune(self) -> None:
        step = min(int(self.model.optimizer.iterations), self.end_step)
        if step < self.begin_step:
            return
        if step < self.end_step:
            step -= (step - self.begin_step) % self.frequency
        if step != self._pruned_at:
            sizes = [matrix.size for matrix in self._matrices]
            for matrix, kept in zip(self._matrices, self.kept(step, sizes), strict=True):
                matrix.keep(kept)
            self._pruned_at = step


class _Matrix:
    """A weight and its mask, 1 where it is trained and 0 where it is pruned."""

    def __init__(self, weight: keras.Variable) -> None:
        self.weight = weight
        self.size = int(np.prod(weight.shape))
        self.mask = keras.Variable(np.ones(weight.shape), trainable=False, dtype=weight.dtype)

    def keep(self, count: int) -> None:
        """Prune all but the largest weights, and those that are zero."""
        magnitudes = np.abs(ops.convert_to_numpy(self.weight)).ravel()
        largest = np.argsort(magnitudes, kind="stable")[self.size - count :]
        mask = np.zeros(self.size, bool)
        mask[largest] = magnitudes[largest] > 0
        self.mask.assign(mask.reshape(self.weight.shape))
        self.weight.assign(self.weight * self.mask)
