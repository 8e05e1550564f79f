"""Costs of hand-assembled blocks against the tables of the Cortex-M4 manual (DDI 0439)."""

import shutil
import subprocess

import pytest

from hmd_tflm.simulate.timing import Cost, block_cost


def assemble(tmp_path, source: str) -> bytes:
    if shutil.which("arm-none-eabi-as") is None:
        pytest.skip("no Arm assembler: apt install binutils-arm-none-eabi")
    text = ".syntax unified\n.thumb\n" + source.replace("; ", "\n") + "\n"
    as_command = ["arm-none-eabi-as", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-o", "a.o", "-"]
    subprocess.run(as_command, input=text, text=True, check=True, cwd=tmp_path)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "a.o", "a"], check=True, cwd=tmp_path)
    return (tmp_path / "a").read_bytes()


@pytest.mark.parametrize(
    "source, cost",
    [
        ("adds r0, r1, r2; eor.w r0, r1, r2, lsl #3", Cost(2, 2, 0)),
        ("smlad r0, r1, r2, r3; smull r0, r1, r2, r3; mla r0, r1, r2, r3", Cost(3, 3, 0)),
        ("udiv r0, r1, r2", Cost(1, 12, 0)),
        ("ldr r0, [r1]", Cost(1, 2, 0)),
        ("ldr r0, [r1, r5]; ldr r1, [r2]; ldr r2, [r3, #4]", Cost(3, 4, 0)),  # the manual's
        ("ldr r0, [r1]; ldr r2, [r0]", Cost(2, 4, 0)),
        ("ldr r0, [r1, r2]; str r1, [r3, r2]", Cost(2, 3, 0)),  # the manual's
        ("str r0, [r1, #4]; str r0, [r1, r2]", Cost(2, 3, 0)),
        ("ldrd r0, r1, [r2]; strd r0, r1, [r2]", Cost(2, 6, 0)),
        ("ldmia r0!, {r1-r4}; push {r4-r6, lr}", Cost(2, 10, 0)),
        ("vldr s0, [r0]; vldmia r0!, {s0-s3}; vpush {d8-d9}", Cost(3, 12, 0)),
        ("vadd.f32 s0, s1, s2; vmla.f32 s0, s1, s2; vdiv.f32 s0, s1, s2", Cost(3, 18, 0)),
        ("b .+40", Cost(1, 1, 2)),
        ("cbz r0, .+40", Cost(1, 1, 2)),
        ("bl .+40", Cost(1, 1, 2)),
        ("bx lr", Cost(1, 1, 2)),
        ("pop {r4, pc}", Cost(1, 3, 2)),
        ("ldr pc, [r0]", Cost(1, 2, 2)),
        ("tbb [pc, r0]", Cost(1, 2, 2)),
        ("itt eq; addeq r0, r0, #1; bxeq lr", Cost(3, 3, 2)),
    ],
)
def test_block(tmp_path, source, cost):
    assert block_cost(assemble(tmp_path, source), 0x0800_0000) == cost


def test_unknown_instruction_counts_once():
    assert block_cost(b"\xff\xff\xff\xff\x00\xbf", 0) == Cost(2, 2, 0)
