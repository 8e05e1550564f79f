"""Plans as a user makes them: predictions hold in the emulator, limits are kept, mistakes are named."""

import json
import re
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from keras import layers as kl

from hmd_tflm import cli, datasets
from hmd_tflm.errors import UserError
from hmd_tflm.plan.choose import Limits
from hmd_tflm.plan.firmware import Firmware, built, cost
from hmd_tflm.plan.plan import describe, plan
from hmd_tflm.simulate.board import load_board

BOARD = "nucleo_f446re"


def sequential(*layers, steps: int = 8, features: int = 8, classes: int = 10) -> keras.Model:
    keras.utils.set_random_seed(0)
    output = kl.Dense(classes, activation="softmax")
    return keras.Sequential([keras.Input((steps, features)), *layers, output])


MODELS = {
    "one layer": lambda: sequential(kl.LSTM(32)),
    "stacked": lambda: sequential(
        kl.LSTM(20, return_sequences=True), kl.GRU(16, reset_after=False), features=5
    ),
    "bidirectional": lambda: sequential(kl.Bidirectional(kl.LSTM(8)), steps=6, features=11),
}
LIMITS = {
    "one layer": {"ms": 0.36},
    "stacked": {"flash": 16_000},
    "bidirectional": {"ms": 0.16, "RAM": 700},
}


def main(*arguments: object) -> int:
    return cli.main(["plan", *map(str, arguments)])


@pytest.mark.parametrize("name", MODELS)
def test_the_prediction_is_within_5_percent_of_the_emulator(
    name: str, compiler, tmp_path: Path, capsys
) -> None:
    MODELS[name]().save(tmp_path / "m.keras")
    limits = [f"--max-{limit.lower()}={value}" for limit, value in LIMITS[name].items()]
    assert main(tmp_path / "m.keras", "--board", BOARD, "--json", *limits) == 0
    printed = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in printed["table"]}
    instructions = rows.pop("instructions")
    assert instructions["predicted"] is instructions["difference"] is None
    for row in rows.values():
        assert abs(row["predicted"] / row["simulated"] - 1) <= 0.05, row
        assert row["limit"] is None or row["simulated"] <= row["limit"], row
    for exact in ("flash", "RAM"):
        assert rows[exact]["predicted"] == pytest.approx(rows[exact]["simulated"], abs=16)
    assert {name: rows[name]["limit"] for name in LIMITS[name]} == pytest.approx(LIMITS[name])
    assert rows["ms"]["simulated"] == pytest.approx(rows["cycles"]["simulated"] / 168e3)
    assert any(layer["shape"] != "dense" for layer in printed["layers"])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "m.keras"
    sequential(kl.LSTM(12, name="recurrent")).save(path)
    return path


def test_the_command_probes_writes_and_prints(
    saved: Path, compiler, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "small.keras"
    given = ("--board", "nucleo_l476rg", "--max-flash", "14.5k", "--dataset", "digits")
    assert main(saved, *given, "--output", out) == 0
    text = capsys.readouterr().out
    assert (
        "nats of validation loss" in text
        and "14,848" in text
        and "those at zero wait states" in text
    )
    assert f"hmd-tflm convert {out} --calibration digits" in text
    found = keras.saving.load_model(out).layers[0].cell.structure
    assert describe(found) in text and found.lower
    model, data = keras.saving.load_model(out), datasets.load("digits").calibration()
    _, report, _ = built(model, data, load_board("nucleo_l476rg"))
    assert re.search(
        rf"instructions +{report.instructions.sum() / len(report.outputs):,.0f}\n", text
    )


def test_a_choice_that_the_emulator_finds_too_slow_is_made_again(compiler, monkeypatch) -> None:
    """Emulated three times: the smallest shapes, a choice by a formula that promises too much, another."""
    formula, simulated = Firmware.cycles, []

    def trial(*arguments):
        made = built(*arguments)
        simulated.append(cost(made[1]).cycles)
        return made

    monkeypatch.setattr(Firmware, "cycles", lambda *of: 0.9 * formula(*of))
    monkeypatch.setattr("hmd_tflm.plan.plan.built", trial)
    limit = 13_100
    model = sequential(kl.LSTM(12, name="recurrent"), steps=3)
    made = plan(model, load_board(BOARD), Limits(cycles=limit))
    assert len(simulated) == 2 and simulated[0] > limit >= simulated[1]
    assert made.simulated.cycles == simulated[1]
    assert made.model.layers[0].cell.structure == made.chosen["recurrent"].structure
    assert not any(row.over for row in made.table())


def test_a_limit_that_is_missed_in_the_end_is_said(
    saved: Path, compiler, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(
        "hmd_tflm.plan.plan.cost", lambda report: replace(cost(report), cycles=168_000.0)
    )
    assert main(saved, "--board", BOARD, "--max-ms", "0.9") == 0
    over = [line for line in capsys.readouterr().out.splitlines() if "over the limit" in line]
    assert [line.split()[0] for line in over] == ["cycles", "ms"]
    assert "0.900" in over[1] and "1.000" in over[1]


def test_limits_that_cannot_be_kept(compiler) -> None:
    model = sequential(kl.LSTM(12), steps=3)
    with pytest.raises(UserError, match=r"max-ms 0.001, reachable 0\.\d+; .*max-flash 9,000, rea"):
        plan(model, load_board(BOARD), Limits(cycles=168, flash=9000, ram=inf))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--board", "nucleo", "--max-ms", "5"), "board 'nucleo' is not known"),
        (("--board", "disco_f746ng", "--max-ms", "5"), "has a cortex-m7, but cycles are modelled"),
        (("--board", BOARD), "received none, expected --max-ms, --max-flash or --max-ram"),
        (("--board", BOARD, "--max-ms", "soon"), "--max-ms: received 'soon', expected a positive"),
        (("--board", BOARD, "--max-ms", "5k"), "--max-ms: received '5k'"),
        (("--board", BOARD, "--max-ms", "."), "--max-ms: received '.'"),
        (("--board", BOARD, "--max-ms", ".8", "--dataset", "cats"), "data set: received 'cats'"),
        (("--board", BOARD, "--max-flash", "48kB"), "--max-flash: received '48kB'"),
        (("--board", BOARD, "--max-ram", "0"), "--max-ram: received '0'"),
        (("--board", BOARD, "--max-ms", "5", "--output", "x.h5"), "ends in .keras"),
        (("--board", BOARD, "--max-ms", "5", "--dataset", "cats"), "data set: received 'cats'"),
    ],
)
def test_mistakes(saved: Path, arguments: tuple[str, ...], message: str, capsys) -> None:
    assert main(saved, *arguments) == 2
    assert message in capsys.readouterr().err


INPUTS = np.random.default_rng(0).normal(size=(20, 8, 8)).astype(np.float32)


def two_inputs() -> keras.Model:
    sources = keras.Input((8, 8)), keras.Input((8, 3))
    both = kl.Concatenate()([kl.LSTM(4)(source) for source in sources])
    return keras.Model(sources, kl.Dense(2)(both))


def token_ids() -> keras.Model:
    ids = keras.Input((8,), dtype="int32")
    return keras.Sequential([ids, kl.Embedding(20, 8), kl.LSTM(4), kl.Dense(2)])


@pytest.mark.parametrize(
    ("model", "calibration", "message"),
    [
        (lambda: sequential(kl.LSTM(4)), INPUTS[:0], r"received shape \[0, 8, 8\], expected \[n"),
        (lambda: sequential(kl.LSTM(4)), INPUTS[:, :, :3], r", 8, 3\], expected \[n, 8, 8\]"),
        (lambda: sequential(kl.LSTM(4)), INPUTS.astype(str), "received <U"),
        (lambda: sequential(kl.LSTM(4)), INPUTS * np.nan, "calibration data: received NaN"),
        (lambda: sequential(kl.LSTM(4), steps=None), INPUTS, "expected a fixed number of steps"),
        (two_inputs, None, "received 2 inputs and 1 outputs, expected one of each"),
        (token_ids, None, "received inputs of int32, expected float32"),
    ],
)
def test_models_and_data_are_checked_before_any_work(
    model, calibration: np.ndarray | None, message: str, monkeypatch
) -> None:
    monkeypatch.setattr("hmd_tflm.plan.plan.compress", None)
    with pytest.raises(UserError, match=message):
        plan(model(), load_board(BOARD), Limits(flash=1e5), calibration=calibration)


def test_models_that_cannot_be_planned(tmp_path: Path, capsys) -> None:
    sequential(kl.Flatten()).save(tmp_path / "m.keras")
    assert main(tmp_path / "m.keras", "--board", BOARD, "--max-ms", "5") == 2
    assert "received no LSTM or GRU layer" in capsys.readouterr().err
    wrong = sequential(kl.LSTM(4), features=5)
    wrong.save(tmp_path / "m.keras")
    given = ("--board", BOARD, "--max-ms", "5", "--dataset", "digits")
    assert main(tmp_path / "m.keras", *given) == 2
    assert ", 8, 8], expected [n, 8, 5]" in capsys.readouterr().err
    assert main(tmp_path / "none.keras", "--board", BOARD, "--max-ms", "5") == 2
    assert "no such file" in capsys.readouterr().err
