"""The error that a user can mend: the command line prints it in one line and exits with 2."""


class UserError(ValueError):
    """A wrong input, option, file or a missing tool.

    The message is one line that names what was received, what was expected and what to do.
    """


class FirmwareError(RuntimeError):
    """Firmware, on a board or emulated, faulted, hung or answered with an error: exit code 1."""
