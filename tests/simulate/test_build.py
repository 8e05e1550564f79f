"""Building firmware: what it gives, what is built again, and what it says where it cannot."""

import subprocess

import pytest

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.build import build


def test_sizes_agree_with_the_binary_and_binutils(dummy):
    assert dummy.flash == dummy.path.with_suffix(".bin").stat().st_size
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", dummy.path], capture_output=True, text=True, check=True
    ).stdout
    sizes = {line.split()[0]: int(line.split()[1]) for line in listing.splitlines()[2:] if line}
    assert dummy.ram == sizes[".data"] + sizes[".bss"]
    assert dummy.stack == sizes[".stack"] == 4096


def test_application_without_a_model_stays_small(dummy):
    assert dummy.flash <= 6 * 1024
    assert dummy.ram <= 512


def test_map_file_and_symbols(dummy):
    assert "Memory Configuration" in dummy.path.with_suffix(".map").read_text()
    start, size, _ = next(symbol for symbol in dummy.symbols if symbol[2] == "main")
    assert dummy.function_at(start) == dummy.function_at(start + size - 2) == "main"
    assert dummy.function_at(0x2000_0000) == "?"


def test_rebuild_after_a_change_of_the_model(compiler, model_dir, board):
    folder = model_dir("dummy_model")
    first = build(folder, board)
    before = first.path.read_bytes()
    source = folder / "model.c"
    source.write_text(source.read_text().replace('"dummy"', '"other"'))
    objects = {path: path.stat().st_mtime_ns for path in (folder / ".pio").rglob("*.o")}
    assert build(folder, board).path.read_bytes() != before
    changed = [path.name for path, at in objects.items() if path.stat().st_mtime_ns != at]
    assert changed == ["model.o"]


def test_folder_without_a_model(tmp_path, board):
    with pytest.raises(UserError, match="holds no model .*hmd-tflm codegen MODEL.tflite"):
        build(tmp_path, board)


def test_missing_compiler(monkeypatch, model_dir, board):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="arm-none-eabi-gcc is not in PATH; install it: apt"):
        build(model_dir("dummy_model"), board)


def test_compile_error_shows_the_compiler(compiler, model_dir, board):
    folder = model_dir("dummy_model")
    (folder / "model.c").write_text("int oops(void) { return undeclared; }\n")
    with pytest.raises(FirmwareError, match="'undeclared' undeclared"):
        build(folder, board)


@pytest.mark.parametrize("kind, region", [("", "RAM"), ("const ", "FLASH")])
def test_too_large(compiler, model_dir, board, kind, region):
    folder = model_dir("dummy_model")
    size = board.memory[region.lower()].size
    source = (folder / "model.c").read_text()
    start = "int hmd_model_init(void) {"
    assert start in source
    large = f"static {kind}volatile char large[{size}] = {{1}};\n{start} (void)large[0];"
    (folder / "model.c").write_text(source.replace(start, large))
    with pytest.raises(UserError, match=rf"bytes too large for the {size} bytes of {region}"):
        build(folder, board)
