"""What HMDLSTM and HMDGRU share: gate matrices in factors, in the shape of `structure.Structure`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.layers import recurrence
from hmd_tflm.layers.gate_sums import GateSums, pays
from hmd_tflm.structure import Structure

SHAPE_ARGUMENTS = ("compression", "rows", "blocks", "rank", "shared")


class FactoredCell(keras.layers.Layer):
    """The part of a cell that makes its gate matrices from factors, before a Keras cell.

    A step goes through the factors (`gate_sums`) where that takes fewer multiplies. Elsewhere, and
    with dropout, it is the Keras cell's, with `kernel` and `recurrent_kernel` multiplied out.

    The factors start so that the dense rows are the same rows of the Keras layer
    (`kernel_initializer` and `recurrent_initializer` make whole matrices, of which the dense rows
    are kept), and so that the elements of the other rows have the variance ``1 / (3 * units)``.
    Regularizers see the multiplied-out `kernel` and `recurrent_kernel`, as in the Keras class.

    Args:
        units: hidden units.
        compression: how many times fewer weights than a dense layer, at least; the number of
            dense rows follows from it when the layer is built. Default: 2, unless `rows` is given.
        rows: dense rows of each gate, instead of `compression`; ``rows=units`` is a dense layer.
        blocks: column blocks of the other rows.
        rank: rank of each block.
        shared: whether the gates use the same projections.
        **kwargs: the other arguments of the Keras cell, with its names and defaults.

    Attributes:
        gates: gate matrices; their order is the Keras layer's.
        gate_groups: the gates that sum over the same vector, in the order of their sums.
        structure: the `Structure` of the gate matrices, once built.
        dense: float ``[gates, rows, columns]``, the columns those of ``[x | h]``; None without
            dense rows.
        projection: float ``[gates or 1, rank, columns]``; None if all rows are dense.
        expansion: float ``[gates, units - rows, blocks, rank]``; None if all rows are dense.
        bias: float ``[gates * units]``; None without a bias.

    Raises:
        UserError: both `compression` and `rows` are given; an activation other than those of
            the integer op; a constraint on a kernel; when built, a shape that cannot be.
    """

    gates: int
    gate_groups: tuple[range, ...]

    def __init__(
        self,
        units: int,
        compression: float | None = None,
        *,
        rows: int | None = None,
        blocks: int = 2,
        rank: int = 1,
        shared: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        if compression is not None and rows is not None:
            raise UserError(
                f"received compression={compression!r} and rows={rows!r}, expected one of them: "
                "each follows from the other"
            )
        self.compression = 2.0 if compression is None and rows is None else compression
        self.rows, self.blocks, self.rank, self.shared = rows, blocks, rank, shared
        self._check_activation("activation", keras.activations.tanh)
        self._check_activation("recurrent_activation", keras.activations.sigmoid)
        for name in ("kernel_constraint", "recurrent_constraint"):
            if getattr(self, name) is not None:
                raise UserError(
                    f"{name}: received {getattr(self, name)!r}, expected None: factors cannot be "
                    "projected so that their product meets it; use a regularizer"
                )
        self._sums: list[GateSums] | None = None
        self._multiplied_out: tuple[Any, Any] | None = None

    def _check_activation(self, name: str, expected: Any) -> None:
        received = getattr(self, name)
        if received is not expected:
            raise UserError(
                f"{name}: received {keras.activations.serialize(received)!r}, expected "
                f"{expected.__name__!r}, the only one that the integer op computes"
            )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Make the factors for inputs of shape ``[batch, inputs]``."""
        self.structure = shape = self._shape(input_shape[-1])
        self._through_factors = pays(shape) and not (self.dropout or self.recurrent_dropout)
        rank = shape.rank if shape.lower else 0
        factor = keras.initializers.RandomNormal(stddev=(3 * self.units * self.rank) ** -0.25)
        self.dense = self._add_factor(
            "dense", (self.gates, shape.rows, shape.columns), self._initial_dense
        )
        self.projection = self._add_factor(
            "projection", (shape.projection_sets, rank, shape.columns), factor
        )
        self.expansion = self._add_factor(
            "expansion", (self.gates, shape.lower, shape.blocks, shape.rank), factor.clone()
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.gates * self.units,),
                name="bias",
                initializer=self._initial_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        if self.kernel_regularizer or self.recurrent_regularizer:
            # Keras collects penalties per weight: this one carries that of the whole product
            carrier = self.projection if self.dense is None else self.dense
            carrier.regularizer = self._penalty

    def _shape(self, inputs: int) -> Structure:
        blocks: dict[str, Any] = {
            "blocks": self.blocks,
            "rank": self.rank,
            "shared": self.shared,
            "gates": self.gates,
        }
        if self.compression is not None:
            return Structure.for_compression(inputs, self.units, self.compression, **blocks)
        return Structure(inputs, self.units, **({"rows": self.rows} | blocks))

    def _add_factor(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        if 0 in shape:
            return None
        return self.add_weight(shape=shape, name=name, initializer=initializer)

    def _initial_dense(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        width = self.gates * self.units
        kernel = self.kernel_initializer((self.structure.inputs, width), dtype)
        recurrent_kernel = self.recurrent_initializer((self.units, width), dtype)
        full = ops.transpose(ops.concatenate([kernel, recurrent_kernel], axis=0))
        return ops.reshape(full, (self.gates, self.units, self.structure.columns))[:, : shape[1]]

    def _initial_bias(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.bias_initializer(shape, dtype)

    def _penalty(self, _: Any) -> Any:
        pairs = zip(
            (self.kernel_regularizer, self.recurrent_regularizer), self.multiply_out(), strict=True
        )
        return sum(penalty(matrix) for penalty, matrix in pairs if penalty)

    @contextmanager
    def prepared(self) -> Iterator[list[GateSums] | None]:
        """Do what depends on the weights alone once, for all steps that run inside the block.

        Yields:
            What computes the sums of each of the `gate_groups`, for `_step` of the class below;
            None if the steps are those of the Keras cell.
        """
        outermost = self._sums is None and self._multiplied_out is None
        if outermost and self._through_factors:
            self._sums = [GateSums(self, gates) for gates in self.gate_groups]
        elif outermost:
            self._multiplied_out = self.multiply_out()
        try:
            yield self._sums
        finally:
            if outermost:
                self._sums = self._multiplied_out = None

    def multiply_out(self) -> tuple[Any, Any]:
        """The matrices that the factors stand for, as the Keras cell has them.

        Returns:
            `kernel` ``[inputs, gates * units]`` and `recurrent_kernel` ``[units, gates * units]``.
        """
        shape = self.structure
        parts = [] if self.dense is None else [self.dense]
        if self.expansion is not None:
            blocks = [
                ops.matmul(self.expansion[:, :, j], self.projection[:, :, begin:end])
                for j, (begin, end) in enumerate(pairwise(shape.boundaries))
            ]
            parts.append(ops.concatenate(blocks, axis=2))
        rows = ops.reshape(ops.concatenate(parts, axis=1), (self.gates * self.units, shape.columns))
        full = ops.transpose(rows)
        return full[: shape.inputs], full[shape.inputs :]

    @property
    def kernel(self) -> Any:
        """The first of `multiply_out`."""
        return (self._multiplied_out or self.multiply_out())[0]

    @property
    def recurrent_kernel(self) -> Any:
        """The second of `multiply_out`."""
        return (self._multiplied_out or self.multiply_out())[1]

    def factors(self) -> tuple[NDArray, NDArray, NDArray]:
        """`dense`, `projection` and `expansion` in the shapes of `Structure.check_factors`."""
        shape = self.structure
        empty = (
            (self.gates, 0, shape.columns),
            (shape.projection_sets, 0, shape.columns),
            (self.gates, 0, shape.blocks, shape.rank),
        )
        weights = (self.dense, self.projection, self.expansion)
        dense, projection, expansion = (
            np.zeros(none, np.float32) if weight is None else ops.convert_to_numpy(weight)
            for weight, none in zip(weights, empty, strict=True)
        )
        return dense, projection, expansion

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """As the Keras cell's."""
        with self.prepared() as sums:
            if sums is None:
                return super().call(inputs, states, training=training)
            return self._step(sums, inputs, states)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {name: getattr(self, name) for name in SHAPE_ARGUMENTS}


class FactoredLayer(keras.layers.RNN):
    """The part of a layer that wraps a `FactoredCell`, before a Keras layer.

    Args:
        units, compression, rows, blocks, rank, shared: see `FactoredCell`.
        use_cudnn: as in the Keras layer.
        **kwargs: the other arguments of the Keras layer, with its names and defaults.

    Attributes:
        cell_class: of the cell.
    """

    cell_class: type[FactoredCell]

    def __init__(
        self,
        units: int,
        compression: float | None = None,
        *,
        rows: int | None = None,
        blocks: int = 2,
        rank: int = 1,
        shared: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        keras_cell = self.cell_class.__bases__[1]
        own = set(inspect.signature(keras_cell).parameters) | {"implementation"}
        cell = self.cell_class(
            units,
            compression,
            rows=rows,
            blocks=blocks,
            rank=rank,
            shared=shared,
            name="hmd_" + keras_cell.__name__.replace("Cell", "_cell").lower(),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            **{name: kwargs.pop(name) for name in own & kwargs.keys()},
        )
        # The Keras layer's own constructor would make an ordinary cell and go on tracking it
        keras.layers.RNN.__init__(self, cell, **kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.use_cudnn = use_cudnn
        if use_cudnn not in ("auto", True, False):
            raise UserError(f"use_cudnn: received {use_cudnn!r}, expected 'auto', True or False")
        self.supports_jit = not (use_cudnn and self._has_cudnn())

    def _has_cudnn(self) -> bool:
        """Whether the Keras layer puts cuDNN, which XLA does not compile, in the place of its loop."""
        fits = self.cell.use_bias and not self.unroll and getattr(self.cell, "reset_after", True)
        return bool(fits and tf.config.list_logical_devices("GPU"))

    @classmethod
    def from_structure(cls, structure: Structure, **kwargs: Any) -> Self:
        """The layer that has a given structure when it is built for ``structure.inputs`` inputs.

        Args:
            structure: units, rows, blocks, rank and sharing.
            **kwargs: the other arguments of the layer.

        Raises:
            UserError: the structure has another number of gates.
        """
        gates = cls.cell_class.gates
        if structure.gates != gates:
            raise UserError(
                f"structure: received {structure.gates} gates, expected the {gates} of {cls.__name__}"
            )
        return cls(
            structure.units,
            rows=structure.rows,
            blocks=structure.blocks,
            rank=structure.rank,
            shared=structure.shared,
            **kwargs,
        )

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """The time loop, or what `recurrence.override` has put in its place."""
        function = recurrence.replacement()
        if function is None:
            with self.cell.prepared():
                return super().inner_loop(sequences, initial_state, mask, training=training)
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        width = self.cell.gates * self.units
        bias = ops.zeros(width) if self.cell.bias is None else self.cell.bias
        tensors = [
            ops.convert_to_tensor(t, self.compute_dtype) for t in (*self.cell.multiply_out(), bias)
        ]
        return function(self, sequences, initial_state, mask, *tensors)

    def _maybe_config_dropout_masks(self, *args: Any) -> None:
        """Keras draws masks before the loop, also at inference: one in its place needs none."""
        if recurrence.replacement() is None:
            super()._maybe_config_dropout_masks(*args)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {name: getattr(self.cell, name) for name in SHAPE_ARGUMENTS}
