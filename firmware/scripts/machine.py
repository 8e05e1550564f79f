"""Flags that must reach compiler, assembler and linker alike, which `build_flags` does not do."""

Import("env")  # noqa: F821  (SCons puts it there)

FPU = {"cortex-m4": "fpv4-sp-d16", "cortex-m7": "fpv5-sp-d16", "cortex-m33": "fpv5-sp-d16"}
machine = ["-mfloat-abi=hard", "-mfpu=" + FPU[env.BoardConfig().get("build.cpu")]]  # noqa: F821
env.Append(  # noqa: F821
    ASFLAGS=[*machine, "-g"],
    CCFLAGS=machine,
    LINKFLAGS=[
        *machine,
        "--specs=nano.specs",
        "-nostartfiles",  # lib/bsp/src/startup.c is ours
        '-Wl,-Map,"$BUILD_DIR/firmware.map"',
    ],
)
