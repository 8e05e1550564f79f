"""Speech Commands v0.02 as keyword spotting with 12 classes (Warden 2018, arXiv 1804.03209).

The splits are those of the archive's own lists. In each, "unknown" and "silence" have a tenth as many
sequences as the ten words have together: other words, chosen by the hash of their names, and seconds
of the background recordings at random volumes, cut from other stretches of them in each split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.datasets import SPLITS
from hmd_tflm.datasets.prepare.mfcc import COEFFICIENTS, RATE, decode, mfcc, one_second
from hmd_tflm.datasets.prepare.parts import in_parts
from hmd_tflm.datasets.prepare.source import Source
from hmd_tflm.errors import UserError

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
CLASSES = ("silence", "unknown", *WORDS)
LISTS = {"validation_list.txt": "val", "testing_list.txt": "test"}
BACKGROUND = "_background_noise_"
STRETCHES = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0)}
SHORTEST = 10 * RATE  # a tenth of it is the one second that "val" and "test" need
SCALE = 1 / 32


def arrays(source: Source, parts: Path) -> dict[str, NDArray]:
    """The prepared arrays: int8 MFCC, standardised over the training sequences.

    Args:
        source: of the official folder or archive, opened by ``testing_list.txt``.
        parts: folder for the features of the recordings done so far.

    Raises:
        UserError: a file is missing or is no 16 kHz WAV file.
    """
    chosen = _choose(source)
    names = [name for some in chosen.values() for name, _ in some]
    features = iter(in_parts(parts, source, names, _features))
    recordings = [n for n in source.sizes if n.startswith(f"{BACKGROUND}/") and n.endswith(".wav")]
    noises = [decode(*file) for file in sorted(source.read(recordings))]
    if not noises or min(map(len, noises)) < SHORTEST:
        raise UserError(
            f"{source.path}: received {len(noises)} recordings in {BACKGROUND}, expected some, of "
            "10 s or more each, as in the official archive"
        )
    x, y = {}, {}
    for split in SPLITS:
        labels = [CLASSES.index("silence")] * _tenth(chosen[split]) + [c for _, c in chosen[split]]
        silence = mfcc(_silence(noises, split, _tenth(chosen[split])))
        words = [next(features) for _ in chosen[split]]
        order = np.argsort(labels, kind="stable")
        x[split] = np.concatenate([silence, words])[order]
        y[f"y_{split}"] = np.array(labels, np.uint8)[order]
    mean, deviation = (f(x["train"], axis=(0, 1), dtype=np.float64) for f in (np.mean, np.std))
    return {
        **{f"x_{split}": _quantised((x[split] - mean) / deviation) for split in SPLITS},
        **y,
        "x_scale": np.array(SCALE, np.float32),
        "class_names": np.array(CLASSES),
        "feature_names": np.array([f"mfcc{i}" for i in range(COEFFICIENTS)]),
        "coef_mean": mean.astype(np.float32),
        "coef_std": deviation.astype(np.float32),
    }


def _choose(source: Source) -> dict[str, list[tuple[str, int]]]:
    """The recordings of each split, with their classes."""
    lists = dict(source.read(LISTS))
    listed = {
        name: split
        for file, split in LISTS.items()
        for name in lists[file].decode(errors="replace").split()
    }
    chosen: dict[str, list[tuple[str, int]]] = {}
    for split in SPLITS:
        words, others = [], []
        for name in sorted(source.sizes):
            word, _, file = name.partition("/")
            if not file.endswith(".wav") or word == BACKGROUND:
                continue
            if listed.get(name, "train") == split:
                if word in WORDS:
                    words.append((name, CLASSES.index(word)))
                else:
                    others.append((name, CLASSES.index("unknown")))
        if not words:
            raise UserError(
                f"{source.path}: received no recording of {', '.join(WORDS)} in the {split} "
                "split, expected the complete Speech Commands v0.02"
            )
        others.sort(key=lambda other: hashlib.sha256(other[0].encode()).digest())
        chosen[split] = words + others[: ceil(len(words) / 10)]
    return chosen


def _tenth(recordings: list[tuple[str, int]]) -> int:
    return ceil(sum(CLASSES[label] in WORDS for _, label in recordings) / 10)


def _features(files: list[tuple[str, bytes]]) -> NDArray[np.float32]:
    return mfcc(np.stack([one_second(decode(*file)) for file in files]))


def _silence(noises: list[NDArray[np.float32]], split: str, count: int) -> NDArray[np.float32]:
    """Seconds of the recordings in turn, ``[count, 16000]``."""

    def cuts() -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(0)
        for i in range(count):
            noise = noises[i % len(noises)]
            begin, end = (int(share * len(noise)) for share in STRETCHES[split])
            start = rng.integers(begin, end - RATE, endpoint=True)
            yield noise[start : start + RATE] * np.float32(rng.uniform())

    return np.stack(list(cuts()))


def _quantised(x: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.clip(np.rint(x / SCALE), -127, 127).astype(np.int8)
