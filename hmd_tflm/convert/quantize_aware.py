"""`quantize_aware`: a model's HMD layers train with the integers that `convert` gives them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
from numpy.typing import NDArray

from hmd_tflm.convert.quantize import quantize_model
from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDGRU, HMDLSTM
from hmd_tflm.layers.quantized import QuantizedHMDGRU, QuantizedHMDLSTM, Ranges
from hmd_tflm.layers.twin import clone, twin

_KINDS = {HMDLSTM: QuantizedHMDLSTM, HMDGRU: QuantizedHMDGRU}


def quantize_aware(model: keras.Model, calibration: NDArray) -> keras.Model:
    """Put a quantised layer with the same weights in the place of each HMDLSTM and HMDGRU.

    Fine-tune the new model some epochs at a low learning rate and give it to
    `hmd_tflm.convert.convert`, with the same calibration data. Its recurrent layers answer with
    the int8 op's outputs; the layers around them stay in float.

    Args:
        model, calibration: as for `hmd_tflm.convert.convert`; the model is left as it is.

    Returns:
        A new model, with the compile options of the old one; with a loss or metric of your own that
        Keras does not know, it is not compiled.

    Raises:
        UserError: as `hmd_tflm.convert.convert`; a layer that is called more than once, or two of
            one name.

    Example:

    >>> tuned = quantize_aware(model, x_train[:200])
    >>> tuned.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    >>> tuned.fit(x_train, y_train, epochs=3)
    >>> content = convert(tuned, x_train[:200]).content
    """
    ranges = _ranges(model, calibration)

    def quantized(old: Any) -> Any:
        for plain, kind in _KINDS.items():
            if isinstance(old, plain):
                return kind.from_config(old.get_config() | {"ranges": ranges[old.name]})
        return None

    result = clone(model, lambda old: twin(old, quantized), recursive=True)
    result.set_weights(model.get_weights())
    return result


def _ranges(model: keras.Model, calibration: NDArray) -> dict[str, Ranges]:
    """What the converter would choose for each layer, by the layers' names."""
    quantized = quantize_model(model, calibration, frozen=False)
    of_name = Counter(layer.name for layer in model._flatten_layers() if type(layer) in _KINDS)
    ranges: dict[str, Ranges] = {}
    for layer, integers, observed in zip(
        quantized.layers, quantized.integers, quantized.seen.observed, strict=True
    ):
        if layer.name in ranges:
            count = of_name[layer.name]
            raise UserError(
                f"layer {layer.name}: received {count} layers of this name, expected one"
                if count > 1
                else f"layer {layer.name}: is called more than once, expected one call"
            )
        options = integers.options
        ranges[layer.name] = Ranges(
            options.x_scale,
            options.x_zero_point,
            options.x_shift,
            options.h_shift,
            options.cell_shift,
            observed.projected.tolist(),
        )
    return ranges
