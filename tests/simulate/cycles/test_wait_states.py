"""Waiting for the flash, worked out by hand: lines of 16 bytes, 6 cycles each at 5 wait states."""

import pytest

from hmd_tflm.simulate.cycles.wait_states import FlashWaits

CODE = 0x0800_0000
WAIT_STATES = 5
LINE = "; mov.w r8, r8" * 4  # four cycles


@pytest.fixture
def stalls(run):
    """A function from assembly to the cycles that it waits."""

    def wait(source: str) -> int:
        watched = []
        run(
            source,
            lambda uc, counter, model: watched.append(
                FlashWaits(uc, counter, model, CODE, 0x1_0000, WAIT_STATES)
            ),
        )
        return watched[0].stalls

    return wait


def loop(lines: int, passes: int) -> str:
    head = f"movw r4, #{passes}; .balign 16; 1: subs.w r4, r4, #1; mov.w r8, r8; bne.w 2f; b.w 3f"
    return f"{head}; 2: mov.w r8, r8{LINE * (lines - 1)}; .balign 16; b.w 1b; 3:"


def test_straight_line(stalls):
    """Each further line is read while four instructions are executed: two cycles too late."""
    assert stalls(LINE * 30) - stalls(LINE * 20) == 10 * (6 - 4)


def test_slow_code_hides_reading_ahead(stalls):
    slow = "; udiv r0, r1, r2" + "; mov.w r8, r8" * 3  # 8 cycles a line
    assert stalls(slow * 30) == stalls(slow * 20)


@pytest.mark.parametrize("lines, waits", [(20, False), (58, False), (70, True)])
def test_64_lines_are_kept(stalls, lines, waits):
    more = stalls(loop(lines, 12)) - stalls(loop(lines, 2))
    assert (more > 10 * lines) if waits else (more == 0)


def test_data_lines(stalls):
    """Reading one word again and again waits once, reading nine lines in turn always."""
    same = "ldr r2, [r5]; ldr r2, [r5]; ldr r2, [r5]; "
    point = "mov.w r5, #0x08000000; add.w r5, r5, #0x4000; "
    assert stalls(point + same * 4) - stalls(point + same.replace("r5", "r6") * 4) == WAIT_STATES
    turn = "".join(f"ldr.w r2, [r5, #{16 * line}]; " for line in range(9))
    again = stalls(point + turn * 3) - stalls(point + turn * 2)
    code = stalls(point + turn.replace("r5", "r6") * 3) - stalls(
        point + turn.replace("r5", "r6") * 2
    )
    assert again - code == 9 * WAIT_STATES
