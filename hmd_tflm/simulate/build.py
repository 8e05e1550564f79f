"""Builds the board application of firmware/ around a model's C files."""

from __future__ import annotations

import re
from pathlib import Path

import hmd_tflm
from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.simulate.board import Board
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.platformio import require_tools, run_platformio


def build(model_dir: Path, board: Board, build_dir: Path | None = None) -> Image:
    """Firmware for a board, with the model that `hmd-tflm codegen` wrote into a folder.

    build_dir: for objects and firmware.elf, by default `.pio` in model_dir; building there again
    compiles only what has changed.

    Raises:
        UserError: no model in the folder, a tool is missing, the firmware is too large for the
            board.
        FirmwareError: the compiler or the linker failed; the message has their output.
    """
    if not any(model_dir.glob("*.c")):
        raise UserError(
            f"{model_dir}: holds no model (expected *.c files); write one with "
            f"`hmd-tflm codegen MODEL.tflite --output {model_dir}`"
        )
    workspace = (build_dir or model_dir / ".pio").resolve()
    done = run_platformio(
        firmware_folder(), board.environment, workspace, {"HMD_MODEL_DIR": str(model_dir.resolve())}
    )
    if done.returncode:
        raise _failure(done.stdout, board)
    return Image.load(workspace / "build" / board.environment / "firmware.elf")


def check_tools() -> None:
    """Ask before long work that ends in a simulation whether firmware can be built here.

    Raises:
        UserError: it cannot: PlatformIO, SCons, the compiler or the checkout is missing.
    """
    firmware_folder()
    require_tools()


def firmware_folder() -> Path:
    """The PlatformIO project beside the package.

    Raises:
        UserError: there is none, since the package is not used from a checkout.
    """
    folder = Path(hmd_tflm.__file__).parents[1] / "firmware"
    if not (folder / "platformio.ini").is_file():
        raise UserError(
            f"{folder}: is not there, but firmware is built from it; use hmd-tflm from a checkout "
            "of its repository: pip install -e ."
        )
    return folder


def _failure(output: str, board: Board) -> Exception:
    overflow = re.search(r"region `(FLASH|RAM)' overflowed by (\d+) bytes", output)
    if overflow is None:
        compiler = output.partition("\n==========")[0].strip()  # then comes PlatformIO's summary
        return FirmwareError(f"the firmware did not build:\n{compiler}")
    region, excess = overflow.groups()
    size = board.memory[region.lower()].size
    return UserError(
        f"the firmware is {excess} bytes too large for the {size} bytes of {region} of "
        f"{board.name}; use fewer units, a larger compression factor or a larger board"
    )
