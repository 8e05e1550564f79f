"""C functions as the Arm compiler builds them for a Cortex-M core, called on that core in QEMU."""

from __future__ import annotations

import select
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import native
import pytest
from elftools.elf.elffile import ELFFile

HERE = Path(__file__).parent
SOURCES = sorted((native.NN / "src").glob("*.[cS]"))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Wshadow", "-Werror"]
FILLER = b"\x5a"
STACK_BYTES = 4096
SECONDS = 60  # of a call

needs_qemu = pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="apt install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
)


@dataclass(frozen=True, slots=True)
class Core:
    """A core as a machine of QEMU has it.

    Attributes:
        machine: QEMU's name.
        code, data: addresses of RAM: 512 KiB, and 2.2 MiB whose first 2 MiB are for the caller.
        flags: of the compiler.
        unaligned_trap: whether unaligned accesses fault.
    """

    machine: str
    code: int
    data: int
    flags: tuple[str, ...]
    unaligned_trap: bool = False


def _mps2(number: int, cpu: str, *, unaligned_trap: bool = False) -> Core:
    return Core(f"mps2-an{number}", 0, 0x2000_0000, (f"-mcpu={cpu}",), unaligned_trap)


def _m55(*flags: str) -> Core:
    return Core("mps3-an547", 0x1000_0000, 0x2100_0000, flags)


CORES = {
    # QEMU has a Cortex-M0 only with too little RAM; a Cortex-M3 runs its instructions
    "cortex-m0plus": _mps2(385, "cortex-m0plus", unaligned_trap=True),
    "cortex-m3": _mps2(385, "cortex-m3"),
    "cortex-m4": _mps2(386, "cortex-m4"),
    "cortex-m7": _mps2(500, "cortex-m7"),
    "cortex-m33": Core("mps2-an505", 0x1000_0000, 0x3800_0000, ("-mcpu=cortex-m33",)),
    "cortex-m55": _m55("-mcpu=cortex-m55", "-mfloat-abi=hard"),
    "cortex-m55 without MVE": _m55("-mcpu=cortex-m55+nomve"),
}


class Program:
    """Functions of hmd_nn, on one core.

    Attributes:
        data: an address with 2 MiB of RAM.
        functions: of the library, with its tables.
        flash_bytes: of these.
    """

    def __init__(
        self,
        core: str,
        functions: Sequence[str],
        *,
        flags: Sequence[str] = ("-DNDEBUG",),
        sources: Sequence[Path] = (),
        log: Path | None = None,
    ) -> None:
        """Build and start.

        Args:
            core: one of `CORES`.
            functions: to be called.
            flags: of the compiler, besides those of the core.
            sources: beside those of hmd_nn.
            log: a file that gets a line for every instruction of the functions that runs.
        """
        board = CORES[core]
        self.data = board.data
        self._stack = board.data + 0x21_0000 - STACK_BYTES
        self._folder = tempfile.TemporaryDirectory(prefix="hmd_qemu_")
        elf = Path(self._folder.name) / "program.elf"
        _build(board, functions, [*flags], sources, elf)
        with elf.open("rb") as file:
            image = ELFFile(file)
            symbols = list(image.get_section_by_name(".symtab").iter_symbols())
            kernels = image.get_section_by_name(".kernels")
        self._addresses = {s.name: s["st_value"] for s in symbols}
        ours = {s.name: s["st_size"] for s in symbols if s.name.startswith("hmd_")}
        self.functions, self.flash_bytes = list(ours), sum(ours.values())
        command = ["qemu-system-arm", "-M", board.machine, "-kernel", str(elf), "-display", "none"]
        command += ["-monitor", "none", "-serial", "null"]
        command += ["-semihosting-config", "enable=on,target=native"]
        if log:
            span = f"{kernels['sh_addr']:#x}+{kernels['sh_size']:#x}"
            command += ["-singlestep", "-d", "exec,nochain", "-D", str(log), "-dfilter", span]
        self._command = command
        self._start()

    def _start(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.write(self._stack, FILLER * STACK_BYTES)

    @property
    def stack_bytes(self) -> int:
        """The most that any call so far has used."""
        return len(self.read(self._stack, STACK_BYTES).lstrip(FILLER))

    def write(self, address: int, data: bytes) -> None:
        """Memory."""
        self._send(struct.pack("<3I", ord("W"), address, len(data)) + data)

    def read(self, address: int, count: int) -> bytes:
        """Memory."""
        self._send(struct.pack("<3I", ord("R"), address, count))
        return self._receive(count)

    def call(self, function: str, *arguments: int) -> int:
        """The result of a function with up to five arguments."""
        words = [*arguments, *[0] * (5 - len(arguments))]
        self._send(struct.pack("<7I", ord("C"), self._addresses[function] | 1, *words))
        return struct.unpack("<I", self._receive(4))[0]

    def _send(self, data: bytes) -> None:
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            ready, _, _ = select.select([self._process.stdout], [], [], SECONDS)
            if not ready:
                self._process.kill()
            part = self._process.stdout.read1(count - len(data))
            if not part:
                message = self._process.stderr.read().decode() or "out of time"
                self._process.communicate()
                self._start()
                raise AssertionError(message)
            data += part
        return data


class Memory:
    """The bytes of a memory, filled from its first address on, with gaps."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.content = bytearray(FILLER * 16)

    def put(self, data: bytes, alignment: int) -> int:
        """The address of a copy: a multiple of the alignment, but not of twice as much."""
        self.content += FILLER * (-len(self.content) % (2 * alignment) + alignment)
        address = self.base + len(self.content)
        self.content += data + FILLER * 16
        return address


def _build(
    board: Core, functions: Sequence[str], flags: list[str], sources: Sequence[Path], elf: Path
) -> None:
    trap = f"-DUNALIGNED_TRAP={int(board.unaligned_trap)}u"
    common = ["-O2", "-mthumb", *board.flags, "-ffunction-sections", "-fdata-sections"]
    common += [f"-I{native.NN / 'include'}", *flags]
    link = ["-nostartfiles", "-Wl,--gc-sections", "-T", str(HERE / "monitor.ld")]
    link += [f"-Wl,--defsym=CODE={board.code:#x},--defsym=DATA={board.data:#x}"]
    link += [f"-Wl,--undefined={name}" for name in functions]
    ours = [*SOURCES, HERE / "monitor.c"]
    for part, warnings in ((ours, ["-std=c99", *WARNINGS]), (sources, [])):
        command = ["arm-none-eabi-gcc", *common, *warnings, trap, "-c", *map(str, part)]
        if part:
            _run(command, elf.parent)
    _run(["arm-none-eabi-gcc", *common, *map(str, elf.parent.glob("*.o")), *link, "-o", elf], None)


def _run(command: Sequence[str | Path], folder: Path | None) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
