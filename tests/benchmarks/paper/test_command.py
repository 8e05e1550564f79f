"""`hmd-tflm bench paper` for real, on digits: killed and started again, and on a Ray cluster."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from processes import running

from hmd_tflm.cli import main
from hmd_tflm.structure import Structure

SMALL = "bench paper --benchmarks digits --methods hmd --factors 4 --seeds 1 --json --jobs"


def command(jobs: int, folder: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "hmd_tflm",
        *SMALL.split(),
        str(jobs),
        "--results",
        str(folder),
        *more,
    ]


def finished(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in folder.glob("digits/*.json")}


def check(results: dict[str, dict[str, Any]]) -> None:
    assert sorted(results) == ["hmd_4x_rate0.003_0.json", "hmd_4x_rate0.006_0.json"]
    for result in results.values():
        structure = Structure(**result["structure"])
        assert structure.parameters == result["parameters"]
        assert abs(result["parameters"] / result["budget"] - 1) < 0.03
        assert result["int8"] > 70 and abs(result["int8"] - result["float"]) < 2
        assert result["instructions"] < result["cycles"] < 2 * result["instructions"]
        assert result["recipe"]["learning_rate"] == result["learning_rate"]


def test_a_killed_sweep_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(
        command(1, tmp_path), stdout=subprocess.PIPE, start_new_session=True
    ) as first:
        deadline = time.monotonic() + 300
        while not finished(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        first.kill()
    deadline = time.monotonic() + 5
    while running(first.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(first.pid), "trainings end with the sweep that began them"
    before = finished(tmp_path)
    assert len(before) == 1
    done = subprocess.run(command(1, tmp_path), capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    after = finished(tmp_path)
    check(after)
    assert all(after[name] == result for name, result in before.items())
    assert json.loads(line) not in before.values() and json.loads(line) in after.values()
    assert "2/2" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "digits"]
    report(tmp_path, capsys)


def report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page of one's own sweep."""
    command = ["bench", "paper", "--results", str(folder), "--report", str(folder), "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out) == {"written": f"{folder}/comparison.html"}
    text, page = ((folder / f"comparison.{kind}").read_text() for kind in ("md", "html"))
    assert "From 2 result files" in text and "| HMD, k = 2 |" in text
    assert "data:image/png;base64," in page and (folder / "paper_digits.png").is_file()


def test_the_same_on_a_ray_cluster_of_two_workers(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'hmd-tflm[ray]'")
    done = subprocess.run(
        command(2, tmp_path, "--engine", "ray:local"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    check(finished(tmp_path))


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = {
        "--report page": f"{tmp_path}: holds no results; hmd-tflm bench paper makes them",
        "--benchmarks ptb": "benchmark: received 'ptb', expected one of",
        "--benchmarks digits --methods svd": "method: received 'svd', expected one of",
        "--benchmarks digits --seeds 0": "--seeds: received 0, expected 1 or more",
        "--benchmarks digits --jobs -1": "--jobs: received -1, expected 1 or more",
        "--benchmarks digits --factors nan": "factors: received nan, expected numbers above 1",
        "--benchmarks digits --engine dask": "engine: received 'dask', expected local or ray",
    }
    for options, message in mistakes.items():
        assert main(["bench", "paper", "--results", str(tmp_path), *options.split()]) == 2
        assert message in capsys.readouterr().err
