"""What the committed results of the comparison promise."""

import os
from pathlib import Path

import pytest

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark, methods, results, sweep
from hmd_tflm.benchmarks.paper.claims import SEEDS, gain
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.summary import summarise

RESULTS = results.read(results.FOLDER)
ENTRIES = summarise(RESULTS)


def test_there_are_results() -> None:
    assert {"dense", "small", "lmf", "hmd", "pruned"} <= {cell.method for cell in ENTRIES}


@pytest.mark.skipif(
    datasets.VARIABLE not in os.environ,
    reason=f"needs the data sets of the sweep: set {datasets.VARIABLE} to their folder",
)
def test_the_whole_sweep_is_there() -> None:
    wanted = sweep.cells(benchmark.compared(), list(methods.METHODS))
    assert not list(sweep.missing(wanted, SEEDS, RESULTS))


@pytest.mark.parametrize("cell", ENTRIES, ids=str)
def test_int8_keeps_what_float_has(cell: results.Cell) -> None:
    entry = ENTRIES[cell]
    loss = -gain(cell, entry.int8_mean, entry.float_mean)  # chance may make it a gain, of any size
    assert loss <= METRICS[benchmark.load(cell.benchmark).metric].margin


@pytest.mark.parametrize(
    "cell", [cell for cell in ENTRIES if cell.method == "hmd" and cell.factor in (2, 4)], ids=str
)
def test_the_methods_to_start_with_are_those_that_the_readme_names(cell: results.Cell) -> None:
    start = "lmf_shared" if benchmark.load(cell.benchmark).layer == "lstm" else "lmf"
    hmd, entry = ENTRIES[cell], ENTRIES[results.Cell(cell.benchmark, start, cell.factor)]
    assert gain(cell, entry.int8_mean, hmd.int8_mean) > 0, "keeps more accuracy than HMD"
    assert entry.cycles < 1.15 * hmd.cycles, "is nearly as fast"


@pytest.mark.parametrize(
    "cell", [cell for cell in ENTRIES if cell.method == "lmf_shared_taught"], ids=str
)
def test_other_trainings_bring_what_the_page_on_training_says(cell: results.Cell) -> None:
    def mean(method: str) -> float:
        return ENTRIES[results.Cell(cell.benchmark, method, cell.factor)].int8_mean

    assert gain(cell, mean("lmf_shared_taught"), mean("lmf_shared")) > 0
    assert gain(cell, mean("hmd_taught"), mean("lmf_taught")) < 0


@pytest.mark.parametrize(
    "cell", [cell for cell in ENTRIES if methods.METHODS[cell.method].masks], ids=str
)
def test_no_other_reading_of_the_paper_beats_what_the_op_has(cell: results.Cell) -> None:
    shared, gates = (
        ENTRIES[results.Cell(cell.benchmark, method, cell.factor)].int8_mean
        for method in ("lmf_shared", "lmf")
    )
    reading = ENTRIES[cell].int8_mean
    assert gain(cell, shared, reading) > 0 or gain(cell, gates, reading) > 0


@pytest.mark.parametrize("run", RESULTS, ids=lambda run: str(Path(run.file)))
def test_a_result_has_its_methods_size_and_says_how_it_came_about(run: results.Run) -> None:
    result, bench = RESULTS[run], benchmark.load(run.cell.benchmark)
    inputs, method = result["structure"]["inputs"], methods.METHODS[run.cell.method]
    budget = methods.budget(inputs, bench.units, bench.gates, run.cell.factor)
    shape = methods.shape(run.cell.method, inputs, bench.units, bench.gates, budget)
    assert result["structure"] == {name: getattr(shape, name) for name in result["structure"]}
    assert result["budget"] == budget
    if not method.pruned:
        assert result["parameters"] == method.parameters(shape)
    if not method.masks:
        assert result["parameters"] == pytest.approx(budget, rel=methods.TOLERANCE)
    recipe = bench.recipe(run.learning_rate)
    assert result["recipe"] == {name: getattr(recipe, name) for name in result["recipe"]}
    assert result["seconds"] > result["training_seconds"] > 0
    assert result["machine"]


@pytest.mark.parametrize("name", sorted({run.cell.benchmark for run in RESULTS}))
def test_all_results_of_a_benchmark_are_of_one_data_file(name: str) -> None:
    found = [result for run, result in RESULTS.items() if run.cell.benchmark == name]
    (digest,) = {result["data_sha256"] for result in found}
    assert len(digest) == 64 and all(r["sequences"] == found[0]["sequences"] for r in found)
