"""Link the TFLM library of TFLM_ROOT, with firmware/tflm and the model's list of ops (docs/tflm.md)."""

import os
import re
import sys
from pathlib import Path

Import("env")  # noqa: F821  (SCons puts it there)

MAKEFILE = "tensorflow/lite/micro/tools/make/Makefile"
ARCHITECTURES = {
    "cortex-m4": "cortex-m4+fp",
    "cortex-m7": "cortex-m7+fp",
    "cortex-m33": "cortex-m33",
}


def fail(message):
    sys.stderr.write(f"{message}; see docs/tflm.md\n")
    env.Exit(1)  # noqa: F821


def library_folder(root, architecture):
    """Of the library in TFLM's tree; fails where the tree or the library is not as expected."""
    if not (root / MAKEFILE).is_file():
        fail(f"TFLM_ROOT={root}: is no tflite-micro tree (expected {MAKEFILE} in it)")
    if not (root / "tensorflow/lite/micro/micro_common.h").is_file():
        fail(f"TFLM_ROOT={root}: unsupported version, expected one of June 2023 or later")
    name = f"cortex_m_generic_{architecture}_release_with_logs_cmsis_nn_gcc"
    folder = root / "gen" / name / "lib"
    if not (folder / "libtensorflow-microlite.a").is_file():
        fail(
            f"TFLM_ROOT={root}: has no gen/{name}/lib/libtensorflow-microlite.a; build it there: "
            f"make -f {MAKEFILE} TARGET=cortex_m_generic TARGET_ARCH={architecture} "
            "OPTIMIZED_KERNEL_DIR=cmsis_nn BUILD_TYPE=release_with_logs "
            "TARGET_TOOLCHAIN_ROOT=/usr/bin/ microlite"
        )
    return folder


def namespace(root):
    """Where TFLM's names live: tflite::micro from October 2026 on."""
    header = root / "tensorflow/lite/micro/micro_interpreter.h"
    found = re.search(r"^namespace (tflite(?:::micro)?) {", header.read_text(), re.MULTILINE)
    if found is None:
        fail(f"{header}: has neither namespace tflite nor tflite::micro; this TFLM is unsupported")
    return found[1]


if not os.environ.get("TFLM_ROOT"):
    fail("TFLM_ROOT is not set; expected a tflite-micro tree with its library built")
root = Path(os.environ["TFLM_ROOT"]).resolve()
libraries = library_folder(root, ARCHITECTURES[env.BoardConfig().get("build.cpu")])  # noqa: F821
downloads = root / "tensorflow/lite/micro/tools/make/downloads"
folder = Path(os.environ.get("HMD_MODEL_DIR") or Path(env["PROJECT_DIR"]) / "generated")  # noqa: F821
if not (folder / "ops.cc").is_file():
    fail(
        f"{folder}: holds no model for TFLM (expected ops.cc); run "
        "`hmd-tflm codegen --tflm MODEL.tflite --output DIR` and set HMD_MODEL_DIR=DIR"
    )
headers = [root, downloads / "flatbuffers/include", downloads / "gemmlowp", downloads / "ruy"]
env.Append(  # noqa: F821
    CPPPATH=[
        "$PROJECT_DIR/tflm",
        "$PROJECT_DIR/lib/bsp/include",
        "$PROJECT_DIR/lib/hmd_tflm/include",
    ],
    CPPDEFINES=[
        "TF_LITE_STATIC_MEMORY",
        "CMSIS_NN",
        ("HMD_TFLM_NAMESPACE", namespace(root)),
    ],
    CCFLAGS=[f"-isystem{path}" for path in headers],
    CXXFLAGS=["-std=c++17", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics"],
    LINKFLAGS=["--specs=nosys.specs"],
    LIBPATH=[str(libraries)],
    LIBS=["tensorflow-microlite"],
)
env.BuildSources("$BUILD_DIR/tflm", "$PROJECT_DIR/tflm")  # noqa: F821
env.BuildSources("$BUILD_DIR/model", str(folder.resolve()), "-<*> +<*.cc>")  # noqa: F821
