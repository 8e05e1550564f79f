"""Costs measured anew: the committed ones are today's, and nothing else of a result changes."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark, results
from hmd_tflm.benchmarks.paper.results import Cell, Run
from hmd_tflm.benchmarks.paper.update import updated
from hmd_tflm.cli import main
from hmd_tflm.errors import UserError
from hmd_tflm.structure import Structure

RESULTS = results.read(results.FOLDER)
SAMPLE = {run.cell.benchmark: run for run in RESULTS if run.cell.method in ("hmd", "lmf_shared")}
COSTS = ("instructions", "cycles", "weights_bytes", "tflite_bytes", "ram_bytes")


@pytest.mark.parametrize("run", SAMPLE.values(), ids=lambda run: str(run.file))
def test_committed_costs_are_those_of_todays_kernels(run: Run) -> None:
    dataset = benchmark.load(run.cell.benchmark).dataset
    try:
        datasets.load(dataset)
    except UserError as error:
        pytest.skip(f"needs {dataset}: {error}")
    ((_, now),) = updated({run: RESULTS[run]})
    # Scales differ in their last bits between processors: a jump or a shared buffer more or less.
    committed = {name: pytest.approx(RESULTS[run][name], rel=1e-3) for name in COSTS}
    stale = "hmd-tflm bench paper --update measures them anew"
    assert {name: now[name] for name in COSTS} == committed, stale


def test_update_changes_costs_only_and_none_of_a_layer_with_indices(tmp_path: Path) -> None:
    shapes = {"hmd": Structure.hmd(8, 32, 4), "pruned": Structure.dense(8, 32)}
    old = {"float": 97.0, "instructions": 1, "cycles": 1}
    for method, shape in shapes.items():
        run = Run(Cell("digits", method, 4.0), 0.01, 0)
        result = {"benchmark": "digits", "method": method, "factor": 4.0, "learning_rate": 0.01}
        result |= {"seed": 0, "structure": asdict(shape), "weights_bytes": 1, **old}
        results.write(tmp_path, run, result)
    assert main(["bench", "paper", "--update", "--results", str(tmp_path)]) == 0
    hmd, pruned = (
        json.loads((tmp_path / f"digits/{name}_4x_rate0.01_0.json").read_text()) for name in shapes
    )
    assert old.items() <= pruned.items()
    assert hmd["float"] == old["float"]
    assert shapes["hmd"].parameters < hmd["weights_bytes"] < hmd["tflite_bytes"]
    steps = 8
    assert steps * shapes["hmd"].parameters < hmd["instructions"] < hmd["cycles"]
