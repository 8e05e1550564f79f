"""The error that a user can mend: the command line prints it in one line and exits with 2."""

from __future__ import annotations

import re


class UserError(ValueError):
    """A wrong input, option, file or a missing tool.

    The message is one line that names what was received, what was expected and what to do.
    """


def reason(error: BaseException) -> str:
    """What another library's report of many lines comes down to: one line, never empty.

    Keras puts a line on top that only says which layer was called, and the cause of what it could
    not read at the end; its terminal colours are taken out.
    """
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = re.sub(r"\x1b\[\d*m", "", text).partition("\nArguments received by ")[0]
    said = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in said if line.startswith("Exception encountered: ")]
    plain = [line for line in said if not line.startswith("Exception encountered when calling ")]
    if causes:
        line = causes[-1].removeprefix("Exception encountered: ")
    elif plain:
        line = plain[0]
    else:
        line = ": ".join([type(error).__name__, *said])
    return line[:200]


class FirmwareError(RuntimeError):
    """Firmware, on a board or emulated, faulted, hung or answered with an error: exit code 1."""
