"""SP-SW-HAR in its official layout, small: signals linear in time, so interpolation is exact."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm.datasets.prepare import prepare
from hmd_tflm.datasets.prepare.har_watch import CLASSES, FEATURES
from hmd_tflm.errors import UserError

HEADER = "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro,timestamp,label"
SLOPES = np.arange(1, 13) / 1000
BEGIN = 1_657_533_977_813
STANDS_UP = BEGIN + 1700


def recording(begin: int, device: int, label: Callable[[int], str], gap: int = 9) -> bytes:
    """4 s; each sample is followed by a wrong one at the same millisecond."""
    rows = []
    for time in range(begin, begin + 4000, gap):
        values = (time - BEGIN) * SLOPES[6 * device : 6 * device + 6]
        rows.append(",".join([*map(repr, map(float, values)), str(time), label(time)]))
        rows.append(f"9,9,9,9,9,9,{time},WALKING")
    return "\n".join([HEADER, *rows, ""]).encode()


@pytest.fixture
def files() -> dict[str, bytes]:
    files = {"set/DATA/executions_info.csv": b"", "set/DATA/s01/notes.txt": b""}
    for subject in range(1, 24):
        name = f"set/DATA/s{subject:02}/s{subject:02}_01"
        late = 10 * subject + 25  # the watch begins later

        def label(time: int) -> str:
            return "SEATED" if time < STANDS_UP else "STANDING_UP"

        files[f"{name}_sp.csv"] = recording(BEGIN, 0, label)
        files[f"{name}_sw.csv"] = recording(BEGIN + late, 1, lambda _: "TURNING")
    return files


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_windows_on_a_common_grid(kind: str, files: dict, pack: Callable, tmp_path: Path) -> None:
    result = prepare("har_watch", pack(files, kind), tmp_path / "out.npz")
    assert (result["train"], result["val"], result["test"]) == (17 * 4, 2 * 4, 4 * 4)
    with np.load(tmp_path / "out.npz") as out:
        x, y, names = out["x_test"], out["y_test"], out["class_names"]
        assert (x.dtype, x.shape, y.dtype) == (np.float16, (16, 100, 12), np.uint8)
        assert tuple(names) == CLASSES and tuple(out["feature_names"]) == FEATURES
    for i, subject in enumerate(range(20, 24)):
        for j in range(4):
            first = BEGIN + 10 * subject + 25 + 500 * j
            time = first + 20 * np.arange(100)
            expected = (time - BEGIN)[:, None] * SLOPES
            np.testing.assert_allclose(x[4 * i + j], expected, rtol=1e-3)
            seated = np.mean(time < STANDS_UP)
            assert names[y[4 * i + j]] == ("SEATED" if seated > 0.5 else "STANDING_UP")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"received no s05/s05_01_sw\.csv"),
        (b"x,y\n", "received the columns x,y, expected x_acc,y_acc"),
        (f"{HEADER}\n1,2,3\n".encode(), "expected a table of x_acc"),
        (f"{HEADER}\n1,1,1,1,1,1,5,JUMPING\n".encode(), r"received the labels \['JUMPING'\]"),
        (f"{HEADER}\n".encode(), r"received the labels \[\]"),
        (b"\xff\xfe\x00", "received the columns"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_wrong_files_are_named(
    content: bytes | None, message: str, files: dict, pack: Callable, tmp_path: Path
) -> None:
    files["set/DATA/s05/s05_01_sw.csv"] = content
    present = {n: data for n, data in files.items() if data is not None}
    with pytest.raises(UserError, match=message):
        prepare("har_watch", pack(present, "folder"), tmp_path / "out.npz")
