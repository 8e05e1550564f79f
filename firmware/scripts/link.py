"""Have the linker's complaint about a full memory followed by one that says what to do."""

Import("env")  # noqa: F821  (SCons puts it there)

board = env.BoardConfig()  # noqa: F821
env.Replace(  # noqa: F821
    LINK=f'"$PYTHONEXE" scripts/explain_overflow.py {board.id} {board.get("upload.maximum_size")} '
    f"{board.get('upload.maximum_ram_size')} {env['LINK']}"  # noqa: F821
)
