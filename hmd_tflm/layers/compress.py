"""`compress`: from a trained network to one with compressed layers that computes nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras.layers import GRU, LSTM, Bidirectional
from numpy.typing import NDArray

from hmd_tflm.approximate import approximate
from hmd_tflm.errors import UserError
from hmd_tflm.layers.factored import FactoredLayer
from hmd_tflm.layers.gru import HMDGRU
from hmd_tflm.layers.lstm import HMDLSTM
from hmd_tflm.layers.model_inputs import check_built, checked_rows
from hmd_tflm.layers.reorder import Order, copy_weights, joined, same
from hmd_tflm.layers.twin import clone, stateless, twin
from hmd_tflm.structure import Structure

FAMILIES = ("hmd", "hmf", "lmf")
COMPRESSED: dict[type, type[FactoredLayer]] = {
    LSTM: HMDLSTM,
    HMDLSTM: HMDLSTM,
    GRU: HMDGRU,
    HMDGRU: HMDGRU,
}

Floats = NDArray[np.float64]


def compress(
    model: keras.Model,
    factor: float | Mapping[str, Structure],
    family: str = "hmd",
    *,
    calibration: Any = None,
    **options: Any,
) -> keras.Model:
    """Replace LSTM and GRU layers by HMDLSTM and HMDGRU with weights near the trained ones.

    The units whose rows low rank would serve worst get the dense rows. These are a layer's first
    rows, so its units get a new order, and the layers behind it read them in that order.
    `hmd_tflm.approximate` says how the weights come about. Train the new model some epochs: by
    itself, compression is only a better start than random weights.

    Args:
        model: Sequential or functional, built; left as it is. Its recurrent layers may stand in
            `Bidirectional`; a GRU has ``reset_after=False``.
        factor: how many times fewer weights each layer shall have, at least; or the `Structure`
            of some layers by their names (in `Bidirectional`, of the layers inside), the others
            staying dense.
        family: the constructor of `Structure` that makes the shape for a factor: "hmd", "hmf" or
            "lmf".
        calibration: inputs like those that the model will see, some hundred rows (of several
            inputs a list, or a mapping by their names). With them a weight counts by the mean
            square of what it multiplies (in a GRU, of h where the candidate multiplies the reset
            h).
        **options: of that constructor: ``blocks=4`` (hmd), ``rank=8`` (hmf), ``shared=True``
            (hmf and lmf).

    Returns:
        A new model, in which other layers keep their weights. It has the compile options of the
        old one; with a loss or metric of your own that Keras does not know, it is not compiled.

    Raises:
        UserError: nothing to compress; a factor, option or layer that cannot be served;
            calibration data of another shape or type; units in a new order reach a layer that
            cannot follow, or an output of the model.

    Example:

    >>> small = compress(model, 4, "hmf", rank=8, calibration=x_train[:200])
    >>> small.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    >>> small.fit(x_train, y_train, epochs=5)
    """
    layers = [layer for _, layer in recurrent_layers(model)]
    structures = _structures(layers, factor, family, options)
    moments: dict[str, Floats] = {}
    if calibration is not None:
        moments = input_moments(model, checked_rows(model, calibration))
    return _Compression(structures, moments).of(model)


class _Compression:
    """A model is cloned; then each layer gets its weights, in the order of the data's way."""

    def __init__(self, structures: dict[str, Structure], moments: dict[str, Floats]) -> None:
        self.structures, self.moments = structures, moments
        self.old: dict[int, Any] = {}  # by the id of the new layer
        self.orders: dict[int, Order] = {}  # of a tensor's features, by its id
        self.given: dict[int, list[Order]] = {}  # what a new layer has been given weights for

    def of(self, model: keras.Model) -> keras.Model:
        """The new model."""
        if isinstance(model, keras.Sequential):
            new_model = clone(model, self.twin)
            order: Order = None
            for layer in new_model.layers:
                order = self.give_weights(layer, data_inputs(layer.input), [order])
            left = [order]
        else:
            new_model = clone(model, self.twin, call_function=self.call)
            left = [self.orders.get(id(tensor)) for tensor in new_model.outputs]
        if not all(order is None for order in left):
            raise UserError(
                f"model {model.name}: an output holds the units of a compressed layer, which have "
                "a new order; put a Dense layer behind it"
            )
        return new_model

    def twin(self, old: Any) -> Any:
        """A new layer in an old one's place."""
        new = twin(old, self.compressed)
        self.old[id(new)] = old
        return new

    def compressed(self, old: Any) -> Any:
        """The compressed layer in a recurrent layer's place; None in that of another layer."""
        if type(old) not in COMPRESSED:
            return None
        s = self.structures[old.name]
        shape = {"rows": s.rows, "blocks": s.blocks, "rank": s.rank, "shared": s.shared}
        return COMPRESSED[type(old)].from_config(old.get_config() | shape | {"compression": None})

    def call(self, new: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a new layer of a functional model, and give it its weights."""
        outputs = new(*args, **kwargs)
        inputs = data_inputs((args, kwargs))
        order = self.give_weights(new, inputs, [self.orders.get(id(t)) for t in inputs])
        self.orders |= {id(tensor): order for tensor in keras.tree.flatten(outputs)}
        return outputs

    def give_weights(self, new: Any, inputs: list[Any], orders: list[Order]) -> Order:
        """To a layer whose inputs have some orders; returns that of its output."""
        old = self.old[id(new)]
        if not all(map(same, orders, self.given.setdefault(id(new), orders))):
            raise UserError(
                f"layer {old.name}: is called with the units of several layers, which have orders "
                "of their own; give each call a layer of its own"
            )
        if not _is_recurrent(old):
            return copy_weights(old, new, orders, [tensor.shape for tensor in inputs])
        if len(inputs) > 1:
            raise UserError(f"layer {old.name}: received an initial state, expected none")
        if not isinstance(old, Bidirectional):
            return _compress_layer(old, new, orders[0], self.moments)
        forward = _compress_layer(old.forward_layer, new.forward_layer, orders[0], self.moments)
        backward = _compress_layer(old.backward_layer, new.backward_layer, orders[0], self.moments)
        if old.merge_mode == "concat":
            return joined([forward, backward], [layer.units for layer in _inner(old)])
        if not same(forward, backward):
            raise UserError(
                f"layer {old.name}: received merge_mode={old.merge_mode!r}, expected 'concat', "
                "since each direction puts its units in an order of its own"
            )
        return forward


def _inner(layer: Any) -> list[Any]:
    """A recurrent layer, or those in a Bidirectional."""
    if isinstance(layer, Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def _is_recurrent(layer: Any) -> bool:
    return type(_inner(layer)[0]) in COMPRESSED


def recurrent_layers(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """What can be compressed: the layer of the model, and itself or each layer inside."""
    check_built(model)
    names: set[str] = set()
    for layer in model.layers:
        if isinstance(layer, keras.Model) and any(map(_is_recurrent, layer._flatten_layers())):
            raise UserError(
                f"layer {layer.name}: received a model with recurrent layers inside the model, "
                "expected them among the model's own layers"
            )
        if not _is_recurrent(layer):
            continue
        for inner in _inner(layer):
            if inner.return_state:
                raise UserError(f"layer {inner.name}: received return_state=True, expected False")
            if getattr(inner.cell, "reset_after", False):
                raise UserError(
                    f"layer {inner.name}: received reset_after=True, expected False, the GRU that "
                    "HMDGRU computes; train it so"
                )
            if inner.name in names:
                raise UserError(f"layer {inner.name}: received two of this name, expected one")
            names.add(inner.name)
            yield layer, inner
    if not names:
        raise UserError(f"model {model.name}: received no LSTM or GRU layer, expected one or more")


def _structures(
    layers: list[Any],
    factor: float | Mapping[str, Structure],
    family: str,
    options: dict[str, Any],
) -> dict[str, Structure]:
    """By the layers' names."""
    dense = {
        layer.name: Structure.dense(
            layer.cell.kernel.shape[0], layer.units, gates=COMPRESSED[type(layer)].cell_class.gates
        )
        for layer in layers
    }
    if not isinstance(factor, Mapping):
        return {name: _shape(name, s, factor, family, options) for name, s in dense.items()}
    for name, given in factor.items():
        s = dense.get(name)
        if not isinstance(given, Structure):
            raise UserError(
                f"factor: received {given!r} for {name}, expected a Structure; give one number for "
                "all layers, or structures by the layers' names"
            )
        if s is None or (given.inputs, given.units, given.gates) != (s.inputs, s.units, s.gates):
            known = ", ".join(
                f"{name} ({s.inputs} inputs, {s.units} units, {s.gates} gates)"
                for name, s in dense.items()
            )
            raise UserError(
                f"factor: received for {name} a structure of {given.inputs} inputs, "
                f"{given.units} units, {given.gates} gates, expected one for {known}"
            )
    return dense | dict(factor)


def _shape(
    name: str, dense: Structure, factor: float, family: str, options: dict[str, Any]
) -> Structure:
    if family not in FAMILIES:
        raise UserError(f"family: received {family!r}, expected one of {', '.join(FAMILIES)}")
    make = getattr(Structure, family)
    try:
        return make(dense.inputs, dense.units, factor, gates=dense.gates, **options)
    except UserError as error:
        raise UserError(f"layer {name}: {error}") from error
    except TypeError as error:
        raise UserError(f"family {family}: {error}") from error


def _compress_layer(old: Any, new: Any, order: Order, moments: dict[str, Floats]) -> Order:
    """Give a layer factors near the matrices of an old one, whose inputs have a new order."""
    s, moment = new.cell.structure, moments.get(old.name)
    columns = np.arange(s.columns)
    if order is not None:
        columns[: s.inputs] = order
    full = np.concatenate([old.cell.kernel, old.cell.recurrent_kernel]).T
    gates = full.reshape(s.gates, s.units, s.columns)[:, :, columns]
    if moment is not None:
        moment = moment[np.ix_(columns, columns)]
    found = approximate(gates, s, moment)
    cell = new.cell
    for weight, value in (
        (cell.dense, found.dense),
        (cell.projection, found.projection),
        (cell.expansion, found.expansion),
    ):
        if weight is not None:
            weight.assign(value)
    if cell.bias is not None:
        cell.bias.assign(
            np.asarray(old.cell.bias).reshape(s.gates, s.units)[:, found.order].ravel()
        )
    return None if np.array_equal(found.order, np.arange(s.units)) else found.order


def data_inputs(arguments: Any) -> list[Any]:
    """The symbolic tensors among a call's arguments, without the masks that Keras adds to them."""
    tensors = keras.tree.flatten(arguments)
    return [t for t in tensors if isinstance(t, keras.KerasTensor) and t.dtype != "bool"]


def input_moments(model: keras.Model, calibration: Any) -> dict[str, Floats]:
    """The mean of ``v v^T`` of each recurrent layer, ``v = [x | h]``, by the layers' names.

    Masked steps do not count. Each calibration row starts from zero, in a stateful model too, whose
    states stay as they are.
    """
    model = stateless(model)
    found = list(recurrent_layers(model))
    read = {}
    for outer, _ in found:
        masks = [t for t in keras.tree.flatten(outer.input) if t.dtype == "bool"]
        read[outer.name] = [data_inputs(outer.input)[0], *masks]
    values = keras.Model(model.inputs, read).predict(calibration, verbose=0)
    moments = {}
    for outer, layer in found:
        x, *masks = values[outer.name]
        mask = masks[0] if masks else np.ones(x.shape[:2], bool)
        every_step = {"return_sequences": True, "zero_output_for_mask": False}
        watched = type(layer).from_config(layer.get_config() | every_step)
        watched.build(x.shape)
        watched.set_weights(layer.get_weights())
        h = np.asarray(watched(x, mask=mask))
        if layer.go_backwards:
            x, mask = x[:, ::-1], mask[:, ::-1]
        before = np.concatenate([np.zeros_like(h[:, :1]), h[:, :-1]], axis=1)
        v = np.concatenate([x, before], axis=2, dtype=np.float64)[mask]
        moments[layer.name] = v.T @ v / len(v)
    return moments
