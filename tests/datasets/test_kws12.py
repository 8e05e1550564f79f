"""Speech Commands in its official layout, small: known tones, an independent MFCC, a killed run."""

import io
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm.datasets import SPLITS
from hmd_tflm.datasets.prepare import prepare
from hmd_tflm.datasets.prepare.kws12 import CLASSES, WORDS
from hmd_tflm.errors import UserError

from .conftest import unpacked

RATE = 16_000
OTHERS = ("bed", "cat")
SPEAKERS = {"train": [0, 1, 2], "val": [3], "test": [4]}


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return content.getvalue()


def tone(word: int, speaker: int) -> np.ndarray:
    """Speaker 2 stops early: shorter than a second."""
    time = np.arange(RATE if speaker != 2 else 10_000) / RATE
    return 0.1 * (1 + speaker) * np.sin(2 * np.pi * (200 + 250 * word) * time)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    names = {s: [f"{a:08x}_nohash_0.wav" for a in who] for s, who in SPEAKERS.items()}
    files = {
        f"{word}/{name}": wav(tone(i, speaker))
        for i, word in enumerate((*WORDS, *OTHERS))
        for split, who in SPEAKERS.items()
        for speaker, name in zip(who, names[split], strict=True)
    }
    for split, file in (("val", "validation_list.txt"), ("test", "testing_list.txt")):
        listed = [f"{word}/{name}\n" for word in (*WORDS, *OTHERS) for name in names[split]]
        files[file] = "".join(listed).encode()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 10 * RATE))
    files |= {f"_background_noise_/{i}.wav": wav(samples) for i, samples in enumerate(noise)}
    return files | {"_background_noise_/README.md": b"", "LICENSE": b""}


def reference(samples: np.ndarray) -> np.ndarray:
    """MFCC in NumPy: power spectra, triangles on the mel scale over magnitudes, log, DCT-II."""
    samples = np.pad(samples, (0, RATE - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, 640)[::320]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    magnitude = np.abs(np.fft.rfft(frames * hann, 1024))
    mel = 1127 * np.log1p(np.fft.rfftfreq(1024, 1 / RATE) / 700)
    low, high = 1127 * np.log1p(np.array([20, 4000]) / 700)
    centres = low + (high - low) / 41 * np.arange(42)
    rising = (mel[:, None] - centres[:-2]) / (centres[1:-1] - centres[:-2])
    falling = (centres[2:] - mel[:, None]) / (centres[2:] - centres[1:-1])
    bands = np.log(np.maximum(magnitude @ np.clip(np.minimum(rising, falling), 0, None), 1e-12))
    cosines = np.cos(np.pi / 40 * np.outer(np.arange(10), np.arange(40) + 0.5))
    return bands @ cosines.T * np.sqrt(2 / 40)


@pytest.mark.parametrize("kind", ["folder", "tar.gz"])
def test_features_splits_and_classes(
    kind: str, files: dict, pack: Callable, tmp_path: Path
) -> None:
    prepare("kws12", pack(files, kind), tmp_path / "kws12.npz")
    with np.load(tmp_path / "kws12.npz") as out:
        arrays = dict(out)
    assert list(arrays) == [
        *(f"x_{s}" for s in SPLITS),
        *(f"y_{s}" for s in SPLITS),
        *("x_scale", "class_names", "feature_names", "coef_mean", "coef_std"),
    ]
    assert arrays["x_scale"] == np.float32(1 / 32) and tuple(arrays["class_names"]) == CLASSES
    assert {arrays[name].dtype for name in ("coef_mean", "coef_std")} == {np.dtype(np.float32)}
    x = {s: arrays[f"x_{s}"] / 32 * arrays["coef_std"] + arrays["coef_mean"] for s in SPLITS}
    for split, speakers in SPEAKERS.items():
        raw, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
        n = len(speakers)
        assert (raw.dtype, raw.shape[1:], y.dtype) == (np.int8, (49, 10), np.uint8)
        assert np.bincount(y).tolist() == [n] * 12  # "silence" and "unknown": a tenth of 10 n
        for word in range(len(WORDS)):
            for received, speaker in zip(x[split][y == 2 + word], speakers, strict=True):
                expected = reference(np.rint(tone(word, speaker) * 32767) / 32768)
                inside = np.abs(raw[y == 2 + word][speakers.index(speaker)]) < 127
                bound = arrays["coef_std"] / 64 + 1e-2  # half a step, and float32 in the op
                assert (np.abs(received - expected) < bound)[inside].all() and inside.mean() > 0.9
    train = arrays["x_train"].reshape(-1, 10) / 32
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=0.1)


def test_a_run_that_is_killed_goes_on(files: dict, tmp_path: Path) -> None:
    folder = unpacked(files, tmp_path / "set")
    prepare("kws12", folder, tmp_path / "whole.npz")
    code = f"""
import os, signal
from pathlib import Path
from hmd_tflm.datasets.prepare import kws12, parts, prepare
parts.SIZE, decode, calls = 7, kws12.decode, []
def counted(name, content):
    calls.append(name)
    if len(calls) == int(os.environ["LAST"]): os.kill(os.getpid(), signal.SIGKILL)
    return decode(name, content)
kws12.decode = counted
prepare("kws12", Path({str(folder)!r}), Path({str(tmp_path / "out.npz")!r}))
print(len(calls))
"""

    def run(last: int) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", code]
        env = os.environ | {"LAST": str(last)}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert run(31).returncode == -signal.SIGKILL
    assert not (tmp_path / "out.npz").exists()
    (kept,) = tmp_path.glob(".out.npz.*.parts")
    first, *others = sorted(kept.glob("*.npz"))
    assert len(others) == 3
    first.write_bytes(first.read_bytes()[:100])  # the machine went down, too
    done = run(-1)
    recordings = 5 * 11 + 2  # ten words, a tenth of others; background
    assert done.returncode == 0 and int(done.stdout) == recordings - 3 * 7
    assert "21/55" in done.stderr
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert not kept.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "yes/00000001_nohash_0.wav",
            b"RIFF",
            r"yes/00000001_nohash_0\.wav: received no 16-bit WAV",
        ),
        ("yes/00000001_nohash_0.wav", wav(tone(0, 0), 8000), "received 8000 samples a second"),
        ("_background_noise_/0.wav", wav(tone(0, 0)), "expected some, of 10 s or more each"),
        ("validation_list.txt", b"", "received no recording of .* in the val split"),
        ("validation_list.txt", None, r"received no validation_list\.txt"),
    ],
)
def test_wrong_files_are_named(
    name: str, content: bytes | None, message: str, files: dict, pack: Callable, tmp_path: Path
) -> None:
    present = {n: data for n, data in {**files, name: content}.items() if data is not None}
    with pytest.raises(UserError, match=message):
        prepare("kws12", pack(present, "folder"), tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()
