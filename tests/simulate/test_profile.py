"""A profile adds up to the simulation, and the flame graph to the profile."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hmd_tflm import cli
from hmd_tflm.codegen import generate
from hmd_tflm.simulate.flame import WIDTH, collapsed, svg
from hmd_tflm.simulate.profile import Profile, profile
from hmd_tflm.simulate.simulate import Report, simulate

MODEL = Path(__file__).parents[2] / "benchmarks/models/digits_hmd_2x.tflite"
X = np.random.default_rng(0).integers(-128, 128, (3, 8, 8)).astype(np.int8)


@pytest.fixture(scope="module")
def source(compiler, tmp_path_factory) -> Path:
    return generate(MODEL.read_bytes(), tmp_path_factory.mktemp("model"), "digits").parent


@pytest.fixture(scope="module")
def profiled(source) -> Profile:
    return profile(source, "disco_f407vg", X)


@pytest.fixture(scope="module")
def simulated(source) -> Report:
    return simulate(source, "disco_f407vg", X)


def test_ops_are_those_of_the_simulation(profiled: Profile, simulated: Report) -> None:
    assert [share.name for share in profiled.ops] == [
        "0 HMD_LSTM",
        "1 FULLY_CONNECTED",
        "2 SOFTMAX",
    ]
    for share, instructions, cycles in zip(
        profiled.ops, simulated.instructions.sum(0), simulated.cycles.sum(0), strict=True
    ):
        assert (share.instructions, share.cycles) == (instructions, cycles)
    assert [share.waits for share in profiled.ops] == simulated.waits.sum(0).tolist()
    assert profiled.wait_states == simulated.wait_states == 5


def test_every_division_adds_up(profiled: Profile) -> None:
    cycles = sum(share.cycles for share in profiled.ops)
    instructions = sum(share.instructions for share in profiled.ops)
    assert sum(profiled.stacks.values()) == cycles
    assert sum(share.cycles for share in profiled.functions) == cycles
    assert sum(share.instructions for share in profiled.functions) == instructions
    assert sum(profiled.mnemonics.values()) == instructions
    assert sum(share.instructions for share in profiled.lines) == instructions
    assert sum(share.cycles for share in profiled.lines) == cycles
    waits = sum(share.waits for share in profiled.ops)
    assert waits == sum(share.waits for share in profiled.functions) > 0


def test_names_are_those_of_the_sources(profiled: Profile) -> None:
    functions = {share.name: share for share in profiled.functions}
    assert profiled.functions[0].name.startswith("hmd_") and profiled.functions[0].own
    assert not functions["memset"].own
    assert 0 < profiled.foreign < 0.01
    assert any(re.fullmatch(r"lstm\.c:\d+", share.name) for share in profiled.lines)
    chain = next(stack for stack in profiled.stacks if stack[-1] == "hmd_lstm_run")
    assert chain[0] == "0 HMD_LSTM" and chain[-2] == "hmd_model_run"


def test_collapsed_stacks() -> None:
    stacks = {("a",): 1, ("a", "b"): 3}
    assert collapsed(stacks) == "a 1\na;b 3\n"


def test_boxes_are_as_wide_as_their_cycles() -> None:
    stacks = {("a",): 10, ("a", "b<"): 30, ("c",): 60}
    picture = ElementTree.fromstring(svg(stacks, "all", ["cycles: & more", "error"]))
    space = "{http://www.w3.org/2000/svg}"
    notes = [text for text in picture.findall(f"{space}text")]
    assert [note.text for note in notes] == ["cycles: & more", "error"]
    assert float(notes[-1].get("y")) <= float(picture.get("height"))
    boxes = {
        group.find(f"{space}title").text.split(":")[0]: group.find(f"{space}rect")
        for group in picture.iter(f"{space}g")
    }
    widths = {name: float(box.get("width")) for name, box in boxes.items()}
    assert widths == {"all": WIDTH, "a": 0.4 * WIDTH, "b<": 0.3 * WIDTH, "c": 0.6 * WIDTH}
    assert float(boxes["c"].get("x")) == 0.4 * WIDTH
    assert float(boxes["b<"].get("y")) > float(boxes["a"].get("y")) > float(boxes["all"].get("y"))


def test_the_command_writes_its_files(compiler, tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "x.npy", X)
    arguments = ["--board", "disco_f407vg", "--input", str(tmp_path / "x.npy")]
    command = ["profile", str(MODEL), *arguments, "--output", str(tmp_path / "out")]
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    assert "digits_hmd_2x on disco_f407vg (emulated), 3 inferences" in text
    assert "not this project's code: " in text
    assert text.count("their error: median") == text.count("with flash\n") == 2
    assert (tmp_path / "out/flame.svg").read_text().count("their error: median") == 2
    numbers = json.loads((tmp_path / "out/profile.json").read_text())
    assert numbers["inferences"] == 3
    assert sum("their error: median" in note for note in numbers["notes"]) == 2
    total = sum(int(line.split()[-1]) for line in (tmp_path / "out/flame.txt").open())
    assert total == sum(share["cycles"] for share in numbers["ops"])
    ElementTree.parse(tmp_path / "out/flame.svg")
