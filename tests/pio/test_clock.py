"""The clock code of STM32L4 and L5 on a strict clock tree, which stops at the first forbidden step.

The rules are those of RM0351 (STM32L476) and RM0438 (STM32L552), written down here apart from the
firmware. Every other register is plain memory.
"""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import unicorn
from unicorn import arm_const as arm

from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.image import Image

MODEL = Path(__file__).parents[1] / "firmware" / "dummy_model.c"
MSI = 4_000_000
RCC, FLASH, PWR = 0x4002_1000, 0x4002_2000, 0x4000_7000
CR, CFGR, PLLCFGR, AHB2ENR, APB1ENR1 = RCC, RCC + 0x08, RCC + 0x0C, RCC + 0x4C, RCC + 0x58
CR1, CR2, SR2 = PWR, PWR + 0x04, PWR + 0x14
ENABLE_BITS = {0x4000_4400: (APB1ENR1, 17), 0x4000_8000: (RCC + 0x5C, 0)}  # USART2, LPUART1


@dataclass(frozen=True)
class Chip:
    """Limits of a chip: of the core in its voltage ranges, and of each count of wait states, in Hz."""

    cpu: int
    uart: int
    uart_scale: int
    ports: dict[int, int]  # GPIO base: bit in AHB2ENR
    range_at_reset: int
    limits: dict[int, tuple[int, ...]]  # voltage range: for 0, 1, ... wait states


L4 = Chip(
    arm.UC_CPU_ARM_CORTEX_M4,
    0x4000_4400,
    1,
    {0x4800_0000: 0},
    1,
    {1: (16, 32, 48, 64, 80), 2: (6, 12, 18, 26)},
)
L5 = Chip(
    arm.UC_CPU_ARM_CORTEX_M33,
    0x4000_8000,
    256,
    {0x4202_1800: 6},
    2,
    {0: (20, 40, 60, 80, 100, 110), 1: (20, 40, 60, 80), 2: (8, 16, 26)},
)
CHIPS = {"nucleo_l476rg": L4, "nucleo_l552ze_q": L5}


@dataclass
class Tree:
    """Clock, power and flash registers. `pll_locks` False: PLLRDY never comes."""

    chip: Chip
    pll_locks: bool = True
    stored: dict[int, int] = field(default_factory=dict)
    sent: bytearray = field(default_factory=bytearray)
    highest: int = MSI
    halved: bool = False

    def __post_init__(self) -> None:
        self.stored |= {CR: 0x63, FLASH: 0x600 if self.chip is L4 else 0}
        self.stored |= {CR1: self.chip.range_at_reset << 9, SR2: 0, PLLCFGR: 0x1000}
        self.stored[0xE000_ED88] = 0  # CPACR

    def core(self) -> int:
        """Hz."""
        cfgr = self.stored.get(CFGR, 0)
        if cfgr & 3 == 0:
            source = MSI
        else:
            assert cfgr & 3 == 3, "neither MSI nor PLL"
            pll = self.stored[PLLCFGR]
            assert self.stored[CR] >> 24 & 1 and self.pll_locks, (
                "switched to a PLL that is not ready"
            )
            assert pll & 3 == 1 and pll >> 24 & 1, "PLL without MSI or without its output R"
            reference = MSI // ((pll >> 4 & 15) + 1)
            vco = reference * (pll >> 8 & 127)
            assert 4_000_000 <= reference <= 16_000_000
            assert 64_000_000 <= vco <= 344_000_000
            source = vco // (2 * (pll >> 25 & 3) + 2)
        prescaler = cfgr >> 4 & 15
        assert prescaler in (0, 8)
        return source >> (prescaler == 8)

    def check(self) -> None:
        hz, voltage = self.core(), self.stored[CR1] >> 9 & 3
        waits = self.stored[FLASH] & 15
        assert hz <= 1_000_000 * self.chip.limits[voltage][waits], f"{hz} Hz at {waits} wait states"
        if hz > 80_000_000 > self.highest:
            assert self.halved, "above 80 MHz without a step between"
        self.highest = max(self.highest, hz)
        self.halved = hz > MSI

    def read(self, address: int) -> int:
        value = self.stored.get(address, 0)
        if address == CR:
            return value | (0x0200_0000 if value >> 24 & 1 and self.pll_locks else 0)
        if address == CFGR:
            return value & ~0xC | (value & 3) << 2
        if address == self.chip.uart + 0x1C:
            return 0xC0  # TXE, TC, and nothing received
        return value

    def write(self, address: int, value: int) -> None:
        if PWR <= address < PWR + 0x400:
            assert self.stored.get(APB1ENR1, 0) >> 28 & 1, "PWR without its clock"
        if address == PLLCFGR:
            assert not self.stored[CR] >> 24 & 1, "PLL changed while it runs"
        if address & ~0x3FF in ENABLE_BITS:
            register, bit = ENABLE_BITS[address & ~0x3FF]
            assert self.stored.get(register, 0) >> bit & 1, "UART without its clock"
        for port, bit in self.chip.ports.items():
            if port <= address < port + 0x400:
                assert self.stored.get(AHB2ENR, 0) >> bit & 1, "GPIO without its clock"
                assert self.chip is not L5 or self.stored[CR2] >> 9 & 1, "VDDIO2 not valid"
        if address == CR and not value >> 24 & 1:
            assert self.stored.get(CFGR, 0) & 3 != 3, "PLL off under the core"
        self.stored[address] = value
        if address in (CR1, FLASH, CFGR):
            self.check()
        if address == self.chip.uart + 0x28:
            self.sent.append(value)


@pytest.fixture(scope="module", params=CHIPS)
def firmware(request, tmp_path_factory) -> tuple[str, Image]:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(MODEL, folder / "model.c")
    return request.param, build(folder, load_board(request.param))


def boot(image: Image, tree: Tree) -> None:
    """Run until the firmware has said that it is ready."""
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    uc.ctl_set_cpu_model(tree.chip.cpu)
    uc.mem_map(0x0800_0000, 0x10_0000)
    uc.mem_map(0x2000_0000, 0x4_0000)
    for address, data in image.segments:
        uc.mem_write(address, data)
    failure: list[AssertionError] = []

    def write(uc, offset, size, value, base):
        try:
            tree.write(base + offset, value)
        except AssertionError as error:
            failure.append(error)
        if failure or tree.sent.endswith(b"\n"):
            uc.emu_stop()

    for base, size in ((0x4000_0000, 0x2000_0000), (0xE000_0000, 0x10_0000)):
        uc.mmio_map(base, size, lambda uc, at, size, base: tree.read(base + at), base, write, base)
    stack, reset = struct.unpack("<II", uc.mem_read(0x0800_0000, 8))
    uc.reg_write(arm.UC_ARM_REG_SP, stack)
    uc.emu_start(reset | 1, 0xFFFF_FFFE, timeout=20_000_000)
    if failure:
        raise failure[0]
    assert tree.sent.startswith(b"hmd ready")


def test_reaches_full_speed(firmware) -> None:
    name, image = firmware
    tree = Tree(CHIPS[name])
    boot(image, tree)
    board = load_board(name)
    assert tree.core() == tree.highest == board.clock_hz
    assert board.uart.base == tree.chip.uart
    divider = tree.stored[tree.chip.uart + 0x0C]
    assert divider == round(tree.chip.uart_scale * board.clock_hz / 115200)
    if tree.chip is L5:
        assert tree.stored[0x4003_0400] & 1, "the instruction cache is off"


def test_stays_at_msi_without_a_pll(firmware) -> None:
    name, image = firmware
    tree = Tree(CHIPS[name], pll_locks=False)
    boot(image, tree)
    assert tree.core() == tree.highest == MSI
    assert not tree.stored[CR] >> 24 & 1
    divider = tree.stored[tree.chip.uart + 0x0C]
    assert divider == round(tree.chip.uart_scale * MSI / 115200)
    assert abs(divider * 115200 / MSI / tree.chip.uart_scale - 1) < 0.02


def test_pins_have_the_uarts_function(firmware) -> None:
    name, image = firmware
    tree = Tree(CHIPS[name])
    boot(image, tree)
    (port,) = tree.chip.ports
    pins, function = {"nucleo_l476rg": ((2, 3), 7), "nucleo_l552ze_q": ((7, 8), 8)}[name]
    for pin in pins:
        assert tree.stored[port] >> 2 * pin & 3 == 2
        assert tree.stored[port + 0x20 + pin // 8 * 4] >> pin % 8 * 4 & 15 == function
