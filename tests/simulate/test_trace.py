"""Renode's trace format against the emulator: the same firmware, the same counts."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rates import best_rate
from unicorn.unicorn_const import UC_HOOK_BLOCK

from hmd_tflm.codegen import generate
from hmd_tflm.errors import UserError
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.emulator import Emulator, Reading
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.protocol import Link
from hmd_tflm.simulate.trace import count_trace

MODEL = Path(__file__).parents[2] / "benchmarks/models/digits_lmf_4x.tflite"
HEADER = b"ReTrace" + bytes([5, 4, 1])
THUMB = b"\x0fthumb cortex-m4"


class Traced:
    """An emulated run, and the blocks that were executed in it."""

    def __init__(self, image: Image, board) -> None:
        emulator = Emulator(image, board)
        self.image = image
        self.blocks: list[tuple[int, int]] = []
        emulator._uc.hook_add(
            UC_HOOK_BLOCK, lambda uc, address, size, _: self._enter(emulator, address, size)
        )
        link = Link(emulator)
        link.reset()
        rows = np.random.default_rng(0).integers(-128, 128, (2, 64)).astype(np.int8)
        for row in rows:
            link.run(row.tobytes())
        self.readings = emulator.readings
        (base, code) = min(image.segments)
        self.records = {
            block: list(_records(code[block[0] - base : sum(block) - base], block[0]))
            for block in set(self.blocks)
        }

    def _enter(self, emulator: Emulator, address: int, size: int) -> None:
        if emulator.counter._c.current != 2**32 - 1:  # else it stops here, and comes again
            self.blocks.append((address, size))

    def write(self, path: Path, header: bytes) -> Path:
        with path.open("wb") as file:
            file.write(header)
            for block in self.blocks:
                file.write(b"".join(self.records[block]))
        return path


def _records(code: bytes, address: int) -> Iterator[bytes]:
    at = 0
    while at < len(code):
        size = 4 if code[at + 1] >> 3 >= 0b11101 else 2
        yield struct.pack("<IB", address + at, size) + code[at : at + size] + b"\0"
        at += size


@pytest.fixture(scope="module")
def traced(compiler, board, tmp_path_factory) -> Traced:
    folder = tmp_path_factory.mktemp("traced")
    return Traced(build(generate(MODEL.read_bytes(), folder).parent, board), board)


def differences(readings: list[Reading]) -> list[tuple[int, int]]:
    first = readings[0]
    return [(r.instructions - first.instructions, r.cycles - first.cycles) for r in readings]


@pytest.mark.parametrize(("version", "one_set"), [(4, 0), (5, 1)])
def test_a_trace_counts_as_the_emulator_does(traced, version, one_set, tmp_path) -> None:
    header = b"ReTrace" + bytes([version, 4, 1, one_set]) + THUMB
    counts = count_trace(traced.write(tmp_path / "trace", header), traced.image)
    assert len(traced.readings) == 8
    assert differences(counts.readings) == differences(traced.readings)
    assert counts.instructions == sum(len(traced.records[block]) for block in traced.blocks)
    assert counts.cycles > counts.readings[-1].cycles


def test_long_traces_are_fast(traced, tmp_path) -> None:
    header = HEADER + b"\x01" + THUMB
    path = traced.write(tmp_path / "trace", header)
    once = path.read_bytes().removeprefix(header)
    path.write_bytes(header + 10 * once)  # long beside what is set up once
    assert best_rate(lambda: count_trace(path, traced.image).instructions) > 1e6


def changed(content: bytes, at: int, value: int) -> bytes:
    return content[:at] + bytes([value]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: b"", "does not begin with ReTrace"),
        (lambda c: b"\x7fELF" + c, "does not begin with ReTrace"),
        (lambda c: changed(c, 7, 3), "format version 3"),
        (lambda c: changed(c, 8, 8), "8-byte addresses"),
        (lambda c: changed(c, 9, 0), "opcodes 0"),
        (lambda c: c.replace(b"thumb", b"riscv"), "expected one of a Cortex-M"),
        (lambda c: c[:-1], "ends in the middle of a record"),
        (lambda c: changed(c, 27 + 4, 3), "no record of executed Thumb code"),
        (lambda c: changed(c, len(c) - 1, 1), "without TrackMemoryAccesses"),
        (lambda c: changed(c, 27 + 3, 0x20), "has no code at 0x20"),
    ],
)
def test_foreign_traces_are_refused(traced, change, message, tmp_path) -> None:
    content = HEADER + b"\x01" + THUMB
    assert len(content) == 27
    first = traced.records[traced.blocks[0]]
    path = tmp_path / "trace"
    path.write_bytes(change(content + b"".join(first)))
    with pytest.raises(UserError, match=message):
        count_trace(path, traced.image)


def test_firmware_without_symbols_is_refused(traced, tmp_path) -> None:
    path = traced.write(tmp_path / "trace", HEADER + b"\x01" + THUMB)
    image = Image(traced.image.path, 0, 0, 0, traced.image.segments, [])
    with pytest.raises(UserError, match="has no function bsp_cycles"):
        count_trace(path, image)
