"""What one layer's firmware costs on a Cortex-M4, and which part of the kernel spends it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter as Sum
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from numpy.typing import NDArray

from hmd_tflm.errors import FirmwareError
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.protocol import Link
from hmd_tflm.simulate.simulate import with_wait_states

BOARD = "disco_f407vg"
DOT_PRODUCTS, REQUANTISATION = "dot products", "requantisation"
ACTIVATIONS, ELEMENTWISE = "activations", "element-wise"
OTHER = "other"  # set-up of products, calls, copies
PARTS = (DOT_PRODUCTS, REQUANTISATION, ACTIVATIONS, ELEMENTWISE, OTHER)
LABELS = {
    "group": DOT_PRODUCTS,
    "blocks": DOT_PRODUCTS,
    "column_pair": DOT_PRODUCTS,
    "rest": DOT_PRODUCTS,
    "requantise": REQUANTISATION,
    "store": REQUANTISATION,
    "special": REQUANTISATION,
    "requantise_pair": REQUANTISATION,
    "requantise_rest": REQUANTISATION,
    "two_values": REQUANTISATION,
    "unit": ACTIVATIONS,
    "new_cell": ELEMENTWISE,
    "tanh_of_cell": ACTIVATIONS,
    "new_h": ELEMENTWISE,
    "two_units": ACTIVATIONS,
    "reset_h": ELEMENTWISE,
    "gates_of_unit": ACTIVATIONS,
    "update_h": ELEMENTWISE,
    "hmd_expand": ELEMENTWISE,
    "sparse_row": DOT_PRODUCTS,
    "sparse_piece": DOT_PRODUCTS,
    "multiply": DOT_PRODUCTS,
    "multiplied": DOT_PRODUCTS,
    "sparse_requantise": REQUANTISATION,
    "sparse_special": REQUANTISATION,
}
"""The part of the code between a label of the kernels in assembly and the next one."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one inference; the cycles are the model's, at zero wait states.

    Attributes:
        parts: cycles by name, for each of `PARTS`; they add up to `cycles`.
        flash_bytes, ram_bytes: of the whole firmware, without its stack.
    """

    instructions: int
    cycles: int
    parts: dict[str, int]
    flash_bytes: int
    ram_bytes: int


def cost(source: Path, x: NDArray[np.int8], expected: NDArray[np.int8]) -> Cost:
    """Run one inference of firmware with a single op.

    Args:
        source: folder with the model's C files.
        x: int8, the input.
        expected: int8, what the firmware must answer.

    Raises:
        UserError: a tool is missing.
        FirmwareError: the firmware did not build, failed, or answered something else.
    """
    board = with_wait_states(load_board(BOARD), 0)
    image = build(source, board)
    emulator = Emulator(image, board)
    link = Link(emulator)
    link.info()
    link.reset()
    emulator.readings.clear()
    executed = []
    emulator.on_reading = lambda: executed.append(
        {(b.address, b.size, b.entry): b.count for b in emulator.counter.executed()}
    )
    output = np.frombuffer(link.run(x.tobytes()).output, np.int8)
    if not np.array_equal(output, expected.ravel()):
        raise FirmwareError(f"{source}: the firmware's output is not the reference's")
    (before, after), (begin, end) = executed, emulator.readings
    parts: Sum[str] = Sum(dict.fromkeys(PARTS, 0))
    part_at = _Parts(image.path)
    for block, count in after.items():
        times = count - before.get(block, 0)
        for address, cycles in emulator.model.each(*block) if times else ():
            parts[part_at(address)] += times * cycles
    return Cost(
        end.instructions - begin.instructions,
        end.cycles - begin.cycles,
        dict(parts),
        image.flash,
        image.ram,
    )


class _Parts:
    """The part that an address belongs to."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            code = [
                (symbol["st_value"] & ~1, symbol.name)
                for symbol in table.iter_symbols()
                if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")
                and not symbol.name.startswith("$")
                and isinstance(symbol["st_shndx"], int)
            ]
        self._labels = sorted(code)

    def __call__(self, address: int) -> str:
        index = bisect_right(self._labels, (address, "\uffff")) - 1
        return LABELS.get(self._labels[index][1], OTHER)
