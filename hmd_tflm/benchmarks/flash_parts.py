"""What the flash of firmware is spent on, from the linker's map file."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePath

PARTS = ("interpreter", "TFLM's kernels", "hmd_nn", "hmd_tflm", "application", "model", "C library")
_IN_FLASH = (".isr_vector", ".text", ".rodata", ".ARM", ".init_array", ".data")
_FLASH = 0x0800_0000  # what lies below is not loaded, such as .ARM.attributes
_LINE = re.compile(r"^ (\.\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", re.MULTILINE)


def flash_by_part(map_file: Path, tflm_root: Path | None = None) -> Counter[str]:
    """Bytes of flash by part, from GNU ld's map file: without padding, strings before merging.

    tflm_root: the tree that TFLM's library was built in, which tells its kernels from its
    interpreter; None for firmware without TFLM.
    """
    sizes: Counter[str] = Counter()
    linked = map_file.read_text().partition("Linker script and memory map")[2]
    for section, address, size, origin in _LINE.findall(linked):
        if section.startswith(_IN_FLASH) and int(address, 16) >= _FLASH:
            archive, _, member = origin.partition("(")
            sizes[_part(PurePath(archive), member.rstrip(")"), tflm_root)] += int(size, 16)
    return sizes


def _part(path: PurePath, member: str, tflm_root: Path | None) -> str:
    if path.name == "libtensorflow-microlite.a" and tflm_root:
        sources = tflm_root / "tensorflow" / "lite"
        name = member.removesuffix(".o") + ".cc"
        kernel = member.startswith("arm_") or any(sources.glob(f"**/kernels/**/{name}"))
        return "TFLM's kernels" if kernel else "interpreter"
    if path.name.startswith("ops."):
        return "interpreter"  # the resolver, a template of TFLM
    if path.name.startswith("model.") and path.parent.name == "model":
        return "model"
    for library in ("hmd_nn", "hmd_tflm"):
        if f"lib{library}.a" == path.name or library in path.parts:
            return library
    return "C library" if "arm-none-eabi" in path.parts else "application"
