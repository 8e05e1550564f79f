"""The same through QEMU's socket, RFC 2217, a terminal of Renode, and firmware with TFLM that cannot start."""

import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import serial
from device.board_on_pty import BoardOnPty
from device.conftest import BOARD, MODELS
from serial.rfc2217 import PortManager

from hmd_tflm.codegen import tflm as codegen_tflm
from hmd_tflm.device.session import Device
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.monitor import Monitor

RENODE = Path(__file__).parents[2] / "renode"


def check(device: Device, streaming, clock_hz: int) -> None:
    rows, expected = streaming
    assert (device.info.model, device.info.clock_hz) == ("streaming", clock_hz)
    runs = dict(device.run(rows, stateful=True))
    outputs = [np.frombuffer(runs[row].output, np.int8) for row in range(len(rows))]
    np.testing.assert_array_equal(outputs, expected)
    assert device.events == []


def test_qemu_behind_a_socket(firmware, streaming):
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("no QEMU: apt install qemu-system-arm")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["qemu-system-arm", "-M", "netduinoplus2", "-display", "none", "-monitor", "none"]
    command += ["-kernel", firmware("streaming").path, "-serial", "null"]
    qemu = subprocess.Popen([*command, "-serial", f"tcp:{address},server=on,wait=on"])
    try:
        with _when_it_listens(f"socket://{address}") as device:
            check(device, streaming, 16_000_000)
    finally:
        qemu.kill()
        qemu.wait()


def _when_it_listens(url: str) -> Device:
    for _ in range(100):
        try:
            return Device(url)
        except UserError:
            time.sleep(0.1)
    raise AssertionError(f"nothing listens at {url}")


class WithoutModemLines(serial.Serial):
    """A pseudo-terminal has none."""

    cts = dsr = ri = cd = dtr = rts = False


def test_an_rfc2217_server(board, streaming):
    """pyserial's own, in front of an emulated board's terminal."""
    terminal = WithoutModemLines(str(board("streaming").path), timeout=0.02)
    ended = threading.Event()

    def serve() -> None:
        client = server.accept()[0]
        client.settimeout(0.02)
        manager = PortManager(terminal, SimpleNamespace(write=client.sendall))
        while not ended.is_set():
            client.sendall(b"".join(manager.escape(terminal.read(terminal.in_waiting or 1))))
            with suppress(TimeoutError):
                terminal.write(b"".join(manager.filter(client.recv(1024))))
        client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with Device(f"rfc2217://127.0.0.1:{server.getsockname()[1]}") as device:
                check(device, streaming, BOARD.clock_hz)
        finally:
            ended.set()
            thread.join()
            terminal.close()


def test_renode_behind_a_terminal(firmware, streaming, tmp_path):
    if shutil.which("renode") is None:
        pytest.skip("needs renode on PATH: https://renode.io")
    with Monitor(tmp_path) as monitor:
        for line in (
            f"$elf=@{firmware('streaming').path}",
            f"include @{RENODE / BOARD.name}.resc",
            f'emulation CreateUartPtyTerminal "tty" "{tmp_path}/tty"',
            "connector Connect sysbus.usart2 tty",
        ):
            assert monitor.execute(line) == ""
        monitor.execute("start")
        with Device(str(tmp_path / "tty")) as device:
            check(device, streaming, BOARD.clock_hz)


@pytest.mark.skipif(
    not os.environ.get("TFLM_ROOT"),
    reason="needs TFLM_ROOT: a tflite-micro tree with its library built, see docs/tflm.md",
)
def test_messages_of_tflm_reach_a_host_that_came_later(streaming, tmp_path):
    """The op is missing in the firmware's list of ops."""
    codegen_tflm.generate((MODELS / "streaming.tflite").read_bytes(), tmp_path, "streaming")
    ops = tmp_path / "ops.cc"
    text = ops.read_text()
    assert "AddFullyConnected" in text
    ops.write_text(text.replace("AddFullyConnected", "AddSoftmax"))
    image = build(tmp_path, replace(BOARD, environment="disco_f407vg_tflm_offline"))
    one = BoardOnPty(image, BOARD, tmp_path / "tty")
    one.start()
    try:
        time.sleep(0.2)  # it has said so before anyone listened
        with Device(str(one.path)) as device:
            assert device.info.model == "streaming"
            for _ in range(2):
                with pytest.raises(
                    FirmwareError, match="status=1; it said: Didn't find op .*'FULLY_CONNECTED'"
                ):
                    list(device.run(streaming[0], stateful=True))
    finally:
        one.close()
