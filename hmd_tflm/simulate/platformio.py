"""Runs PlatformIO without its registry: a home of its own, SCons from PyPI, no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from hmd_tflm.errors import UserError
from hmd_tflm.files import write_whole


def run_platformio(
    project: Path, environment: str, workspace: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Build one environment of a PlatformIO project; only warnings and errors are in the output.

    project: folder of the platformio.ini. workspace: folder for build products. variables: more
    environment variables.

    Raises:
        UserError: PlatformIO, SCons or the compiler is not installed.
    """
    _require_tools()
    home = project / ".pio" / "core"
    _install_scons(home / "packages" / "tool-scons")
    command = [sys.executable, "-m", "platformio", "run", "-s", "-d", project, "-e", environment]
    return subprocess.run(
        [str(part) for part in command],
        env=os.environ
        | {
            "PLATFORMIO_CORE_DIR": str(home),
            "PLATFORMIO_WORKSPACE_DIR": str(workspace),
            "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "No",
            "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
            "PLATFORMIO_NO_ANSI": "true",
        }
        | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _require_tools() -> None:
    for module in ("platformio", "SCons"):
        if find_spec(module) is None:
            raise UserError(
                f"the Python package {module} is not installed, firmware is built with it; "
                "install it: pip install 'hmd-tflm[simulate]'"
            )
    if shutil.which("arm-none-eabi-gcc") is None:
        raise UserError(
            "the compiler arm-none-eabi-gcc is not in PATH; install it: "
            "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"
        )


def _install_scons(folder: Path) -> None:
    """Gives PlatformIO the one package that it needs, as a front for the installed SCons."""
    from platformio.dependencies import get_core_dependencies

    version = get_core_dependencies()["tool-scons"].lstrip("~^=")
    owner = {"owner": "platformio", "id": None, "name": "tool-scons"}
    package = {"name": "tool-scons", "version": version, "system": "*"}
    record = {
        "type": "tool",
        "name": "tool-scons",
        "version": version,
        "spec": owner | {"requirements": None, "uri": None},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "scons.py", "import SCons.Script\n\nSCons.Script.main()\n")
    write_whole(folder / "package.json", json.dumps(package))
    write_whole(folder / ".piopm", json.dumps(record))
