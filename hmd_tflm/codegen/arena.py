"""Where each buffer of a model lies in one block of RAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")

ALIGNMENT = 4


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that are needed from the first to the last of these ops, both included."""

    bytes: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are needed at some time."""
        return self.first <= other.last and other.first <= self.last


def place(buffers: dict[Key, Buffer]) -> tuple[dict[Key, int], int]:
    """Offsets such that no two buffers overlap while both are needed, and the total size.

    Greedy by size: the largest first, each at the lowest place that is free.
    """
    placed: list[tuple[int, int, Buffer]] = []  # begin, end, buffer
    offsets: dict[Key, int] = {}
    for key, buffer in sorted(buffers.items(), key=lambda item: (-item[1].bytes, item[1].first)):
        at = 0
        for begin, end, other in sorted(placed, key=lambda p: p[:2]):
            if other.meets(buffer) and begin < at + buffer.bytes:
                at = max(at, end)
        offsets[key] = at
        placed.append((at, _align(at + buffer.bytes), buffer))
    return offsets, max((end for _, end, _ in placed), default=0)


def _align(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
