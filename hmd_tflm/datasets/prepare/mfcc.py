"""Mel-frequency cepstral coefficients as "Hello Edge" has them (Zhang et al. 2017, arXiv 1711.07128).

40 ms Hann windows every 20 ms, 40 mel bands from 20 Hz to 4 kHz, the first 10 coefficients: computed
by the TensorFlow ops that the authors' own training code calls.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hmd_tflm.errors import UserError
from hmd_tflm.quiet import quiet

with quiet():
    import tensorflow as tf

RATE = 16_000
WINDOW, HOP = 640, 320
STEPS, COEFFICIENTS = 49, 10


def decode(name: str, content: bytes) -> NDArray[np.float32]:
    """The samples of a mono WAV file, -1..1.

    Raises:
        UserError: it is not a 16-bit PCM file of 16,000 samples a second.
    """
    try:
        audio, rate = tf.audio.decode_wav(content, desired_channels=1)
    except tf.errors.InvalidArgumentError as error:
        raise UserError(
            f"{name}: received no 16-bit WAV file ({error.message}), expected one"
        ) from error
    if int(rate) != RATE:
        raise UserError(f"{name}: received {int(rate)} samples a second, expected {RATE}")
    return audio.numpy()[:, 0]


def one_second(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first second; what is missing at the end is silence."""
    return np.pad(samples[:RATE], (0, max(0, RATE - len(samples))))


def mfcc(clips: NDArray[np.float32]) -> NDArray[np.float32]:
    """The coefficients of ``[clips, 16000]`` samples, as ``[clips, 49, 10]``."""
    spectrogram = tf.raw_ops.AudioSpectrogram(
        input=clips.T, window_size=WINDOW, stride=HOP, magnitude_squared=True
    )
    return tf.raw_ops.Mfcc(
        spectrogram=spectrogram,
        sample_rate=RATE,
        lower_frequency_limit=20,
        upper_frequency_limit=4000,
        filterbank_channel_count=40,
        dct_coefficient_count=COEFFICIENTS,
    ).numpy()
