"""The PlatformIO project: its environments agree and build, and its tools work, without the registry."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from pio import make_vectors
from platformio.project.config import ProjectConfig

from hmd_tflm.codegen import generate, tflm
from hmd_tflm.simulate.board import board_names, load_board
from hmd_tflm.simulate.image import Image

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
CONFIG = ProjectConfig(str(FIRMWARE / "platformio.ini"))
OFFLINE = [name for name in CONFIG.envs() if name.endswith("_offline")]
BUILT = [f"{board}_offline" for board in board_names()] + ["qemu_offline"]
BUILT.append("disco_f407vg_renode_offline")  # those of the other boards differ in the upload only
MAY_DIFFER = {"platform", "platform_packages", "test_framework", "test_testing_command", "extends"}
TESTS = re.findall(
    r"RUN_TEST\((\w+)\)", (FIRMWARE / "test/test_kernels/test_kernels.c").read_text()
)
DEBUG = ("debug", "-d", FIRMWARE, "--interface=gdb")


def options(environment: str) -> dict[str, object]:
    return CONFIG.items(env=environment, as_dict=True)


def test_every_environment_is_there_with_and_without_the_registry() -> None:
    online = {name for name in CONFIG.envs() if not name.endswith("_offline")}
    assert online == {name.removesuffix("_offline") for name in OFFLINE}
    kinds = {
        f"{board}{kind}" for board in board_names() for kind in ("", "_tflm", "_live", "_renode")
    }
    assert online == kinds | {"qemu", "native"}


@pytest.mark.parametrize("offline", OFFLINE)
def test_online_has_the_same_sources_and_flags(offline: str) -> None:
    ours, theirs = options(offline), options(offline.removesuffix("_offline"))
    assert ours.keys() - MAY_DIFFER == theirs.keys() - MAY_DIFFER
    for key in ours.keys() - MAY_DIFFER:
        assert ours[key] == theirs[key], key
    command = str(ours.get("test_testing_command")).replace("_offline", "")
    assert command == str(theirs.get("test_testing_command"))


@pytest.mark.parametrize("name", board_names())
def test_board_file_agrees(name: str) -> None:
    board = load_board(name)
    data = json.loads((FIRMWARE / "platform" / "boards" / f"{name}.json").read_text())
    assert data["build"]["cpu"] == board.cpu
    assert data["build"]["f_cpu"] == f"{board.clock_hz}L"
    assert data["upload"]["maximum_size"] == board.memory["flash"].size
    assert data["upload"]["maximum_ram_size"] == board.memory["ram"].size


def test_every_environment_builds(pio) -> None:
    names = [argument for name in BUILT for argument in ("-e", name)]
    done = pio("run", "-d", FIRMWARE, *names)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout
    for name in BUILT:
        assert re.search(rf"{name} +SUCCESS", done.stdout), name


@pytest.mark.skipif(
    not os.environ.get("TFLM_ROOT"),
    reason="needs TFLM_ROOT: a tflite-micro tree with its library built, see docs/tflm.md",
)
def test_every_environment_with_tflm_builds_or_says_what_to_build(pio, tmp_path: Path) -> None:
    tflm.generate((ROOT / "renode/models/hmd.tflite").read_bytes(), tmp_path)
    built = []
    for name in (name for name in OFFLINE if "_tflm" in name):
        done = pio("run", "-s", "-d", FIRMWARE, "-e", name, HMD_MODEL_DIR=str(tmp_path))
        if done.returncode:
            assert re.search(r"has no gen/.*; build it there: make .*TARGET_ARCH=", done.stdout), (
                name
            )
        else:
            built.append(load_board(str(options(name)["board"])).cpu)
    assert "cortex-m4" in built


@pytest.mark.parametrize("environment", ["native_offline", "qemu_offline"])
def test_the_kernels_pass_on_this_computer_and_in_qemu(pio, needs, environment: str) -> None:
    needs("qemu-system-arm")
    done = pio("test", "-d", FIRMWARE, "-e", environment)
    assert done.returncode == 0, done.stdout
    for test in TESTS:
        assert f"{test}\t[PASSED]" in done.stdout
    assert f"{len(TESTS)} test cases: {len(TESTS)} succeeded" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project, to be changed in test/ and src/."""
    for name in ("lib", "platform", "platform_host", "scripts", "ld", "platformio.ini"):
        (tmp_path / name).symlink_to(FIRMWARE / name)
    for name in ("test", "src"):
        shutil.copytree(FIRMWARE / name, tmp_path / name)
    return tmp_path


def test_a_wrong_vector_fails(pio, copy: Path) -> None:
    path = copy / "test" / "test_kernels" / "vectors.h"
    vectors = path.read_text()
    first = re.search(r"hmd_y\[\d+\] HMD_ALIGNED = {\s*(-?\d+)", vectors)
    path.write_text(vectors[: first.start(1)] + "99" + vectors[first.end(1) :])
    done = pio("test", "-d", copy, "-e", "native_offline")
    assert done.returncode == 1
    assert f"test_lstm_hmd: Element 0 Expected 99 Was {first[1]}\t[FAILED]" in done.stdout
    assert f"1 failed, {len(TESTS) - 1} succeeded" in done.stdout


def test_the_vectors_are_the_generated_ones() -> None:
    assert make_vectors.FILE.read_text() == make_vectors.text()


def test_check_finds_nothing(pio, needs) -> None:
    needs("cppcheck")
    done = pio("check", "-d", FIRMWARE, "-e", "disco_f407vg_offline", "--fail-on-defect=low")
    assert done.returncode == 0, done.stdout
    assert "No defects found" in done.stdout


def test_check_finds_a_defect(pio, needs, copy: Path) -> None:
    needs("cppcheck")
    (copy / "src" / "bad.c").write_text("int bad(void) { int a[2] = {0}; return a[2]; }\n")
    done = pio("check", "-d", copy, "-e", "disco_f407vg_offline", "--fail-on-defect=high")
    assert done.returncode == 1
    assert "src/bad.c:1: [high:error] Array 'a[2]' accessed at index 2" in done.stdout


def test_debug_stops_in_main_and_where_told(pio, needs) -> None:
    needs("gdb-multiarch", "qemu-system-arm")
    commands = ["-batch", "-ex", "break hmd_model_init"] + 2 * ["-ex", "continue"]
    done = pio(*DEBUG, "-e", "qemu_offline", "--", "-x", ".pioinit", *commands)
    assert re.search(
        "Temporary breakpoint 1, .*main.*Breakpoint 2, hmd_model_init", done.stdout, re.DOTALL
    )


def test_debug_of_a_board_asks_for_openocd(pio, tmp_path: Path) -> None:
    path = _path_without("openocd", tmp_path)
    done = pio(*DEBUG, "-e", "nucleo_l476rg_offline", "--", "-batch", PATH=path)
    assert "Could not launch Debug Server 'openocd'" in done.stdout


def _path_without(tool: str, links: Path) -> str:
    """PATH, with links to all other tools in the place of each folder that has this one."""
    folders = os.environ["PATH"].split(os.pathsep)
    for number, folder in enumerate(folders):
        if Path(folder, tool).exists():
            folders[number] = str(links / str(number))
            Path(folders[number]).mkdir()
            for other in (path for path in Path(folder).iterdir() if path.name != tool):
                Path(folders[number], other.name).symlink_to(other)
    return os.pathsep.join(folders)


def test_a_full_memory_is_explained(pio, tmp_path: Path) -> None:
    source = (ROOT / "tests" / "firmware" / "dummy_model.c").read_text()
    start = "int hmd_model_init(void) {"
    large = "static const volatile char large[600 << 10] = {1};"
    (tmp_path / "model.c").write_text(source.replace(start, f"{large}\n{start} (void)large[0];"))
    board = ("-d", FIRMWARE, "-e", "nucleo_f446re_offline")
    done = pio("run", "-s", *board, HMD_MODEL_DIR=str(tmp_path))
    assert done.returncode == 1
    explained = re.search(
        r"the firmware needs (\d+) bytes of FLASH, nucleo_f446re has 524288; use fewer", done.stdout
    )
    assert explained and 600 << 10 < int(explained[1]) < (600 << 10) + 8192


@pytest.mark.parametrize("name", ["hmd_nn", "hmd_tflm"])
def test_a_librarys_package_is_whole(pio, tmp_path: Path, name: str) -> None:
    folder = FIRMWARE / "lib" / name
    done = pio("pkg", "pack", "-o", tmp_path / "package.tar.gz", folder)
    assert done.returncode == 0, done.stdout
    with tarfile.open(tmp_path / "package.tar.gz") as archive:
        packed = {member.name for member in archive.getmembers() if member.isfile()}
    ours = {"library.json", "README.md", "keywords.txt"} | {
        str(path.relative_to(folder))
        for kind in ("include", "src", "examples")
        for path in (folder / kind).rglob("*.*")
        if path.suffix in (".c", ".h", ".S", ".cc") and path.is_file()
    }
    assert packed == ours


def test_firmware_without_an_interpreter_is_small(pio, tmp_path: Path) -> None:
    for path in sorted((ROOT / "benchmarks" / "models").glob("*.tflite")):
        content = path.read_bytes()
        generate(content, tmp_path)
        done = pio(
            *("run", "-s", "-d", FIRMWARE, "-e", "disco_f407vg_offline"),
            HMD_MODEL_DIR=str(tmp_path),
            PLATFORMIO_WORKSPACE_DIR=str(tmp_path / "pio"),
        )
        assert done.returncode == 0, done.stdout
        image = Image.load(tmp_path / "pio/build/disco_f407vg_offline/firmware.elf")
        assert image.flash <= 10 * 1024 + len(content), path.stem
