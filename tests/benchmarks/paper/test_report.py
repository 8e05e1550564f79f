"""The comparison's page from results with known means, and the verdicts on known differences."""

from typing import Any

import pytest
from scipy import stats

from hmd_tflm.benchmarks.paper import benchmark
from hmd_tflm.benchmarks.paper.claims import Case, claims, variations
from hmd_tflm.benchmarks.paper.int8 import losses
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.overview import overview
from hmd_tflm.benchmarks.paper.report import page, plot
from hmd_tflm.benchmarks.paper.results import Cell, Result, Run
from hmd_tflm.benchmarks.paper.summary import summarise
from hmd_tflm.errors import UserError

SIZES = {"dense": (72320, 1_000_000), "pruned": (15684, 700_000)}


def results(bench: str, factor: float = 4.0, /, **values: list[float]) -> dict[Run, Result]:
    """The seeds of each method at its best rate, and a worse rate that nobody may use."""
    best, other = benchmark.load(bench).learning_rates
    made: dict[Run, Result] = {}
    for method, numbers in values.items():
        parameters, cycles = SIZES.get(method, (15684, 350_000))
        cell = Cell(bench, method, 1.0 if method == "dense" else factor)
        for seed, value in enumerate([*numbers, 0.0]):
            worse = seed == len(numbers)
            run = Run(cell, other if worse else best, 0 if worse else seed)
            validation = {True: -1e9, False: 1e9}[worse]
            made[run] = {
                "validation": -validation if bench == "char_lm" else validation,
                "float": value,
                "int8": value - 0.25,
                "structure": {"gates": 4, "inputs": 10},
                "parameters": parameters,
                "instructions": cycles // 2,
                "cycles": cycles,
                "weights_bytes": 2000,
                "machine": "a machine",
                "seconds": 1800,
                "sequences": {"train": 3000, "val": 40, "test": 50},
                "data_sha256": "0123456789abcdef",
                "recipe": {"epochs": 9, "learning_rate": run.learning_rate},
            }
    return made


def test_entries_are_means_over_the_best_rates_seeds() -> None:
    (entry,) = summarise(results("kws_lstm", hmd=[90.0, 91.0, 92.0])).values()
    assert (entry.seeds, entry.learning_rate) == (3, 6e-3)
    assert (entry.float_mean, entry.float_std) == (91.0, 1.0)
    assert (entry.int8_mean, entry.int8_std) == (90.75, 1.0)
    assert entry.compression == pytest.approx(4 * 118 * 128 / 15684)


@pytest.mark.parametrize("other", [{"data_sha256": "f"}, {"recipe": {"epochs": 8}}])
def test_results_of_other_data_or_recipes_are_not_compared(other: dict[str, Any]) -> None:
    found = results("kws_lstm", hmd=[90.0] * 3, lmf=[91.0] * 3)
    found[max(found)] |= other
    with pytest.raises(UserError, match=r"kws_lstm/lmf_4x_\S+: received .*, expected .*hmd_4x"):
        page(found)


def verdicts(found: dict[Run, Result]) -> list[str]:
    return [claim.verdict for claim in claims(summarise(found))]


def test_verdicts_follow_the_numbers() -> None:
    found = results(
        "kws_lstm",
        dense=[93.4, 93.6, 93.5],
        pruned=[91.0],
        lmf=[92.0, 92.2, 92.1],
        hmd=[90.0] * 3,
        small=[89.0],
    )
    assert verdicts(found) == [
        "holds in 1 of 1 cases",
        "does not hold in 1 of 1 cases",
        "does not hold in 1 of 1 cases",
        "not measured yet",
    ]
    found |= results(
        "char_lm", dense=[2.7, 2.701, 2.699], lmf=[2.9] * 3, hmd=[2.7] * 3, small=[2.6, 2.8, 2.8]
    )
    assert verdicts(found) == [
        "holds in 1 of 1 cases",
        "holds in 1, does not hold in 1 of 2 cases",
        "holds in 1, does not hold in 1 of 2 cases",
        "not decided in 1 of 1 cases; by the means alone it holds in 1",
    ]


@pytest.mark.parametrize(("gain", "holds"), [(3.0, True), (2.0, None), (-3.0, False)])
def test_a_difference_is_decided_by_its_interval(gain: float, holds: bool | None) -> None:
    ours, theirs = [91.0 + gain, 92.0 + gain, 93.0 + gain], [91.0, 92.5, 92.5]
    (claim,) = variations(summarise(results("kws_lstm", hmd=theirs, hmd_taught=ours)))
    assert claim.title == "HMD from dense, taught: more accuracy than HMD, k = 2"
    (case,) = claim.cases
    low, high = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    told = f"{abs(gain):.2f} ± {(high - low) / 2:.2f} % {'better' if gain > 0 else 'worse'}"
    assert case == Case(case.cell, told, gain > 0, holds)


def test_hmd_and_lmf_are_compared_when_both_are_taught() -> None:
    found = results("kws_lstm", hmd_taught=[92.0, 92.5, 93.0], lmf_taught=[91.0] * 3)
    (claim,) = variations(summarise(found))
    assert claim.title == "HMD from dense, taught: more accuracy than LMF from dense, taught"
    assert [case.means for case in claim.cases] == [True]


def test_ranks_are_compared_with_hmd_at_every_factor() -> None:
    found = results("kws_lstm", 2.0, hmd=[91.0] * 3, hmf_d8=[92.0, 92.5, 93.0])
    found |= results("kws_lstm", hmd=[90.0] * 3, hmf_d8=[89.0, 89.5, 89.9])
    (claim,) = variations(summarise(found))
    assert claim.title == "HMF, d = 8: more accuracy than HMD, k = 2"
    assert {case.cell.factor: case.means for case in claim.cases} == {2.0: True, 4.0: False}


@pytest.mark.parametrize(
    ("hmd", "verdict"),
    [
        ([92.7, 92.8, 92.9], "holds in 1 of 1 cases"),
        ([85.0, 92.8, 99.0], "not decided in 1 of 1 cases; by the means alone it holds in 0"),
        ([87.0, 93.8, 99.0], "not decided in 1 of 1 cases; by the means alone it holds in 1"),
        ([91.0, 91.1, 91.2], "does not hold in 1 of 1 cases"),
    ],
)
def test_as_good_as_dense_needs_seeds_that_agree(hmd: list[float], verdict: str) -> None:
    assert verdicts(results("kws_lstm", dense=[92.9, 93.0, 93.1], hmd=hmd))[2] == verdict


def test_a_cell_has_an_entry_once_all_its_rates_are_tried() -> None:
    found = results("kws_lstm", hmd=[90.0, 91.0, 92.0])
    tried = {run: result for run, result in found.items() if result["float"] > 0}
    assert len(summarise(found)) == 1 and summarise(tried) == {}
    (cell,) = summarise(found)
    left_over = {Run(cell, 0.5, 0): found[min(found)] | {"validation": 1e12}}
    assert summarise(found | left_over) == summarise(found), "0.5 is no rate of the benchmark"


def test_the_page_has_every_number() -> None:
    found = results("kws_lstm", dense=[93.0, 94.0], pruned=[91.0], hmd=[90.0, 91.0])
    text = page(found)
    assert "| HMD, k = 2 | 15,684 | 3.85x | 90.50 ± 0.71 | 90.25 ± 0.71 | 2 |" in text
    assert "| 175,000 | 350,000 | 2.86 | 2.00 | 2,000 |" in text
    assert (
        "(3,000 / 40 / 50 sequences for training, validation and test; SHA-256 01234567...)" in text
    )
    assert "4.0 hours" in text and "2.00 times as fast" in text


def test_the_overview_has_the_best_in_bold_and_the_speed_over_dense() -> None:
    found = results("kws_lstm", dense=[93.0] * 3, hmd=[90.0, 91.0, 92.0], lmf=[92.0] * 3)
    found |= results("char_lm", dense=[2.5] * 3, hmd=[2.5] * 3, lmf=[2.75] * 3, small=[2.0])
    found |= results("char_lm", pruned=[2.75] * 3)
    assert overview(summarise(found), (4.0,)).splitlines()[2:] == [
        "| dense | 2.25 ± 0.00 | 92.75 ± 0.00 | 1.00 |",
        "| pruned 4x | 2.50 ± 0.00 |  |  |",
        "| LMF 4x | 2.50 ± 0.00 | **91.75 ± 0.00** | 2.86 |",
        "| HMD, k = 2 4x | **2.25 ± 0.00** | 90.75 ± 1.00 | 2.86 |",
    ], "small dense has one seed only; pruned is not of all benchmarks"


def test_what_int8_costs_is_told_of_runs_and_of_means() -> None:
    found = results("kws_lstm", hmd=[90.0, 91.0, 92.0]) | results("char_lm", hmd=[2.0, 2.0])
    for run, result in found.items():
        if run.seed == 2:
            result["int8"] = 91.0
    assert losses(found, summarise(found)).splitlines()[2:] == [
        "| Character language model, LSTM, bit | 3 | -0.250 ± 0.000 | -0.25 | -0.25 |",
        "| Keyword spotting, LSTM, % | 4 | 0.438 ± 0.375 | 1.00 | 0.50 |",
    ]


def test_every_method_has_its_place_in_the_plot() -> None:
    compared = results("kws_lstm", hmd=[90.0, 91.0])
    every = results("kws_lstm", **{name: [90.0, 91.0] for name in METHODS})
    heights = [height(plot("kws_lstm", found)) for found in (compared, every)]
    assert heights[1] == 2 * heights[0], "a second row for other trainings and readings"


def height(png: bytes) -> int:
    return int.from_bytes(png[20:24])
