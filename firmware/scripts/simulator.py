"""Adds the target `simulator`: a board in Renode that stays, for -t upload and the serial monitor."""

Import("env")  # noqa: F821  (SCons puts it there)

env.AddCustomTarget(  # noqa: F821
    "simulator",
    None,
    '"$PYTHONEXE" -m hmd_tflm.simulate.renode_server serve $PROJECT_WORKSPACE_DIR/simulator $BOARD',
    title="Simulator",
    description="Simulate the board in Renode until Ctrl-C",
)
