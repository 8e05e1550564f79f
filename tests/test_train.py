"""`hmd-tflm train`, its library, and what the command line does not import."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from tqdm import tqdm

from hmd_tflm import datasets
from hmd_tflm.cli import main
from hmd_tflm.errors import UserError
from hmd_tflm.layers.train import LAYERS, METHODS, accuracy, build, structure, train
from hmd_tflm.structure import Structure

DIGITS = datasets.load("digits")
CHANCE = 0.1  # ten classes of nearly equal size


@pytest.mark.parametrize("layer, gates", [("lstm", 4), ("gru", 3)])
@pytest.mark.parametrize("method", METHODS)
def test_methods_build_the_structure_of_their_name(method: str, layer: str, gates: int) -> None:
    shape = structure(method, 8, 32, 2.0, layer)
    expected = {
        "dense": Structure.dense(8, 32, gates=gates),
        "hmd": Structure.hmd(8, 32, 2.0, gates=gates),
        "lmf": Structure.lmf(8, 32, 2.0, gates=gates),
        "lmf_shared": Structure.lmf(8, 32, 2.0, shared=True, gates=gates),
        "hmf": Structure.hmf(8, 32, 2.0, rank=8, gates=gates),
    }
    assert shape == expected[method]
    model = build(DIGITS, shape)
    assert isinstance(model.layers[0], LAYERS[layer])
    assert model.layers[0].cell.structure == shape
    assert model.output_shape == (None, 10)


def test_the_command_writes_a_model_that_has_learnt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "digits.keras"
    options = "train --dataset digits --method hmd --compression 2 --units 32 --epochs 3 --json"
    assert main([*options.split(), "--output", str(output)]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert "3/3" in captured.err  # the progress
    model = keras.saving.load_model(output)
    right = model.predict(DIGITS.x_test, verbose=0).argmax(axis=1) == DIGITS.y_test
    assert result["test_accuracy"] == round(float(np.mean(right)), 4)
    assert result["test_accuracy"] > 5 * CHANCE
    assert result["parameters"] == model.count_params()
    assert result["compression"] >= 2
    assert list(tmp_path.iterdir()) == [output]


def test_a_seed_repeats_a_training_shown_or_not_and_another_does_not(monkeypatch) -> None:
    arrays = [f"{array}_{split}" for array in "xy" for split in datasets.SPLITS]
    few = replace(DIGITS, **{name: getattr(DIGITS, name)[:64] for name in arrays})
    recipe = replace(DIGITS.recipe, epochs=2)
    models = [build(few, Structure.hmd(8, 16, 2.0), seed=seed) for seed in (1, 1, 2)]
    assert np.abs(models[1].get_weights()[0] - models[2].get_weights()[0]).max() > 0.01
    train(models[0], few, recipe, seed=1)
    monkeypatch.setattr("hmd_tflm.layers.train.tqdm", partial(tqdm, disable=True))
    train(models[1], few, recipe, seed=1)
    for first, second in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def cycle() -> datasets.Dataset:
    """Each of five symbols tells the next."""
    ids = np.arange(4000) % 5
    x = np.eye(5, dtype=np.uint8)[ids].reshape(-1, 10, 5)
    y = np.roll(ids, -1).astype(np.int32).reshape(-1, 10)
    recipe = datasets.Recipe(units=8, epochs=12, batch=50, learning_rate=0.02)
    return datasets.Dataset("cycle", recipe, tuple("abcde"), x, y, x[:50], y[:50], x, y)


@pytest.mark.parametrize("activation", ["softmax", "linear"])
def test_a_label_for_every_step_is_learnt(activation: str) -> None:
    dataset = cycle()
    model = build(dataset, Structure.hmd(5, 8, 1.5), activation=activation)
    train(model, dataset, dataset.recipe)
    assert accuracy(model, dataset.x_test, dataset.y_test) > 0.99


def test_a_teacher_is_heard_where_labels_say_nothing() -> None:
    dataset = cycle()
    teacher, student = (build(dataset, Structure.dense(5, 8), seed=seed) for seed in (0, 1))
    train(teacher, dataset, dataset.recipe)
    y = np.random.default_rng(0).integers(0, 5, dataset.y_train.shape).astype(np.int32)
    train(student, replace(dataset, y_train=y), dataset.recipe, teacher=teacher)
    assert accuracy(student, dataset.x_test, dataset.y_test) > 0.9


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = {
        ("--output", "model.h5"): "--output: received model.h5, expected",
        ("--output", f"{tmp_path}/none/model.keras"): "in a folder that exists",
        ("--output", "a.keras", "--dataset", "mnist"): "data set: received 'mnist'",
        ("--output", "a.keras", "--epochs", "0"): "epochs: received 0",
        ("--output", "a.keras", "--seed", "-1"): "seed: received -1",
        ("--output", "a.keras", "--compression", "900"): "compression: received 900, expected 1 to",
    }
    for options, message in mistakes.items():
        assert main(["train", *options]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(UserError, match="method: received 'svd', expected one of dense, hmd"):
        structure("svd", 8, 8, 2.0)
    with pytest.raises(UserError, match="layer: received 'rnn', expected one of lstm, gru"):
        structure("hmd", 8, 8, 2.0, "rnn")


def test_the_command_line_and_the_data_sets_do_without_keras() -> None:
    program = (
        "import sys, hmd_tflm.cli, hmd_tflm.datasets\n"
        "try: hmd_tflm.cli.main(['--help'])\n"
        "finally: assert not {'keras', 'tensorflow'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
