"""`hmd-tflm datasets`: what it prints, and mistakes with exit code 2."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm import datasets
from hmd_tflm.cli import main

TEXT = {"input.txt": b"to be, or not to be: that is the question\n" * 200}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path / "data"))
    return tmp_path / "data"


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict]:
    assert main(["datasets", "list", "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_what_is_prepared_is_listed_and_loaded(
    folder: Path, pack: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listed(capsys)
    assert list(before) == datasets.names()
    assert [name for name, row in before.items() if row["present"]] == ["digits"]
    assert (before["kws12"]["steps"], before["kws12"]["features"]) == (49, 10)
    assert main(["datasets", "list"]) == 0
    text = capsys.readouterr().out
    assert "har_watch             100 x 12    5 classes  absent; prepare it from https://" in text

    command = ["datasets", "prepare", "charlm_shakespeare", "--from"]
    assert main([*command, str(pack(TEXT, "zip")), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output"] == str(folder / "charlm_shakespeare.npz")
    assert result["source"] == "the official one by its SHA-256"
    assert (result["train"], result["val"], result["test"]) == (7560, 420, 420)
    assert list(folder.iterdir()) == [folder / "charlm_shakespeare.npz"]
    assert listed(capsys)["charlm_shakespeare"]["present"]
    loaded = datasets.load("charlm_shakespeare")
    first = np.array(loaded.class_names)[loaded.x_train[0].argmax(axis=-1)]
    assert "".join(first) == TEXT["input.txt"][:64].decode()

    assert main([*command, str(pack(TEXT, "folder")), "--output", str(folder / "b.npz")]) == 0
    assert "b.npz: train 7,560, val 420, test 420; source: a folder, not checked" in (
        capsys.readouterr().out
    )
    assert (folder / "b.npz").read_bytes() == (folder / "charlm_shakespeare.npz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mnist --from TEXT", "data set: received 'mnist', expected one of"),
        ("digits --from TEXT", "digits: there is nothing to prepare"),
        ("kws12 --from none.tar.gz", "none.tar.gz: no such file or folder; https://storage"),
        ("kws12 --from TEXT", "received SHA-256 "),
        ("charlm_shakespeare --from TEXT", "or unpack it and give the folder"),
        ("har_smartphone --from FOLDER", "received no train/y_train.txt in it"),
        ("har_watch --from TEXT", "received no executions_info.csv in it"),
        ("har_watch --from FOLDER --output out.npy", "out.npy: expected a name that ends in .npz"),
        ("har_watch --from FOLDER --output TEXT/out.npz", "cannot be made"),
    ],
)
def test_mistakes_end_with_2(
    arguments: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    text = tmp_path / "set/input.txt"
    text.write_bytes(TEXT["input.txt"])
    line = arguments.replace("TEXT", str(text)).replace("FOLDER", str(text.parent))
    assert main(["datasets", "prepare", *line.split()]) == 2
    captured = capsys.readouterr()
    assert message in captured.err.splitlines()[-1] and captured.out == ""
    assert not list(tmp_path.rglob("*.np?"))


@pytest.mark.parametrize("action", ["list", "prepare"])
def test_each_action_helps_with_an_example(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["datasets", action, "--help"])
    text = capsys.readouterr().out
    assert (
        stop.value.code == 0 and f"example: hmd-tflm datasets {action}" in text and "--json" in text
    )
