"""Firmware in the real Renode: the emulator's outputs and counts, and nothing left behind."""

import json
import re
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from processes import running

from hmd_tflm.cli import main
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.protocol import Link
from hmd_tflm.simulate.renode import Renode
from hmd_tflm.simulate.simulate import simulate

MODELS, VECTORS = (Path(__file__).parents[2] / "renode" / name for name in ("models", "vectors"))
BOARD = "disco_f407vg"
pytestmark = pytest.mark.usefixtures("renode")


@pytest.mark.parametrize("name", ["hmd", "lmf_stacked", "streaming"])
def test_equals_the_emulator(firmware, name):
    image = firmware(name)
    vectors = json.loads((VECTORS / f"{name}.json").read_text())
    x = np.array([np.frombuffer(bytes.fromhex(row), np.int8) for row in vectors["inputs"]])
    emulated, renode = (
        simulate(image.path, BOARD, x, simulator) for simulator in ("emulator", "renode")
    )
    np.testing.assert_array_equal(renode.outputs, emulated.outputs)
    assert [row.tobytes().hex().upper() for row in renode.outputs] == vectors["outputs"]
    np.testing.assert_array_equal(renode.instructions, emulated.instructions)
    np.testing.assert_array_equal(renode.cycles, emulated.cycles)
    assert (renode.stack_used, renode.arena_used) == (emulated.stack_used, emulated.arena_used)


def test_cortex_m7(firmware):
    board = load_board("disco_f746ng")
    image = firmware("streaming", board.name)
    x = np.random.default_rng(1).integers(-128, 128, (3, 9)).astype(np.int8)
    with Renode(image, board) as port:
        link = Link(port)
        assert link.info().clock_hz == board.clock_hz
        outputs = [link.run(row.tobytes()).output for row in x]
    on_m4 = simulate(firmware("streaming").path, BOARD, x)
    assert outputs == [row.tobytes() for row in on_m4.outputs]
    with pytest.raises(UserError, match="has a cortex-m7, but cycles are modelled for cortex-m4"):
        simulate(image.path, board.name, x, "renode")


@pytest.fixture
def spaced(tmp_path, monkeypatch):
    """The folder for temporary files, with a space in its name."""
    folder = tmp_path / "with space"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_no_socket_and_nothing_left(firmware, spaced, ended, tmp_path):
    elf = shutil.copy(firmware("dummy").path, tmp_path / "the firmware.elf")
    trace = tmp_path / "the trace"
    with Renode(Image.load(elf), load_board(BOARD), trace) as port:
        session = port._monitor._process.pid
        members = running(session)
        assert members
        assert not {inode for pid in members for inode in _sockets(pid)} & _listening()
        assert list(spaced.iterdir())
        Link(port).run(bytes([1, 2, 3, 4]))
    assert trace.read_bytes().startswith(b"ReTrace")
    assert ended(session)
    assert list(spaced.iterdir()) == []


def _sockets(pid: int) -> set[str]:
    links = (path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir())
    return {found[1] for link in links if (found := re.match(r"socket:\[(\d+)", str(link)))}


def _listening() -> set[str]:
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {row[9] for row in rows if row[3] == "0A"}


def test_endless_loop_ends(firmware, spaced):
    with (
        pytest.raises(FirmwareError, match=r"busy after 1 seconds, at pc=0x0800\w{4} in add"),
        Renode(firmware("dummy"), load_board(BOARD), timeout=1) as port,
    ):
        Link(port).run(bytes([125, 0, 0, 0]))
    assert not list(spaced.iterdir())


@pytest.mark.parametrize(
    "crime, message",
    [
        (
            '__asm__ volatile("udf #0");',
            r"faulted at pc=0x0800\w{4} in add, .* \(CFSR\) 0x00010000",
        ),
        ("((void (*)(void))0x30000001)();", r"stopped at pc=0x30000000 in \?: .* at 0x30000000"),
    ],
)
def test_faults_are_named(firmware, spaced, crime, message):
    start = time.monotonic()
    with (
        pytest.raises(FirmwareError, match=message),
        Renode(firmware("dummy", crime=crime), load_board(BOARD)) as port,
    ):
        Link(port).run(bytes([1, 0, 0, 0]))
    assert time.monotonic() - start < 30
    assert not list(spaced.iterdir())


def test_firmware_for_another_core(firmware):
    with pytest.raises(UserError, match="FPv5, which a cortex-m4 does not run"):
        Renode(firmware("dummy", "disco_f746ng"), load_board(BOARD))


def test_errors_of_the_firmware_arrive(firmware):
    with Renode(firmware("dummy"), load_board(BOARD)) as port:
        with pytest.raises(FirmwareError, match="err model status=42 op=0"):
            Link(port).run(bytes([127, 0, 0, 0]))
        assert Link(port).run(bytes([1, 2, 3, 4])).output == bytes([10, 2])


def test_trace_is_a_new_file(firmware, tmp_path):
    (tmp_path / "trace").touch()
    with pytest.raises(UserError, match=r"trace: exists, expected a new file"):
        Renode(firmware("dummy"), load_board(BOARD), trace=tmp_path / "trace")


def test_command(capsys, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 9), np.float32))
    command = ["simulate", str(MODELS / "streaming.tflite"), "--board", BOARD]
    command += ["--input", str(tmp_path / "x.npy"), "--simulator", "renode"]
    assert main(command) == 0
    assert "streaming on disco_f407vg (renode), mean of 2 inferences" in capsys.readouterr().out
