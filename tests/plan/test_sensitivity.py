"""Candidates, and what they lose, against computing it another way."""

from types import SimpleNamespace

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm import datasets
from hmd_tflm.errors import UserError
from hmd_tflm.layers import HMDLSTM
from hmd_tflm.plan.sensitivity import Layer, Probe, candidates
from hmd_tflm.structure import Structure


def classifier(classes: int = 10) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [HMDLSTM(12, rows=12), keras.layers.Dense(classes, activation="softmax")]
    return keras.Sequential([keras.Input((8, 8)), *layers])


def test_candidates_are_of_every_kind_and_no_larger() -> None:
    dense = Structure.dense(10, 118)
    found = candidates(dense)
    assert found[0] == dense and len(found) == len(set(found)) > 80
    assert all(s.parameters <= dense.parameters for s in found)
    assert {s.blocks for s in found if s.rank == 1 and s.rows and s.lower} == {1, 2, 4}
    assert {s.rank for s in found if s.rows and s.lower} == {1, 2, 4, 8, 16}
    assert {s.shared for s in found if not s.rows} == {True, False}


def test_the_loss_of_a_layer_is_that_of_its_matrices() -> None:
    layer = Layer(classifier().layers[0], None)
    kernel = np.concatenate([layer.layer.cell.kernel, layer.layer.cell.recurrent_kernel])
    s = Structure.hmf(8, 12, 2.0, rank=2)
    found = layer.approximation(s)
    layer.assign(s, found)
    changed = np.concatenate([layer.layer.cell.kernel, layer.layer.cell.recurrent_kernel])
    lost = np.sum((changed - kernel) ** 2) / np.sum(kernel**2)
    assert 0 < lost == pytest.approx(layer.lost(found), rel=1e-4)
    layer.restore()
    again = np.concatenate([layer.layer.cell.kernel, layer.layer.cell.recurrent_kernel])
    np.testing.assert_array_equal(again, kernel)


def test_a_probe_is_the_growth_of_the_loss() -> None:
    data = datasets.load("digits")
    model = classifier()
    layer, probe = Layer(model.layers[0], None), Probe(model, data)
    dense, half = layer.structure, Structure.hmd(8, 12, 2.0)
    assert probe(layer, dense, layer.approximation(dense)) == pytest.approx(0, abs=1e-6)

    def loss() -> float:
        likely = model.predict(data.x_val, verbose=0)[np.arange(len(data.y_val)), data.y_val]
        return float(-np.log(likely).mean())

    before = loss()
    grown = probe(layer, half, layer.approximation(half))
    assert loss() == before
    layer.assign(half, layer.approximation(half))
    assert len(data.x_val) <= 500
    assert grown == pytest.approx(loss() - before, abs=1e-5)


def test_logits_behind_time_distributed_are_logits() -> None:
    """A loss of constant logits is that of equal probabilities, if they are taken for logits."""
    x, y = np.zeros((6, 4, 3), np.float32), np.arange(24).reshape(6, 4) % 5
    names = [str(n) for n in range(5)]
    rows = SimpleNamespace(name="steps", x_val=x, y_val=y, class_names=names)

    def model(activation: str) -> keras.Model:
        head = keras.layers.Dense(5, activation, bias_initializer=keras.initializers.Constant(-2))
        recurrent = HMDLSTM(6, rows=6, return_sequences=True)
        return keras.Sequential(
            [keras.Input((4, 3)), recurrent, keras.layers.TimeDistributed(head)]
        )

    for activation in ("linear", "softmax"):
        assert Probe(model(activation), rows)._now() == pytest.approx(np.log(5), rel=1e-5)
    with pytest.raises(UserError, match="received Dense as the last layer, expected .*'linear'"):
        Probe(model("relu"), rows)


def test_a_model_of_other_classes_is_refused() -> None:
    with pytest.raises(UserError, match=r"expected \(10,\), the classes of digits"):
        Probe(classifier(classes=3), datasets.load("digits"))
