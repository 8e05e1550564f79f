"""Runs PlatformIO without its registry: a home of its own, SCons from PyPI, no network.

Any command of it, from the root of a checkout, in the environments `*_offline`:

    python -m hmd_tflm.simulate.platformio run -d firmware -e disco_f407vg_offline
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from hmd_tflm.errors import UserError
from hmd_tflm.files import cache_folder, write_whole


def run_platformio(
    project: Path, environment: str, workspace: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Build one environment of a PlatformIO project; only warnings and errors are in the output.

    project: folder of the platformio.ini. workspace: folder for build products. variables: more
    environment variables.

    Raises:
        UserError: PlatformIO, SCons or the compiler is not installed.
    """
    command = ["run", "-s", "-d", str(project), "-e", environment]
    variables = {"PLATFORMIO_WORKSPACE_DIR": str(workspace)} | variables
    return subprocess.run(
        [sys.executable, "-m", "platformio", *command],
        env=os.environ | offline(project / ".pio" / "core") | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def offline(home: Path) -> dict[str, str]:
    """Environment variables with which PlatformIO asks no registry.

    home: a folder for its packages, filled here: fronts for the installed SCons and, where there
    is one, for the cppcheck of the operating system.

    Raises:
        UserError: PlatformIO, SCons or the compiler is not installed.
    """
    require_tools()
    scons = "import SCons.Script\n\nSCons.Script.main()\n"
    write_whole(_install(home, "tool-scons") / "scons.py", scons)
    if cppcheck := shutil.which("cppcheck"):
        front = _install(home, "tool-cppcheck") / "cppcheck"
        write_whole(front, f'#!/bin/sh\nexec "{cppcheck}" "$@"\n')
        front.chmod(0o755)
    return {
        "PLATFORMIO_CORE_DIR": str(home),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "No",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_NO_ANSI": "true",
    }


def require_tools() -> None:
    """Raise a UserError if something is not installed that builds firmware."""
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


def _install(home: Path, name: str) -> Path:
    """The folder of a package that PlatformIO takes for one of its registry."""
    from platformio.dependencies import get_core_dependencies

    version = get_core_dependencies()[name].lstrip("~^=")
    owner = {"owner": "platformio", "id": None, "name": name}
    package = {"name": name, "version": version, "system": "*"}
    record = {
        "type": "tool",
        "name": name,
        "version": version,
        "spec": owner | {"requirements": None, "uri": None},
    }
    folder = home / "packages" / name
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "package.json", json.dumps(package))
    write_whole(folder / ".piopm", json.dumps(record))
    return folder


if __name__ == "__main__":
    home = cache_folder() / "platformio"
    command = [sys.executable, "-m", "platformio", *sys.argv[1:]]
    os.execve(sys.executable, command, os.environ | offline(home))
