"""The named data sets: the digits in full, the files through small ones of the same make."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from hmd_tflm import datasets
from hmd_tflm.errors import UserError

SPLITS = datasets.SPLITS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path))
    return tmp_path


def write_sequences(path: Path, scale: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {f"x_{s}": rng.integers(-90, 90, (8, 5, 3)).astype(np.int8) for s in SPLITS}
    arrays |= {f"y_{s}": rng.integers(0, 2, 8).astype(np.uint8) for s in SPLITS}
    np.savez(path, **arrays, x_scale=np.float32(scale), class_names=np.array(["on", "off"]))
    return arrays


def test_digits_are_scikit_learns_each_once() -> None:
    digits = datasets.load("digits")
    x = np.concatenate([digits.x_train, digits.x_val, digits.x_test])
    assert x.dtype == np.float32 and x.shape == (1797, 8, 8)
    assert (x.min(), x.max()) == (0, 1)
    y = np.concatenate([digits.y_train, digits.y_val, digits.y_test])
    images, labels = load_digits(return_X_y=True)
    received = np.column_stack([x.reshape(1797, 64) * 16, y])
    expected = np.column_stack([images, labels])
    assert sorted(map(tuple, received)) == sorted(map(tuple, expected))


def test_the_digits_split_is_stratified() -> None:
    digits = datasets.load("digits")
    for y, share in ((digits.y_train, 0.7), (digits.y_val, 0.1), (digits.y_test, 0.2)):
        assert len(y) == pytest.approx(1797 * share, abs=3)
        counts = np.bincount(y, minlength=10)
        assert counts.max() / counts.min() < 1.25


def test_sequences_are_scaled(folder: Path) -> None:
    arrays = write_sequences(folder / "kws12.npz", 0.25)
    loaded = datasets.load("kws12")
    assert loaded.class_names == ("on", "off")
    for split in SPLITS:
        x, y = getattr(loaded, f"x_{split}"), getattr(loaded, f"y_{split}")
        assert (x.dtype, y.dtype) == (np.float32, np.int32)
        np.testing.assert_array_equal(x, arrays[f"x_{split}"] / 4)
        np.testing.assert_array_equal(y, arrays[f"y_{split}"])


def test_standardisation_knows_the_training_sequences_only(folder: Path) -> None:
    arrays = write_sequences(folder / "har_smartphone.npz", 1.0)
    loaded = datasets.load("har_smartphone")
    assert loaded.x_train.dtype == np.float32
    np.testing.assert_allclose(loaded.x_train.mean(axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(loaded.x_train.std(axis=(0, 1)), 1, rtol=1e-6)
    rows = arrays["x_train"].reshape(-1, 3).astype(float)
    expected = (arrays["x_test"] - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(loaded.x_test, expected, rtol=1e-5, atol=1e-6)


def test_text_is_windows_labelled_with_the_next_symbol(folder: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 4, 200).astype(np.uint8)
    np.savez(
        folder / "charlm_shakespeare.npz",
        train=ids,
        val=ids[:65],
        test=ids[:129],
        charset=np.array(list("abc\n")),
    )
    loaded = datasets.load("charlm_shakespeare")
    assert [len(x) for x in (loaded.x_train, loaded.x_val, loaded.x_test)] == [3, 1, 2]
    assert loaded.x_train.shape == (3, 64, 4) and loaded.class_names == tuple("abc\n")
    np.testing.assert_array_equal(loaded.x_train.sum(axis=-1), 1)
    np.testing.assert_array_equal(loaded.x_train.argmax(axis=-1).ravel(), ids[:192])
    np.testing.assert_array_equal(loaded.y_train.ravel(), ids[1:193])


@pytest.mark.parametrize(
    ("name", "missing"), [("kws12", "x_train, x_val"), ("charlm_shakespeare", "train, val")]
)
def test_a_file_of_another_kind_is_refused(folder: Path, name: str, missing: str) -> None:
    np.savez(folder / f"{name}.npz", x=np.zeros(3), x_scale=1.0, charset=np.array(["a"]))
    with pytest.raises(UserError, match=rf"{name}\.npz: has no {missing}.*; prepare it with"):
        datasets.load(name)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UserError, match="received 'mnist', expected one of .*digits.*kws12"):
        datasets.load("mnist")


def test_files_are_where_the_variable_says_or_in_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=rf"{folder}/kws12\.npz: no such file; prepare it with"):
        datasets.load("kws12")
    monkeypatch.delenv(datasets.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    assert datasets.folder() == folder / "hmd_tflm"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(folder))
    assert datasets.folder() == folder / ".cache/hmd_tflm"


@pytest.mark.parametrize("name", datasets.names())
def test_the_shape_that_a_description_tells_is_the_one_loaded(name: str) -> None:
    description = datasets.describe(name)
    file = description["source"].get("file")
    if file and not (datasets.folder() / file).is_file():
        pytest.skip(f"needs {file}: set {datasets.VARIABLE} to its folder")
    loaded, shape = datasets.load(name), description["shape"]
    assert (
        loaded.x_train.shape[1:] == loaded.x_test.shape[1:] == (shape["steps"], shape["features"])
    )
    assert len(loaded.class_names) == shape["classes"] == loaded.y_train.max() + 1


def test_a_recipe_has_positive_numbers() -> None:
    with pytest.raises(UserError, match="epochs: received 0, expected a positive number"):
        datasets.Recipe(units=8, epochs=0, batch=32, learning_rate=1e-3)
