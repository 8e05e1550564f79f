"""`hmd-tflm demo` from end to end, of two networks."""

import json
from pathlib import Path

import pytest

from hmd_tflm.benchmarks import compare
from hmd_tflm.cli import main


def test_demo(compiler, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(compare, "CANDIDATES", (("dense", 1.0), ("hmd", 4.0)))
    assert main(["demo", "--output", str(tmp_path)]) == 0
    dense, hmd = json.loads((tmp_path / "results.json").read_text())["records"]
    for record in (dense, hmd):
        assert record["int8_accuracy"] > 0.85
        assert abs(record["int8_accuracy"] - record["float_accuracy"]) < 0.02
        stem = "digits_dense" if record is dense else "digits_hmd_4x"
        assert (tmp_path / f"{stem}.tflite").stat().st_size == record["model_bytes"]
    assert (dense["rows"], dense["units"]) == (64, 64)
    assert hmd["recurrent_bytes"] < dense["recurrent_bytes"] / 3
    assert hmd["cycles"] < dense["cycles"] / 2 and hmd["flash"] < dense["flash"]
    report, printed = (tmp_path / "report.md").read_text(), capsys.readouterr().out
    assert f"| HMD 4x | {100 * hmd['float_accuracy']:.1f} |" in report
    assert report.split("\n\n")[1] in printed
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
