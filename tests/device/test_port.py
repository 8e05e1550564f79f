"""Ports that are wrong, missing, forbidden, busy or silent: what the user reads."""

import os
import pty
import socket
import threading
import tty

import numpy as np
import pytest
from device.conftest import MODELS

from hmd_tflm import cli
from hmd_tflm.device import link as device_link
from hmd_tflm.device.port import Port, PortLost
from hmd_tflm.errors import UserError


@pytest.fixture
def terminal():
    """The two ends of a pseudo-terminal: a descriptor for the board's, a path for the host's."""
    board, host = pty.openpty()
    tty.setraw(host)
    yield board, os.ttyname(host)
    os.close(board)
    os.close(host)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A function that runs `hmd-tflm device` on a port."""
    monkeypatch.setattr(device_link, "FIRST_PATIENCE", (0.2,) * 2)
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 9), np.int8))
    model, rows = str(MODELS / "streaming.tflite"), str(tmp_path / "x.npy")
    return lambda port: cli.main(["device", model, "--input", rows, "--port", str(port)])


@pytest.mark.parametrize(
    "port, message",
    [
        ("/dev/ttyNONE9", "no such port; of this computer there are: "),
        ("/dev/null", "cannot be opened as a serial port (Could not configure port"),
        ("carrier://pigeon", "expected a device such as /dev/ttyACM0, or socket://HOST:PORT"),
        ("socket://127.0.0.1:1", "with a server behind it"),
        ("socket://nowhere", "cannot be opened as a serial port"),
    ],
)
def test_wrong_ports(command, port, message, capsys):
    assert command(port) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"hmd-tflm device: {port}: ") and message in line


def test_a_port_in_use(command, terminal, capsys):
    port = Port(terminal[1])
    assert command(terminal[1]) == 2
    assert "another program has it open; close that (pio device" in capsys.readouterr().err
    port.close()


def test_a_forbidden_port(terminal):
    os.chmod(terminal[1], 0o600 if os.geteuid() == 0 else 0)
    me = os.geteuid()
    os.seteuid(me or 65534)  # root may open everything, "nobody" may not
    try:
        with pytest.raises(UserError, match="permission denied; join its group: sudo usermod -aG"):
            Port(terminal[1])
    finally:
        os.seteuid(me)


def test_a_board_that_says_nothing(command, terminal, capsys):
    assert command(terminal[1]) == 1
    error = capsys.readouterr().err
    assert f"{terminal[1]}: the board says nothing at 115200 baud; flash the firmware (pio" in error
    assert "check that this is the board's port (others: " in error


def test_another_firmware_or_speed(command, terminal, capsys):
    chatter = threading.Timer(0.05, os.write, (terminal[0], b"\xf8\x80\x0cx\xe0\n\x98\x80\n"))
    chatter.start()
    assert command(terminal[1]) == 1
    error = capsys.readouterr().err
    assert (
        r"received b'\xf8\x80\x0cx\xe0\n' and nothing of docs/protocol.md at 115200 baud" in error
    )


def test_a_terminal_that_echoes_is_no_board(command, terminal, capsys):
    echo = threading.Thread(target=lambda: os.write(terminal[0], os.read(terminal[0], 100)))
    echo.start()
    assert command(terminal[1]) == 1
    assert "the firmware answered 'info' with: info" in capsys.readouterr().err
    echo.join()


def test_lines_come_whole_or_as_what_came_of_them(terminal):
    port = Port(terminal[1])
    os.write(terminal[0], b"one\ntwo\n\nthr")
    assert [port.readline(0.1) for _ in range(4)] == [b"one\n", b"two\n", b"\n", b"thr"]
    assert port.readline(0.01) == b""
    port.close()


def test_a_connection_that_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = Port(f"socket://127.0.0.1:{server.getsockname()[1]}")
        server.accept()[0].close()
        with pytest.raises(PortLost, match="the connection was lost"):
            for _ in range(100):
                port.readline(0.01)
                port.write(b"x")
    with pytest.raises(UserError, match="with a server behind it"):
        Port(port.url)
