"""What docs/use-in-your-firmware.md says: built as it stands, run in the emulator, equal to the host."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm.cli import main
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.image import Image

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
MODEL = ROOT / "renode" / "models" / "hmd.tflite"
TEXT = (ROOT / "docs" / "use-in-your-firmware.md").read_text()
BLOCKS = {
    (route, file): code
    for route, file, code in re.findall(
        r"<!-- (\w+): (\S+) -->\n```\w+\n(.*?)```\n", TEXT, re.DOTALL
    )
}
BOARD = load_board("disco_f407vg")

PROJECT = f"""
[env:existing]
platform = symlink://{FIRMWARE}/platform
board = {BOARD.name}
board_build.ldscript = {FIRMWARE}/ld/stm32f407.ld
build_flags = -D NDEBUG -L {FIRMWARE}/ld -D BSP_BOARD={BOARD.name}
extra_scripts = pre:{FIRMWARE}/scripts/machine.py
lib_extra_dirs = lib
"""
SHOW = """
#include <stddef.h>
#include <stdint.h>
#include "bsp.h"

void bsp_on_fault(uint32_t pc, uint32_t status) { (void)pc, (void)status; }

__attribute__((constructor)) static void start(void) { bsp_init(); }

void show(const int8_t *values, COUNT count) {
  for (COUNT i = 0; i < count; ++i) {
    bsp_putc("0123456789ABCDEF"[(uint8_t)values[i] >> 4]);
    bsp_putc("0123456789ABCDEF"[(uint8_t)values[i] & 15]);
  }
  bsp_putc('\\n');
  bsp_getc(); /* which ends the emulation */
}
"""
TFLM_FLAGS = """
import os
Import("env")
root = os.environ["TFLM_ROOT"]
downloads = root + "/tensorflow/lite/micro/tools/make/downloads"
env.Append(
    CCFLAGS=[  # not in CPPPATH: SCons would read all of TFLM for its dependencies
        f"-isystem{root}",
        *(f"-isystem{downloads}/{name}" for name in ("flatbuffers/include", "gemmlowp", "ruy")),
    ],
    CPPDEFINES=["TF_LITE_STATIC_MEMORY", "CMSIS_NN"],
    CXXFLAGS=["-std=c++17", "-fno-threadsafe-statics"],
    LINKFLAGS=["--specs=nosys.specs"],
    LIBPATH=[f"{root}/gen/cortex_m_generic_cortex-m4+fp_release_with_logs_cmsis_nn_gcc/lib"],
    LIBS=["tensorflow-microlite"],
)
"""


def project(folder: Path, route: str) -> None:
    """A project that someone has, with what the page says about a route put into it."""
    (folder / "src").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "lib" / "bsp").symlink_to(FIRMWARE / "lib" / "bsp")
    (folder / "platformio.ini").write_text(PROJECT + BLOCKS[route, "platformio.ini"])
    for (its, file), code in BLOCKS.items():
        if its == route and file.startswith("src/"):
            (folder / file).write_text(code)


def shown(pio, folder: Path) -> str:
    """What the program sends."""
    workspace = folder / ".pio"
    done = pio("run", "-s", "-d", folder, "-e", "existing", PLATFORMIO_WORKSPACE_DIR=str(workspace))
    assert done.returncode == 0, done.stdout
    image = Image.load(workspace / "build" / "existing" / "firmware.elf")
    return Emulator(image, BOARD, budget=10_000_000).readline().decode().strip()


@pytest.fixture(scope="module")
def expected() -> str:
    with Interpreter(MODEL) as interpreter:
        zeros = np.zeros((1, *interpreter.inputs[0].shape[1:]), np.int8)
        return interpreter.run(zeros).tobytes().hex().upper()


def test_without_an_interpreter(pio, tmp_path: Path, expected: str, monkeypatch) -> None:
    project(tmp_path, "plain")
    (tmp_path / "src" / "show.c").write_text(SHOW.replace("COUNT", "uint32_t"))
    (tmp_path / "model.tflite").write_bytes(MODEL.read_bytes())
    monkeypatch.chdir(tmp_path)
    name, *arguments = BLOCKS["plain", "shell"].split()
    assert name == "hmd-tflm" and main(arguments) == 0
    assert shown(pio, tmp_path) == expected


@pytest.mark.skipif(
    not os.environ.get("TFLM_ROOT"),
    reason="needs TFLM_ROOT: a tflite-micro tree with its library built, see docs/tflm.md",
)
def test_with_tflm(pio, tmp_path: Path, expected: str) -> None:
    project(tmp_path, "tflm")
    (tmp_path / "flags.py").write_text(TFLM_FLAGS)
    ini = tmp_path / "platformio.ini"
    ini.write_text(ini.read_text().replace("machine.py", "machine.py, pre:flags.py"))
    source = tmp_path / "src"
    (source / "show.cc").write_text(SHOW.replace("COUNT", "size_t"))
    (source / "runtime.cc").write_text((FIRMWARE / "tflm" / "runtime.cc").read_text())
    numbers = ", ".join(map(str, MODEL.read_bytes()))
    (source / "model.c").write_text(
        f"const unsigned char model[] __attribute__((aligned(16))) = {{{numbers}}};\n"
    )
    assert shown(pio, tmp_path) == expected


@pytest.mark.parametrize(
    "route, file, example",
    [
        ("plain", "src/main.c", "hmd_nn/examples/inference/main.c"),
        ("tflm", "src/main.cc", "hmd_tflm/examples/invoke/main.cc"),
    ],
)
def test_the_page_shows_the_libraries_examples(route: str, file: str, example: str) -> None:
    assert BLOCKS[route, file] == (FIRMWARE / "lib" / example).read_text()


def test_the_examples_model_is_the_generated_one(tmp_path: Path) -> None:
    main(["codegen", str(MODEL), "--output", str(tmp_path)])
    example = FIRMWARE / "lib" / "hmd_nn" / "examples" / "inference" / "model.c"
    assert example.read_text() == (tmp_path / "model.c").read_text()
