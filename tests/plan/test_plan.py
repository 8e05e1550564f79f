"""Plans as a user makes them: predictions hold in the emulator, limits are kept, mistakes are named."""

import json
from math import inf
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from keras import layers as kl

from hmd_tflm import cli
from hmd_tflm.errors import UserError
from hmd_tflm.plan.choose import Limits
from hmd_tflm.plan.plan import plan
from hmd_tflm.simulate.board import load_board
from hmd_tflm.structure import Structure

BOARD = "nucleo_f446re"


def sequential(*layers, steps: int = 8, features: int = 8, classes: int = 10) -> keras.Model:
    keras.utils.set_random_seed(0)
    output = kl.Dense(classes, activation="softmax")
    return keras.Sequential([keras.Input((steps, features)), *layers, output])


CASES = {
    "one layer": (lambda: sequential(kl.LSTM(32, name="a")), Limits(cycles=60_000)),
    "stacked": (
        lambda: sequential(kl.LSTM(20, return_sequences=True), kl.LSTM(16), features=5),
        Limits(flash=16_000),
    ),
    "bidirectional": (
        lambda: sequential(kl.Bidirectional(kl.LSTM(12)), steps=6, features=11),
        Limits(cycles=40_000, ram=800),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_prediction_is_within_5_percent_of_the_emulator(name: str, compiler) -> None:
    build, limits = CASES[name]
    made = plan(build(), load_board(BOARD), limits)
    for row in made.table():
        assert abs(row.difference) <= (0.05 if row.name in ("cycles", "ms") else 0.002), row
        assert row.limit is None or row.predicted <= row.limit, row
    assert any(option.structure.lower for option in made.chosen.values())
    assert {s for option in made.chosen.values() for s in [option.structure]} == {
        layer.cell.structure for layer in made.model._flatten_layers() if hasattr(layer, "cell")
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "m.keras"
    sequential(kl.LSTM(12, name="recurrent")).save(path)
    return path


def main(*arguments: object) -> int:
    return cli.main(["plan", *map(str, arguments)])


def test_the_command_probes_and_writes(trained: Path, compiler, tmp_path: Path, capsys) -> None:
    out = tmp_path / "small.keras"
    given = ("--board", BOARD, "--max-ms", "0.2", "--max-flash", "15k", "--dataset", "digits")
    assert main(trained, *given, "--output", out, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    (layer,) = printed["layers"]
    rows = {row["name"]: row for row in printed["table"]}
    assert rows["flash"]["limit"] == 15 * 1024 and rows["ms"]["limit"] == pytest.approx(0.2)
    assert rows["ms"]["simulated"] == pytest.approx(rows["cycles"]["simulated"] / 168e3)
    found = keras.saving.load_model(out).layers[0].cell.structure
    assert [getattr(found, name) for name in ("rows", "blocks", "rank", "shared")] == [
        layer[name] for name in ("rows", "blocks", "rank", "shared")
    ]


def test_the_command_prints_a_table(trained: Path, compiler, capsys) -> None:
    np.save(trained.parent / "x.npy", np.zeros((3, 8, 8), np.float32))
    given = ("--board", "nucleo_l476rg", "--max-flash", "15k")
    assert main(trained, *given, "--calibration", trained.parent / "x.npy") == 0
    text = capsys.readouterr().out
    assert "recurrent" in text and "15,360" in text and "at zero wait states" in text
    assert "hmd-tflm convert compressed.keras" in text


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
        (("--board", BOARD, "--max-flash", "48kB"), "--max-flash: received '48kB'"),
        (("--board", BOARD, "--max-ram", "0"), "--max-ram: received '0'"),
        (("--board", BOARD, "--max-ms", "5", "--output", "x.h5"), "ends in .keras"),
        (("--board", BOARD, "--max-ms", "5", "--dataset", "cats"), "data set: received 'cats'"),
    ],
)
def test_mistakes(trained: Path, arguments: tuple[str, ...], message: str, capsys) -> None:
    assert main(trained, *arguments) == 2
    assert message in capsys.readouterr().err


def test_models_that_cannot_be_planned(tmp_path: Path, capsys) -> None:
    for model, message in (
        (sequential(kl.Flatten()), "received no LSTM or GRU layer"),
        (sequential(kl.GRU(8, reset_after=False)), "received a layer of 3 gates"),
    ):
        model.save(tmp_path / "m.keras")
        assert main(tmp_path / "m.keras", "--board", BOARD, "--max-ms", "5") == 2
        assert message in capsys.readouterr().err
    assert main(tmp_path / "none.keras", "--board", BOARD, "--max-ms", "5") == 2
    assert "no such file" in capsys.readouterr().err


def test_a_dense_layer_stays_dense_where_it_fits(compiler) -> None:
    made = plan(sequential(kl.LSTM(8), steps=2), load_board(BOARD), Limits(flash=100_000))
    (option,) = made.chosen.values()
    assert option.structure == Structure.dense(8, 8) and option.error == 0
