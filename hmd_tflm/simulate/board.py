"""Boards are data: one TOML file each in `boards/`, read here into a `Board`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from hmd_tflm.errors import UserError

_FOLDER = Path(__file__).parent / "boards"


@dataclass(frozen=True)
class Memory:
    """A range of addresses, in bytes."""

    origin: int
    size: int


@dataclass(frozen=True)
class Device:
    """A peripheral: which register layout, and where."""

    kind: str
    base: int


@dataclass(frozen=True)
class Flash:
    """Flash behind an accelerator: which kind, and its wait states at the board's clock."""

    kind: str
    wait_states: int


@dataclass(frozen=True)
class Board:
    """What building for a board and emulating it needs to know.

    `environment` is its offline environment in firmware/platformio.ini, `clock_hz` what its
    firmware raises the core clock to. `memory` has "flash", "ram" and what else is mapped. `flash`
    is None where its waiting is not modelled.
    """

    name: str
    title: str
    cpu: str
    clock_hz: int
    environment: str
    memory: dict[str, Memory]
    uart: Device
    rcc: Device
    flash: Flash | None


def board_names() -> list[str]:
    """The boards that `load_board` knows."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_board(name: str) -> Board:
    """A board by its PlatformIO name.

    Raises:
        UserError: there is no such board.
    """
    if name not in board_names():
        raise UserError(
            f"board {name!r} is not known, expected one of {', '.join(board_names())}; add a "
            f"board with a file in {_FOLDER}"
        )
    data = tomllib.loads((_FOLDER / f"{name}.toml").read_text())
    return Board(
        name=name,
        memory={kind: Memory(**fields) for kind, fields in data.pop("memory").items()},
        uart=Device(**data.pop("uart")),
        rcc=Device(**data.pop("rcc")),
        flash=Flash(**data.pop("flash")) if "flash" in data else None,
        **data,
    )
