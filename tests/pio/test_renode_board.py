"""PlatformIO with a board in Renode: upload into the running simulator, serial port, kernel tests."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial

from hmd_tflm.errors import UserError
from hmd_tflm.simulate import renode_server
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.protocol import Link

FIRMWARE = Path(__file__).parents[2] / "firmware"
ENVIRONMENT = ("-d", FIRMWARE, "-e", "disco_f407vg_renode_offline")


@pytest.fixture(scope="module")
def simulator(pio):
    """`pio run -t simulator` of the workspace that `pio` uses; its folder."""
    if shutil.which("renode") is None:
        pytest.skip("needs renode on PATH: https://renode.io")
    folder = Path(pio.variables["PLATFORMIO_WORKSPACE_DIR"]) / "simulator"
    process = subprocess.Popen(
        [sys.executable, "-m", "platformio", "run", *map(str, ENVIRONMENT), "-t", "simulator"],
        env=os.environ | pio.variables,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = next((line for line in process.stdout if "takes -t upload" in line), "")
    assert str(folder / "tty") in line
    yield folder
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=20)
    assert not list(folder.iterdir())


def ask(folder: Path) -> str:
    """What the firmware on the serial port says that it is."""
    with serial.Serial(str(folder / "tty"), 115200, timeout=5) as port:
        link = Link(port)
        return link.info().model


def test_upload_and_serial_port(pio, simulator: Path, tmp_path: Path) -> None:
    done = pio("run", *ENVIRONMENT, "-t", "upload")
    assert done.returncode == 0, done.stdout
    assert "runs on the simulated disco_f407vg" in done.stdout
    assert ask(simulator) == "dummy"
    source = (Path(pio.variables["HMD_MODEL_DIR"]) / "model.c").read_text()
    (tmp_path / "model.c").write_text(source.replace('"dummy"', '"other"'))
    with serial.Serial(str(simulator / "tty"), 115200, timeout=5) as port:  # stays open
        done = pio("run", *ENVIRONMENT, "-t", "upload", HMD_MODEL_DIR=str(tmp_path))
        assert done.returncode == 0, done.stdout
        assert Link(port).info().model == "other"


def test_kernels_pass(pio, simulator: Path) -> None:
    done = pio("test", *ENVIRONMENT, "--no-reset")
    assert done.returncode == 0, done.stdout
    assert "test_lstm_hmd\t[PASSED]" in done.stdout


def test_monitor_opens_its_port(pio, simulator: Path) -> None:
    pio("run", *ENVIRONMENT, "-t", "upload")
    terminal, other = pty.openpty()
    monitor = subprocess.Popen(
        [sys.executable, "-m", "platformio", "device", "monitor", *map(str, ENVIRONMENT)],
        env=os.environ | pio.variables,
        stdin=other,
        stdout=other,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(terminal, b"Terminal on")
        os.write(terminal, b"hello\n")
        wait_for(terminal, b"err crc received=none")
    finally:
        os.killpg(monitor.pid, signal.SIGKILL)
        monitor.wait()


def wait_for(terminal: int, text: bytes) -> None:
    received, deadline = b"", time.monotonic() + 20
    while text not in received:
        assert time.monotonic() < deadline, received
        received += os.read(terminal, 4096)


def test_firmware_of_another_board_is_refused(pio, simulator: Path) -> None:
    done = pio("run", "-s", "-d", FIRMWARE, "-e", "nucleo_f446re_renode_offline", "-t", "upload")
    assert done.returncode == 1
    assert "received firmware for nucleo_f446re, but the simulator is a disco_f407vg" in done.stdout


def test_a_second_simulator_is_refused(simulator: Path) -> None:
    with pytest.raises(UserError, match="a simulator runs there already"):
        renode_server.serve(simulator, load_board("disco_f407vg"))


def test_without_a_simulator(pio, tmp_path: Path) -> None:
    workspace = {"PLATFORMIO_WORKSPACE_DIR": str(tmp_path)}
    done = pio("run", "-s", *ENVIRONMENT, "-t", "upload", **workspace)
    assert done.returncode == 1
    assert "no simulator runs there; start one: pio run -e disco_f407vg_renode" in done.stdout
