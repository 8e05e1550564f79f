"""What the flash of firmware with TFLM is spent on, from the linker's map file."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path, PurePath

_IN_FLASH = (".isr_vector", ".text", ".rodata", ".ARM", ".init_array", ".data")
_FLASH = 0x0800_0000  # what lies below is not loaded, such as .ARM.attributes
_LINE = re.compile(r"^ (\.\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", re.MULTILINE)


def flash_by_part(map_file: Path) -> Counter[str]:
    """Bytes of flash by part, from GNU ld's map file: without padding, strings before merging."""
    sizes: Counter[str] = Counter()
    linked = map_file.read_text().partition("Linker script and memory map")[2]
    for section, address, size, origin in _LINE.findall(linked):
        if section.startswith(_IN_FLASH) and int(address, 16) >= _FLASH:
            archive, _, member = origin.partition("(")
            sizes[_part(PurePath(archive), member.rstrip(")"))] += int(size, 16)
    return sizes


def _part(path: PurePath, member: str) -> str:
    """Where an object of the firmware with TFLM comes from."""
    if path.name == "libtensorflow-microlite.a":
        sources = Path(os.environ["TFLM_ROOT"]) / "tensorflow" / "lite"
        name = member.removesuffix(".o") + ".cc"
        kernel = member.startswith("arm_") or any(sources.glob(f"**/kernels/**/{name}"))
        return "kernels" if kernel else "interpreter"
    if path.name == "model.c.o" or path.name == "model.o":
        return "model"
    if path.name.startswith("ops."):
        return "interpreter"
    return "C library" if "arm-none-eabi" in path.parts else "ours"
