"""TFLM on this host: a wheel from PyPI, unpacked, and a runner linked to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from hmd_tflm.convert import convert
from hmd_tflm.layers import HMDGRU, HMDLSTM

HERE = Path(__file__).parent
LIB = HERE.parents[1] / "firmware" / "lib"
WARNINGS = ["-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
TFLM_FLAGS = [
    "-D",
    "XCORE",
    "-D",
    "HMD_TFLM_NAMESPACE=tflite_micro",
    "-fno-exceptions",
    "-fno-rtti",
]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
NEEDED = ("xmos_ai_tools/runtime/include/", "xmos_ai_tools/xinterpreters/libs/linux/")


@dataclass(frozen=True)
class Tflm:
    """Where the headers and the library of a host TFLM lie."""

    include: Path
    library: Path


@dataclass(frozen=True)
class Ran:
    """What a run of the runner gave; ``messages`` are TFLM's."""

    outputs: bytes
    messages: str
    status: int

    @property
    def arena_used(self) -> int:
        """Bytes."""
        return int(self.messages.split("arena ")[1].split()[0])


@dataclass(frozen=True)
class Runner:
    """TFLM's interpreter in a process of its own, with our ops under sanitizers.

    op_objects: object files of firmware/lib/hmd_tflm.
    """

    program: Path
    op_objects: list[Path]

    def __call__(
        self, content: bytes, *requests: NDArray[np.int8] | None, arena: int = 1 << 20, offset=0
    ) -> Ran:
        """Run a model on each row of each array; None stands for Reset()."""
        model = self.program.with_name("model.tflite")
        model.write_bytes(content)
        lines = [b"0" if rows is None else _request(rows) for rows in requests]
        command = [self.program, model, str(arena), str(offset)]
        done = subprocess.run(command, input=b"".join(lines), capture_output=True, check=False)
        return Ran(done.stdout, done.stderr.decode(), done.returncode)


def _request(rows: NDArray[np.int8]) -> bytes:
    return b"".join(b"r" + row.tobytes() for row in rows)


@pytest.fixture(scope="session")
def stateful() -> bytes:
    """A stateful model of three ops, 2 steps of 4 features."""
    keras.utils.set_random_seed(0)
    layers = [
        HMDLSTM(8, 2.0, stateful=True, return_sequences=True),
        HMDLSTM(7, rows=3, rank=2, stateful=True, return_sequences=True),
        HMDGRU(6, rows=3, rank=2, stateful=True),
        keras.layers.Dense(5),
    ]
    x = np.random.default_rng(0).normal(size=(30, 2, 4)).astype(np.float32)
    return convert(keras.Sequential([keras.Input(batch_shape=(1, 2, 4)), *layers]), x).content


@pytest.fixture(scope="session")
def compiler() -> None:
    program, library = "arm-none-eabi-g++", "libstdc++_nano.a"
    found = (
        shutil.which(program)
        and subprocess.run(
            [program, f"-print-file-name={library}"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    if found in (None, library):  # its bare name, where it is not
        pytest.skip(
            "no C++ compiler for Arm: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi "
            "libstdc++-arm-none-eabi-newlib"
        )


@pytest.fixture(scope="session")
def tflm(pytestconfig: pytest.Config) -> Tflm:
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler: apt install g++")
    folder = pytestconfig.cache.mkdir("xmos-ai-tools-1.4.2")
    found = Tflm(folder / NEEDED[0], folder / NEEDED[1] / "xtflm_python.so")
    if not found.library.is_file():
        _unpack(_download(folder), folder)
    return found


@pytest.fixture(scope="session")
def runner(tflm: Tflm, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    folder = tmp_path_factory.mktemp("tflm")
    nn, op = (sorted((LIB / name / "src").glob("*.c*")) for name in ("hmd_nn", "hmd_tflm"))
    includes = [f"-I{LIB / name / 'include'}" for name in ("hmd_nn", "hmd_tflm")]
    common = [*WARNINGS, *SANITIZERS, *includes]

    def compile_with(*command: str | Path) -> None:
        subprocess.run([*command[:1], *common, *command[1:]], cwd=folder, check=True)

    compile_with("gcc", "-std=c99", "-c", *nn)
    # Of a model that is not aligned, TFLM's own structures in it are not either.
    tflm_flags = ["-std=c++17", *TFLM_FLAGS, "-fno-sanitize=alignment"]
    tflm_flags += ["-isystem", str(tflm.include), f"-Wl,-rpath,{tflm.library.parent}"]
    compile_with("g++", *tflm_flags, "-c", *op)
    program = folder / "runner"
    linked = [HERE / "runner.cc", *folder.glob("*.o"), tflm.library, "-o", program]
    compile_with("g++", *tflm_flags, *linked)
    return Runner(program, [folder / path.with_suffix(".o").name for path in op])


def _download(folder: Path) -> Path:
    requirements = ["--require-hashes", "-r", str(HERE / "requirements.txt")]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *requirements]
    done = subprocess.run(
        [*command, "-d", str(folder)], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        reason = (done.stderr.strip() or "no wheel").splitlines()[-1]
        pytest.skip(f"needs xmos-ai-tools from PyPI, a TFLM for Linux on x86-64; pip: {reason}")
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> None:
    """The library last: where it is, all is."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(NEEDED)]
        archive.extractall(folder, sorted(names, key=lambda name: name.endswith("xtflm_python.so")))
    wheel.unlink()
