"""Properties of the model and the counter: cuts do not matter, nothing is lost, it is fast."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rates import best_rate

from hmd_tflm.simulate.counter import Counter
from hmd_tflm.simulate.cycles.instruction import Kind, decode
from hmd_tflm.simulate.cycles.machine import START, step
from hmd_tflm.simulate.cycles.model import CycleModel

BASE = 0x0800_0000
SOURCE = """
    ldr r0, [r1]; ldr.w r2, [r3], #4; ldr r4, [r3], #4; str r2, [r1, r0]; str r2, [r3], #4
    str r4, [r3], #4; adds r1, r1, r2; ldrd r0, r2, [r1]; it eq; moveq.w r0, r1; beq.w .+8
    mov.w r0, r1; cmp r0, r1; bne .+8; nop; nop.w; udiv r0, r1, r2; push {r0-r3}; bl .+8; bx lr
    pop {r0, pc}; tbb [pc, r0]; vadd.f32 s0, s1, s2; vmul.f32 s2, s0, s1; vldr s0, [r0]
    vmov r0, s0; smlad r0, r1, r2, r3; stm r0, {r1-r5}; dsb; cbz r0, .+8; ldr.w r0, [r1]
"""


@pytest.fixture(scope="module")
def code(assemble):
    return assemble(SOURCE.replace("\n", "; "))


@settings(max_examples=200)
@given(data=st.data())
def test_cuts_do_not_matter(code, data):
    """Any stream of instructions costs the same in any blocks, and as its single steps."""
    instructions = decode(code, BASE)
    runs = data.draw(
        st.lists(
            st.tuples(st.integers(0, len(instructions) - 1), st.integers(1, 12)),
            min_size=1,
            max_size=12,
        )
    )
    stream = [i for first, length in runs for i in instructions[first : first + length]]
    cuts = data.draw(st.lists(st.booleans(), min_size=len(stream), max_size=len(stream)))
    state, expected, previous = START, 0, None
    counter = Counter(CycleModel(lambda address, size: code[address - BASE :][:size]))
    block = []

    def enter():
        if block:
            counter.enter(block[0].address, sum(i.size for i in block))
            block.clear()

    for instruction, cut in zip(stream, cuts, strict=True):
        branched = previous is None or previous.address + previous.size != instruction.address
        spent, state = step(state, instruction, branched)
        expected += spent
        if branched or cut:
            enter()
        block.append(instruction)
        previous = instruction
    enter()
    counter.leave()
    assert (counter.instructions, counter.cycles) == (len(stream), expected)
    executed = counter.executed()
    assert sum(block.count * block.cycles for block in executed) == expected
    assert sum(block.count * block.instructions for block in executed) == len(stream)


def test_each_instruction_has_its_own_cycles(assemble):
    code = assemble("udiv r0, r1, r2; ldr.w r3, [r4]; adds r3, r3, r0; nop; push {r0-r3}; bx lr")
    model = CycleModel(lambda address, size: code[address - BASE :][:size])
    cost = model(BASE, len(code), 1)
    each = model.each(BASE, len(code), 1)
    assert [address - BASE for address, _ in each] == [0, 4, 8, 10, 12, 14]
    assert [cycles for _, cycles in each] == [1 + 6, 1, 2, 1, 5, 1]  # a branch led here; a load
    assert sum(cycles for _, cycles in each) == cost.cycles


def test_table_grows():
    """20000 blocks, ten times the first table's, are all still there when they come again."""
    counter = Counter(CycleModel(lambda address, size: b"\x00\xbf" * (size // 2)))
    addresses = range(BASE, BASE + 20_000 * 8, 8)
    for _ in range(2):
        for address in addresses:
            counter.enter(address, 4)
    counter.leave()
    assert counter.instructions == 2 * 2 * len(addresses)
    assert {block.address for block in counter.executed()} == set(addresses)
    assert sum(block.count for block in counter.executed()) == 2 * len(addresses)


def test_error_of_the_price_arrives():
    def price(address, size, entry):
        raise KeyError("no code")

    with pytest.raises(KeyError, match="no code"):
        Counter(price).enter(BASE, 4)


def test_unknown_code_is_plain():
    (unknown, nop) = decode(b"\xff\xff\xff\xff\x00\xbf", BASE)
    assert (unknown.size, unknown.kind) == (4, Kind.PLAIN)
    assert (nop.size, nop.kind) == (2, Kind.NOP)


def test_speed(run):
    """20 million instructions a second are the aim; more than 100 are usual."""
    loop = "movw r4, #0; movt r4, #32; .balign 4; 1: ldr r0, [r1]; ldr r2, [r3]; "
    loop += "smlad r5, r0, r2, r5; subs r4, #1; bne 1b"

    def instructions():
        counter = run(loop)
        assert counter.instructions > 5 * 2**21
        return counter.instructions

    assert best_rate(instructions) > 20e6
