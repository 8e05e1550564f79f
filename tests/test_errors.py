"""What becomes of the reports of other libraries."""

import pytest

from hmd_tflm.errors import reason

CALLED = "Exception encountered when calling Dense.call().\n\n\x1b[1m{}\x1b[0m\n\nArguments received by Dense.call():\n  • x=3"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one line"), "one line"),
        (ValueError("\n  first\nsecond"), "first"),
        (TypeError(CALLED.format("has type float32")), "has type float32"),
        (KeyError(CALLED.format("")), "KeyError: Exception encountered when calling Dense.call()."),
        (TypeError("<class> could not be deserialized\n\nconfig={}.\n\n"
                   "Exception encountered: Could not locate class 'My'."), "Could not locate class 'My'."),
        (KeyError("name"), "name"),
        (RuntimeError(), "RuntimeError"),
        (ValueError(" \n"), "ValueError"),
        (ValueError("x" * 999), "x" * 200),
    ],
)  # fmt: skip
def test_the_line_that_says_something_is_found(error: Exception, line: str) -> None:
    assert reason(error) == line
