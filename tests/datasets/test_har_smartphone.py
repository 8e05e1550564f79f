"""UCI HAR in its official layout, small: what was written is what is loaded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm import datasets
from hmd_tflm.datasets.prepare import prepare
from hmd_tflm.datasets.prepare.har_smartphone import CLASSES, SIGNALS
from hmd_tflm.errors import UserError

SUBJECTS = {"train": [1, 3, 27, 28, 28, 30], "test": [2, 24]}


def text(values: np.ndarray) -> bytes:
    """Numbers as the official files print them: 16 characters each."""
    return "".join("".join(f"{v: 16.7e}" for v in row) + "\n" for row in values).encode()


@pytest.fixture
def windows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {part: rng.normal(size=(len(s), 128, 9)) for part, s in SUBJECTS.items()}


@pytest.fixture
def files(windows: dict[str, np.ndarray]) -> dict[str, bytes]:
    files = {"__MACOSX/UCI HAR Dataset/train/._y_train.txt": b"\0"}
    for part, x in windows.items():
        below = f"UCI HAR Dataset/{part}"
        for i, signal in enumerate(SIGNALS):
            files[f"{below}/Inertial Signals/{signal}_{part}.txt"] = text(x[:, :, i])
        files[f"{below}/y_{part}.txt"] = "".join(f"{1 + i % 6}\n" for i in range(len(x))).encode()
        subjects = "".join(f"{subject}\n" for subject in SUBJECTS[part])
        files[f"{below}/subject_{part}.txt"] = subjects.encode()
    return files


@pytest.mark.parametrize("kind", ["folder", "zip", "zip in zip"])
def test_windows_labels_and_subjects(
    kind: str, files: dict, windows: dict, pack: Callable, tmp_path: Path
) -> None:
    prepare("har_smartphone", pack(files, kind), tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as out:
        arrays = dict(out)
    x = windows["train"].astype(np.float16)
    assert {name: a.dtype for name, a in arrays.items() if name[:2] in ("x_", "y_")} == {
        **{f"x_{s}": np.float16 for s in datasets.SPLITS},
        **{f"y_{s}": np.uint8 for s in datasets.SPLITS},
        "x_scale": np.float32,
    }
    np.testing.assert_array_equal(arrays["x_train"], x[:3])
    np.testing.assert_array_equal(arrays["x_val"], x[3:])
    np.testing.assert_array_equal(arrays["x_test"], windows["test"].astype(np.float16))
    labels = [arrays[f"y_{s}"].tolist() for s in datasets.SPLITS]
    assert labels == [[0, 1, 2], [3, 4, 5], [0, 1]] and arrays["x_scale"] == 1
    assert tuple(arrays["class_names"]) == CLASSES and tuple(arrays["feature_names"]) == SIGNALS


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train/y_train.txt", b"1\n" * 5, r"body_acc_x_train\.txt: received \(6, 128\)"),
        ("train/y_train.txt", b"7\n" * 6, "expected classes 1 to 6"),
        ("test/Inertial Signals/total_acc_z_test.txt", b"1 2\n3\n", "expected a table"),
        ("test/Inertial Signals/total_acc_z_test.txt", None, "received no test/Inertial Signals/t"),
    ],
)
def test_wrong_files_are_named(
    name: str, content: bytes | None, message: str, files: dict, pack: Callable, tmp_path: Path
) -> None:
    files[f"UCI HAR Dataset/{name}"] = content
    present = {n: data for n, data in files.items() if data is not None}
    with pytest.raises(UserError, match=message):
        prepare("har_smartphone", pack(present, "folder"), tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()
