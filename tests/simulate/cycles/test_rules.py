"""A microbenchmark for each rule of docs/cycles.md; the cycles are worked out by hand from the rule.

Each snippet stands between instructions of one cycle that use none of its registers.
"""

import pytest

RULES = {
    1: [
        ("adds r0, r0, r1; eor.w r0, r1, r2, lsl #3; adds r2, r3", 3),
        ("smlad r0, r1, r2, r3; smull r4, r5, r2, r3; umlal r4, r5, r6, r7; mla r0, r1, r2, r3", 4),
        ("vmov s0, r0; vcmp.f32 s4, s5; vadd.f32 s0, s1, s2", 3),
    ],
    2: [
        ("str r0, [r1, #4]; str r0, [r2]", 2),
        ("str r0, [r1, r9]; nop", 3),
        ("ldrd r0, r1, [r2]; strd r0, r1, [r2]", 6),
        ("ldmia r7!, {r0-r3}; mov.w r0, r0; push {r4-r6, lr}; mov.w r0, r0", 12),
        ("vldmia r0, {s0-s3}; vldr d4, [r1]; vpush {d8-d9}", 13),
    ],
    3: [
        ("udiv r0, r1, r2; sdiv r3, r4, r5", 12),
        ("dsb; mrs r8, primask", 7),
        ("vfma.f32 s0, s1, s2; vdiv.f32 s3, s4, s5; vsqrt.f32 s6, s7", 31),
    ],
    4: [
        ("adds r0, r1; it eq; moveq r0, r1; adds r2, r3", 3),  # IT shares the word of adds
        ("adds r0, r1; adds r2, r3; it eq; moveq r0, r1", 4),  # IT begins a word
        ("mov.w r0, r1; adds r0, r1; it eq; moveq.w r0, r1", 3),
        ("adds r2, r3; mov.w r0, r1; it eq; moveq.w r0, r1; nop", 5),  # after 32 bits
    ],
    5: [
        ("ldr r0, [r1]; nop.w", 2),  # the NOP costs nothing
        ("ldr r0, [r1]; mov.w r2, r2", 3),
        ("ldr r0, [r1]; ldr r2, [r3]; ldr r4, [r5, r9]; mov r8, r8", 5),
        ("ldr r0, [r1]; ldr r2, [r0]; mov r8, r8; nop", 6),  # the address needs the first
        ("ldr r0, [r1], #4; ldr r2, [r1], #4; mov.w r8, r8", 5),  # the same base twice
        ("ldr r0, [r1], #4; ldr r2, [r3], #4; mov.w r8, r8", 4),
        ("ldr.w r0, [r1]; str.w r2, [r3]; mov.w r8, r8", 4),
        ("vldr s0, [r1]; vldr s1, [r2]; mov.w r8, r8", 4),
    ],
    6: [
        ("add.w r1, r1, #4; str.w r0, [r1]", 3),
        ("add.w r1, r1, #4; mov.w r8, r8; str.w r0, [r1]", 3),
        ("add.w r1, r1, #4; stm r1, {r2, r3}", 5),
    ],
    7: [
        ("str.w r0, [r1]; ldr.w r2, [r3]; mov.w r8, r8", 5),
        ("str.w r0, [r1]; ldm.w r3, {r2, r4}; mov.w r8, r8", 6),
        ("str.w r0, [r1]; mov.w r8, r8; ldr.w r2, [r3]; mov.w r8, r8", 5),
    ],
    8: [
        ("str r0, [r1], #4; str r2, [r1], #4", 3),
        ("str r0, [r1], #4; str r2, [r3], #4", 2),
    ],
    9: [
        ("vadd.f32 s0, s1, s2; vmul.f32 s3, s0, s4", 3),
        ("vadd.f32 s0, s1, s2; vmul.f32 s3, s5, s4", 2),
        ("vadd.f32 s0, s1, s2; vmov r0, s0", 3),
    ],
    10: [
        ("b 1f; nop; 1: mov.w r8, r8", 3),  # 2 + 1
        ("cmp r0, r0; bne 1f; beq 1f; nop; .balign 4; 1: mov.w r8, r8", 5),
        ("bl 2f; b 1f; nop; 2: bx lr; nop; 1: mov.w r8, r8", 9),  # 3 + 3 + 2 + 1
        ("bl 2f; b 1f; nop; 2: push {lr}; pop {pc}; 1: mov.w r8, r8", 13),  # 3 + 2 + 5 + 2 + 1
        ("cmp r0, r0; it ne; popne {r0-r3, pc}; mov.w r8, r8; nop", 4),  # the condition fails
        ("cmp r0, r0; it ne; ldrne pc, [r0]; mov.w r8, r8", 3),
        ("adr r0, 1f; adds r0, #1; mov pc, r0; nop; .balign 4; 1: mov.w r8, r8", 6),
        ("movs r0, #0; mov.w r8, r8; tbb [pc, r0]; .byte 1, 0; .balign 4; 1: mov.w r8, r8", 9),
    ],
    11: [
        ("b 1f; nop; nop; 1: mov.w r8, r8; nop", 5),  # the target straddles two words
        ("b 1f; nop; nop.w; 1: mov.w r8, r8", 3),
        ("nop; mov.w r8, r8; mov.w r8, r8; mov.w r8, r8; nop", 5),  # straddling alone is free
    ],
    12: [
        ("udiv r0, r1, r2; nop" + "; mov.w r8, r8" * 3 + "; nop", 6 + 1 + 3 + 1 + 1),
        ("udiv r0, r1, r2; nop" + "; mov.w r8, r8" * 2 + "; nop", 6 + 1 + 2 + 1),
    ],
    13: [
        ("b 1f; nop; 1: cmp.w r0, r0; bne.w 2f; mov.w r8, r8; mov.w r8, r8; 2: nop; nop", 9),
        ("b 1f; nop; 1: cmp r0, r0; nop; bne.w 2f; mov.w r8, r8; mov.w r8, r8; 2: nop; nop", 9),
    ],
}


@pytest.mark.parametrize(
    "rule, source, expected",
    [(rule, source, expected) for rule, cases in RULES.items() for source, expected in cases],
)
def test_rule(cycles, rule, source, expected):
    assert cycles(source) == expected
