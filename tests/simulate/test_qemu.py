"""The same firmware in QEMU: boots without a clock controller, faults on the UART, equal counts."""

import shutil
import subprocess
from itertools import pairwise
from threading import Timer

import pytest

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.protocol import Link, decode


class Qemu:
    """A transport to an STM32F405 (its RCC is a stub); its second UART is USART2."""

    def __init__(self, elf, *options) -> None:
        command = ["qemu-system-arm", "-M", "netduinoplus2", "-kernel", elf, "-display", "none"]
        command += ["-monitor", "none", "-serial", "null", "-serial", "stdio", *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._watchdog = Timer(10, self._process.kill)
        self._watchdog.start()
        assert decode(self.readline()) == "hmd ready protocol=2"  # before it, input is lost

    def write(self, data: bytes) -> None:
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def readline(self) -> bytes:
        return self._process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self._watchdog.cancel()
        self._process.kill()
        self._process.wait()


@pytest.fixture(autouse=True)
def qemu():
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("no QEMU: apt install qemu-system-arm")


def test_boots_on_the_internal_oscillator(dummy):
    with Qemu(dummy.path) as port:
        link = Link(port)
        assert link.info().clock_hz == 16_000_000
        assert link.run(bytes([1, 2, 3, 4])).output == bytes([10, 2])


def test_fault_is_reported(dummy):
    with Qemu(dummy.path) as port, pytest.raises(FirmwareError) as caught:
        Link(port).run(bytes([126, 0, 0, 0]))
    pc = int(str(caught.value).partition("fault pc=")[2][:8], 16)
    assert dummy.function_at(pc) == "add"
    assert str(caught.value).endswith("cfsr=00008200")  # precise data bus error, address valid


def test_stack_overflow_is_reported(dummy):
    with Qemu(dummy.path) as port, pytest.raises(FirmwareError, match="fault pc=00000000"):
        Link(port).run(bytes([124, 0, 0, 0]))


def test_instruction_counts_are_equal(dummy, board, tmp_path):
    log = tmp_path / "log"
    with Qemu(dummy.path, "-singlestep", "-d", "exec,nochain", "-D", log) as port:
        Link(port).run(bytes([1, 2, 3, 4]))
    read = next(start for start, _, name in dummy.symbols if name == "bsp_cycles")
    steps = [
        int(line.split("/")[1], 16) for line in log.read_text().splitlines() if "Trace" in line
    ]
    reads = [step for step, pc in enumerate(steps) if pc == read]
    run = Link(Emulator(dummy, board)).run(bytes([1, 2, 3, 4]))
    assert [b - a for a, b in pairwise(reads)] == list(run.op_cycles)
