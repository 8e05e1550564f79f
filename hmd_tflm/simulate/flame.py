"""Flame graphs: collapsed stacks, and a drawing of them as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from zlib import crc32

Stack = tuple[str, ...]

WIDTH = 1200
ROW = 18
CHARACTER = 7  # width of one


def collapsed(stacks: Mapping[Stack, int]) -> str:
    """One line a stack: frames from the root joined by semicolons, and its own cycles."""
    lines = (f"{';'.join(stack)} {cycles}\n" for stack, cycles in sorted(stacks.items()))
    return "".join(lines)


@dataclass(slots=True)
class _Frame:
    cycles: int = 0
    children: dict[str, _Frame] = field(default_factory=dict)

    def depth(self) -> int:
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def svg(stacks: Mapping[Stack, int], title: str, notes: Sequence[str] = ()) -> str:
    """A drawing: a box a frame, as wide as its cycles; pointing at it shows the numbers.

    notes: lines of text below the boxes.
    """
    root = _Frame()
    for stack, cycles in stacks.items():
        frame = root
        frame.cycles += cycles
        for name in stack:
            frame = frame.children.setdefault(name, _Frame())
            frame.cycles += cycles
    depth = root.depth()
    height = ROW * (depth + 2 + len(notes))
    boxes: list[str] = []
    _draw(boxes, root, title, 0.0, 1, root.cycles or 1)
    boxes += [
        f'<text x="2" y="{ROW * (depth + 2 + line)}">{escape(note)}</text>\n'
        for line, note in enumerate(notes)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{"".join(boxes)}</svg>\n'
    )


def _draw(boxes: list[str], frame: _Frame, name: str, left: float, level: int, total: int) -> None:
    width = WIDTH * frame.cycles / total
    if width < 0.3:
        return
    shown = name[: int(width / CHARACTER)]
    hue = crc32(name.encode()) % 50  # red to yellow, the same for a name everywhere
    boxes.append(
        f"<g><title>{escape(name)}: {frame.cycles:,} cycles, {frame.cycles / total:.1%}</title>"
        f'<rect x="{left:.1f}" y="{ROW * level}" width="{width:.1f}" height="{ROW - 1}" '
        f'fill="hsl({hue},80%,65%)"/>'
        f'<text x="{left + 2:.1f}" y="{ROW * level + 13}">{escape(shown)}</text></g>\n'
    )
    for child_name, child in sorted(frame.children.items()):
        _draw(boxes, child, child_name, left, level + 1, total)
        left += WIDTH * child.cycles / total
