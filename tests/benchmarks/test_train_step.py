"""The training step's cost: that it is measured, and what the committed result says."""

import json
from pathlib import Path

import pytest

from hmd_tflm.benchmarks import train_step

RESULT = Path(__file__).parents[2] / "benchmarks" / "train_step.json"


def test_a_case_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_step, "TURNS", 3)
    monkeypatch.setattr(train_step, "STEPS_PER_TURN", 1)
    case = train_step.Case(steps=4, features=3, units=8, batch=2, compression=2.0)
    result = train_step.measure(case)
    assert result["units"] == 8 and result["compression"] == 2.0
    assert min(result["lstm_ms"], result["hmdlstm_ms"], result["ratio"]) > 0


def test_the_committed_result_is_of_these_cases_and_of_a_faster_layer() -> None:
    results = json.loads(RESULT.read_text())["results"]
    cases = [{k: r[k] for k in train_step.Case.__slots__} for r in results]
    assert [train_step.Case(**case) for case in cases] == train_step.CASES
    assert max(r["ratio"] for r in results) < 0.8
