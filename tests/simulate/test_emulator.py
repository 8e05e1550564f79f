"""Firmware in the emulator: the protocol over its UART, faults, and counts against other counters."""

import numpy as np
import pytest
from rates import best_rate
from unicorn import UC_HOOK_CODE

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.protocol import Link, decode, encode


def test_boots_at_full_clock(dummy, board):
    emulator = Emulator(dummy, board)
    assert decode(emulator.readline()) == "hmd ready protocol=2"
    assert emulator.readline() == b""
    info = Link(emulator).info()
    assert (info.board, info.clock_hz) == (board.name, board.clock_hz)
    assert (info.model, info.crc32, info.ops) == ("dummy", 0x0BADCAFE, ("ADD", "MEAN", "STORE"))


def test_runs_resets_and_reports(dummy, board):
    link = Link(Emulator(dummy, board))
    first = link.run(bytes([1, 2, 3, 0xFE]))
    assert first.output == bytes([4, 1])
    assert link.run(bytes([100, 0, 0, 0])).output == bytes([104, 26])
    link.reset()
    again = link.run(bytes([1, 2, 3, 0xFE]))
    assert again.output == first.output
    assert again.op_cycles == first.op_cycles
    assert again.arena == 8
    assert 0 < first.stack <= again.stack < 512


def test_errors_arrive(dummy, board):
    emulator = Emulator(dummy, board)
    emulator.readline()
    emulator.write(b"garbage\x00\xff *12\n" + encode("run 0 01") + encode("reset"))
    assert decode(emulator.readline()).startswith("err crc received=none")
    assert decode(emulator.readline()) == "err length received=1 expected=4"
    assert decode(emulator.readline()) == "ok step=0"
    with pytest.raises(FirmwareError, match="err model status=42 op=0"):
        Link(emulator).run(bytes([127, 0, 0, 0]))


@pytest.mark.parametrize(
    "first, place",
    [
        (126, "add on a read of 0x[0-9A-F]{8}: .*READ_UNMAPPED"),
        (124, "overflow on a write of 0x1FFF[0-9A-F]{4}: .*WRITE_UNMAPPED"),
        (123, "add on a write of 0x08[0-9A-F]{6}: .*WRITE_PROT"),
    ],
)
def test_fault_names_place(dummy, board, first, place):
    with pytest.raises(FirmwareError, match=rf"faulted at pc=0x0800\w{{4}} in {place}"):
        Link(Emulator(dummy, board)).run(bytes([first, 0, 0, 0]))


def test_endless_loop_ends(dummy, board):
    link = Link(Emulator(dummy, board, budget=3_000_000))
    with pytest.raises(FirmwareError, match=r"busy after 3000000 instructions, at pc=0x\w+ in add"):
        link.run(bytes([125, 0, 0, 0]))


class EveryInstruction:
    """An independent count: a hook for each instruction, in Python.

    Unicorn does not call it for an instruction of an IT block whose condition fails; those are
    found as gaps between an IT instruction and the end of its block.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.count = 0
        self._conditional: list[int] = []
        emulator._uc.hook_add(UC_HOOK_CODE, self._step)

    def _step(self, uc, address, size, _):
        while self._conditional and self._conditional.pop(0) != address:
            self.count += 1
        self.count += 1
        mask = uc.mem_read(address, 2)
        if size == 2 and mask[1] == 0xBF and mask[0] & 15:
            length = 4 - ((mask[0] & 15) & -(mask[0] & 15)).bit_length() + 1
            at = address + 2
            for _ in range(length):
                self._conditional.append(at)
                at += 4 if uc.mem_read(at + 1, 1)[0] >> 3 in (0b11101, 0b11110, 0b11111) else 2


@pytest.mark.parametrize("name", ["dummy", "busy"])
def test_counts_every_instruction(name, board, request):
    image = request.getfixturevalue(name)

    def session(watch):
        emulator = Emulator(image, board)
        every = EveryInstruction(emulator) if watch else None
        seen = []
        read = emulator._read_cycle_counter
        if every:  # the block of bsp_cycles() begins one instruction before the reading one
            emulator._registers.on_read[0xE000_1004] = lambda stored: (
                seen.append(every.count - 2),
                read(stored),
            )[1]
        link = Link(emulator)
        size = link.info().input
        replies = [link.run(bytes([i, 1] + [0] * (size - 2))) for i in range(3)]
        return replies, [reading.instructions for reading in emulator.readings], seen

    replies, counts, _ = session(watch=False)
    watched_replies, watched_counts, seen = session(watch=True)
    assert counts == watched_counts == seen
    assert replies == watched_replies
    ops = np.diff(np.reshape(counts, (3, -1)), axis=1)
    assert [list(reply.op_cycles) for reply in replies] == ops.tolist()


def test_speed(busy, board):
    """5 million cycles a second are the aim."""
    link = Link(Emulator(busy, board))
    size = link.info().input

    def cycles():
        run = link.run(bytes([1, 50] + [0] * (size - 2)))
        assert run.op_cycles[0] > 50 * 100 * 256 * 3
        return run.cycles

    assert best_rate(cycles) > 5e6
