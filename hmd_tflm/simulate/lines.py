"""Source lines of a firmware's code, from its DWARF line table."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

from elftools.elf.elffile import ELFFile


class Lines:
    """Where the code at an address comes from; ("?", 0) where the firmware does not tell.

    Args:
        path: an ELF file built with -g.
    """

    def __init__(self, path: Path) -> None:
        self._entries: list[tuple[int, str, int]] = []
        with path.open("rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                return
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                self._add(dwarf, unit)
        self._entries.sort(key=lambda entry: entry[0])

    def at(self, address: int) -> tuple[str, int]:
        """File and line."""
        index = bisect_right(self._entries, address, key=lambda entry: entry[0]) - 1
        return self._entries[index][1:] if index >= 0 else ("?", 0)

    def _add(self, dwarf, unit) -> None:
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            return
        first = 0 if program.header.version >= 5 else 1
        files = [entry.name.decode() for entry in program["file_entry"]]
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if state.end_sequence:
                self._entries.append((state.address, "?", 0))
            else:
                self._entries.append((state.address, files[state.file - first], state.line))
