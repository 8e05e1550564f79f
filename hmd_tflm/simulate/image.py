"""A firmware ELF file: what goes to the board, how large it is, which function an address is in."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from hmd_tflm.errors import UserError
from hmd_tflm.simulate.cores import BuiltFor, built_for


@dataclass(frozen=True)
class Image:
    """Firmware as linked.

    flash: bytes of code, constants and initial values. ram: bytes of variables. stack: bytes
    reserved for the stack, beside `ram`. segments: (load address, bytes). symbols: address of
    every function without its Thumb bit, size in bytes, name; by address. built_for: what the
    compiler says of the code.
    """

    path: Path
    flash: int
    ram: int
    stack: int
    segments: list[tuple[int, bytes]]
    symbols: list[tuple[int, int, str]]
    built_for: BuiltFor | None = None

    @staticmethod
    def load(path: Path) -> Image:
        """Read an ELF file.

        Raises:
            UserError: it is missing, no ELF file for Arm, or has no symbols.
        """
        try:
            with path.open("rb") as file:
                elf = ELFFile(file)
                if elf["e_machine"] != "EM_ARM":
                    raise UserError(f"{path}: is for {elf['e_machine']}, expected Arm firmware")
                functions = _functions(elf)
                if not functions:
                    raise UserError(
                        f"{path}: has no symbols of functions, which faults, calls and counts are "
                        "named by; give the ELF as it was linked, not stripped"
                    )
                return Image(
                    path,
                    sum(len(data) for _, data in _segments(elf)),
                    _written(elf) - _stack(elf),
                    _stack(elf),
                    _segments(elf),
                    functions,
                    built_for(elf),
                )
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
        except ELFError as error:
            raise UserError(f"{path}: is not a readable ELF file ({error})") from error

    def code(self, address: int, size: int) -> bytes:
        """What is loaded at (address, bytes), less where no segment has it."""
        for begin, data in self.segments:
            if begin <= address < begin + len(data):
                return data[address - begin :][:size]
        return b""

    def function_at(self, address: int) -> str:
        """The function that holds an address, "?" if none does."""
        index = bisect_right(self.symbols, (address, 1 << 32, "")) - 1
        if index >= 0:
            start, size, name = self.symbols[index]
            if address < start + max(size, 2):
                return name
        return "?"


def _segments(elf: ELFFile) -> list[tuple[int, bytes]]:
    segments = []
    for segment in elf.iter_segments("PT_LOAD"):
        data = segment.data()
        if len(data) < segment["p_filesz"]:
            raise ELFError(f"has {len(data)} of {segment['p_filesz']} bytes of a segment: cut off")
        if data:
            segments.append((segment["p_paddr"], data))
    return segments


def _written(elf: ELFFile) -> int:
    flags = SH_FLAGS.SHF_ALLOC | SH_FLAGS.SHF_WRITE
    return sum(
        section["sh_size"]
        for section in elf.iter_sections()
        if section["sh_flags"] & flags == flags and section.name != ".init_array"
    )


def _stack(elf: ELFFile) -> int:
    section = elf.get_section_by_name(".stack")
    return section["sh_size"] if section else 0


def _functions(elf: ELFFile) -> list[tuple[int, int, str]]:
    table = elf.get_section_by_name(".symtab")
    symbols = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
    return sorted(
        (symbol["st_value"] & ~1, symbol["st_size"], symbol.name)
        for symbol in symbols
        if symbol["st_info"]["type"] == "STT_FUNC"
    )
