"""What a layer takes on a board: RAM by the formulas of docs/op.md, flash of its kernels, stack."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from hmd_tflm import cli
from hmd_tflm.benchmarks.layer_model import layer_model, random_input, random_layer
from hmd_tflm.codegen import generate
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

STEPS = 3
BOARD = "disco_f407vg"
STRUCTURES = {
    "hmd": Structure.hmd(13, 21, 2.0),
    "dense": Structure.dense(5, 8),
    "lmf shared": Structure.lmf(10, 20, 2.0, shared=True),
    "hmf": Structure.hmf(16, 24, 2.0, rank=3),
}


def scratch(s: Structure) -> int:
    """docs/op.md, Memory."""
    sets = 1 if s.shared else 4
    values = [s.inputs + s.units, 4 * s.units]
    if s.rows < s.units:
        values += [s.blocks * s.rank] * sets
    return 2 * sum(n + n % 2 for n in values)


@pytest.mark.parametrize("name", STRUCTURES)
def test_ram_is_that_of_the_formulas(name: str, compiler, tmp_path: Path, capsys) -> None:
    s = STRUCTURES[name]
    content = layer_model(random_layer(s), STEPS)
    (tmp_path / "m.tflite").write_bytes(content)
    assert cli.main(["inspect", str(tmp_path / "m.tflite"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["ops"][0]["options"]
    assert printed["state_bytes"] == 3 * s.units
    assert printed["scratch_bytes"] == scratch(s)

    source = generate(content, tmp_path / "c").parent
    image = build(source, load_board(BOARD))
    sizes = ram_of_objects(image.path.with_name("firmware.map"))
    buffers = [STEPS * s.inputs, s.units, s.units, 2 * s.units, scratch(s)]  # x, y, h, c
    assert sizes.pop("model.o") == sum(n + -n % 4 for n in buffers)
    assert not [name for name in sizes if "hmd_nn" in name], "a kernel has variables"


def test_kernels_of_one_layer_fit_4_kb_and_their_calls_512_bytes(compiler, tmp_path: Path) -> None:
    s = STRUCTURES["hmd"]
    source = generate(layer_model(random_layer(s), STEPS), tmp_path).parent
    report = simulate(source, BOARD, random_input(s, STEPS))
    assert 0 < report.stack_used <= 512  # the application's, too
    with build(source, load_board(BOARD)).path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        sizes = {t.name: t["st_size"] for t in symbols if t.name.startswith("hmd_")}
    kernels = {name: n for name, n in sizes.items() if not name.startswith("hmd_model")}
    assert {"hmd_lstm_run", "hmd_matvec", "hmd_lstm_update", "hmd_sigmoid_table"} <= set(kernels)
    assert np.sum(list(kernels.values())) <= 4096


def ram_of_objects(path: Path) -> dict[str, int]:
    """Bytes of .data and .bss of each object file in a linker's map."""
    sizes: dict[str, int] = {}
    contribution = re.compile(r"^ \.(?:data|bss)\S*\s+0x\w+\s+0x(\w+) (\S+)$", re.MULTILINE)
    linked = path.read_text().partition("Linker script and memory map")[2]
    for size, file in contribution.findall(linked):
        if int(size, 16):
            name = re.sub(r"\S*/(?=model\.o)", "", file)
            sizes[name] = sizes.get(name, 0) + int(size, 16)
    return sizes
