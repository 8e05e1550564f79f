"""With CMSIS_NN_ROOT, a CMSIS-NN tree, its functions replace some of hmd_nn's (hmd_nn/README.md)."""

import os
import sys
from pathlib import Path

Import("env")  # noqa: F821  (SCons puts it there)

SOURCES = [
    "FullyConnectedFunctions/arm_fully_connected_per_channel_s8.c",
    "FullyConnectedFunctions/arm_fully_connected_s8.c",
    "NNSupportFunctions/arm_nn_vec_mat_mult_t_per_ch_s8.c",
    "NNSupportFunctions/arm_nn_vec_mat_mult_t_s8.c",
    "SoftmaxFunctions/arm_nn_softmax_common_s8.c",
    "SoftmaxFunctions/arm_softmax_s8.c",
]

if os.environ.get("CMSIS_NN_ROOT"):
    root = Path(os.environ["CMSIS_NN_ROOT"]).resolve()
    missing = [name for name in SOURCES if not (root / "Source" / name).is_file()]
    if missing:
        sys.stderr.write(
            f"CMSIS_NN_ROOT={root}: is no CMSIS-NN tree, 6.0 or later (expected Source/{missing[0]} "
            "in it); get one from https://github.com/ARM-software/CMSIS-NN or unset CMSIS_NN_ROOT\n"
        )
        env.Exit(1)  # noqa: F821
    env.Append(  # noqa: F821
        CPPDEFINES=["HMD_NN_WITH_CMSIS_NN"], CCFLAGS=[f"-isystem{root / 'Include'}"]
    )
    chosen = " ".join(f"+<{name}>" for name in SOURCES)
    env.BuildSources("$BUILD_DIR/cmsis_nn", str(root / "Source"), f"-<*> {chosen}")  # noqa: F821
