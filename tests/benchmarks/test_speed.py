"""The measured speed: docs/cycles.md says what the file says, and the file meets the aims."""

import json

from hmd_tflm.benchmarks.speed import FILE, TRACED, rendered
from hmd_tflm.simulate.cycles.validation import DOCUMENT


def test_document_is_up_to_date():
    text = DOCUMENT.read_text()
    assert "<!-- speed -->" in text
    assert rendered(text) == text


def test_aims():
    """20 million instructions a second with the whole pipeline; bounded memory for 3 seconds."""
    numbers = json.loads(FILE.read_text())
    for part in ("emulator", "trace"):
        assert numbers[part]["instructions"] / numbers[part]["seconds"] > 20e6
    assert numbers["trace"]["instructions"] >= TRACED
    assert numbers["trace"]["memory"] < 2**26
