"""Which firmware a core can run, by the build attributes that the compiler puts into an ELF file.

Tags and their values: Addenda to the ABI for the Arm Architecture (IHI 0045).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from hmd_tflm.errors import UserError

_ARCHITECTURES = {  # Tag_CPU_arch
    10: "Armv7",
    11: "Armv6-M",
    12: "Armv6S-M",
    13: "Armv7E-M",
    14: "Armv8-A",
    15: "Armv8-R",
    16: "Armv8-M.baseline",
    17: "Armv8-M.mainline",
    21: "Armv8.1-M.mainline",
}
_FPU = {0: "no FPU", 6: "FPv4", 8: "FPv5"}  # Tag_FP_arch
_MICROCONTROLLER = ord("M")  # Tag_CPU_arch_profile

_ARMV7E_M = {10, 11, 12, 13}
_ARMV8_M = _ARMV7E_M | {16, 17}
_RUNS = {  # by core: values of Tag_CPU_arch and Tag_FP_arch
    "cortex-m4": (_ARMV7E_M, {0, 6}),
    "cortex-m7": (_ARMV7E_M, {0, 6, 8}),
    "cortex-m33": (_ARMV8_M, {0, 6, 8}),
}


@dataclass(frozen=True)
class BuiltFor:
    """What code was compiled for; values of the tags, 0 where the file does not say."""

    architecture: int
    profile: int
    fpu: int

    def __str__(self) -> str:
        name = _ARCHITECTURES.get(self.architecture, f"architecture {self.architecture}")
        profile = chr(self.profile) if self.architecture == 10 and self.profile else ""
        fpu = _FPU.get(self.fpu, f"FPU {self.fpu}")
        return f"{name}{'-' if profile else ''}{profile} with {fpu}"


def built_for(elf: ELFFile) -> BuiltFor | None:
    """The build attributes of an ELF file, None where it has none."""
    section = elf.get_section_by_name(".ARM.attributes")
    if not isinstance(section, ARMAttributesSection):
        return None
    tags = {
        attribute.tag: attribute.value
        for vendor in section.iter_subsections("aeabi")
        for part in vendor.iter_subsubsections("TAG_FILE")
        for attribute in part.iter_attributes()
    }
    return BuiltFor(
        tags.get("TAG_CPU_ARCH", 0),
        tags.get("TAG_CPU_ARCH_PROFILE", 0),
        tags.get("TAG_FP_ARCH", 0),
    )


def require_core(path: Path, code: BuiltFor | None, cpu: str) -> None:
    """Refuse code that a core cannot run.

    Raises:
        UserError: it is for another architecture or has instructions of another FPU.
    """
    if code is None or cpu not in _RUNS:
        return
    architectures, fpus = _RUNS[cpu]
    runs = code.architecture in architectures and code.fpu in fpus
    if not runs or code.profile != _MICROCONTROLLER:
        raise UserError(
            f"{path}: is built for {code}, which a {cpu} does not run; build it for this board"
        )
