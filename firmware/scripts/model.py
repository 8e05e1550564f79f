"""Compile the generated model: every .c and .S file in HMD_MODEL_DIR (default: generated/)."""

import os
import sys
from pathlib import Path

from SCons.Script import COMMAND_LINE_TARGETS

Import("env")  # noqa: F821  (SCons puts it there)

if "__test" in COMMAND_LINE_TARGETS:
    Return()  # noqa: F821  (tests need no model)
folder = Path(os.environ.get("HMD_MODEL_DIR") or Path(env["PROJECT_DIR"]) / "generated")  # noqa: F821
if not any(folder.glob("*.c")):
    sys.stderr.write(
        f"{folder}: holds no model (expected *.c files); run "
        "`hmd-tflm codegen MODEL.tflite --output DIR` and set HMD_MODEL_DIR=DIR\n"
    )
    env.Exit(1)  # noqa: F821
env.Append(  # noqa: F821
    CPPPATH=["$PROJECT_DIR/lib/hmd_nn/include"]
)  # PlatformIO gives libraries' folders to src/ only
env.BuildSources("$BUILD_DIR/model", str(folder.resolve()), "-<*> +<*.c> +<*.S>")  # noqa: F821
