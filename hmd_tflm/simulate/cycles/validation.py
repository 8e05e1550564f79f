"""The model against silicon: the error bound of every report, and the tables of docs/cycles.md.

benchmarks/cycles_validation.json has cycles that others measured and published beside those that
the model gives for the same programs. ``python -m hmd_tflm.simulate.cycles.validation`` writes the
tables of docs/cycles.md anew, between ``<!-- validation -->`` or ``<!-- wait states -->`` and
``<!-- end -->``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from hmd_tflm.errors import UserError
from hmd_tflm.files import write_whole

ROOT = Path(__file__).parents[3]
MEASUREMENTS = ROOT / "benchmarks" / "cycles_validation.json"
DOCUMENT = ROOT / "docs" / "cycles.md"
CYCLE_MODEL = "Cortex-M4 pipeline, zero wait states (docs/cycles.md)"
HALVES = ("untouched", "settled")
KINDS = ("assembly", "C")

_BLOCK = re.compile(r"(<!-- (validation|wait states) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """An operation of a program: cycles on silicon and by the model.

    kind: "assembly" where hand-written assembly takes most of the time, else "C". half: "settled"
    helped to settle the rules, "untouched" did not. left_out: why it is in neither half.
    wait_states: of the flash that the code is in.
    """

    program: str
    operation: str
    kind: str
    origin: str
    flags: str
    published: int
    modelled: int
    half: str = ""
    left_out: str = ""
    wait_states: int = 0

    @property
    def error(self) -> float:
        """Signed, in per cent of the published cycles."""
        return 100 * (self.modelled - self.published) / self.published


@cache
def error_bound() -> str:
    """One line for reports: how far the model was off for programs that did not settle its rules.

    Raises:
        UserError: the measurements are not there.
    """
    rows = [row for row in _rows("programs") if row.half == "untouched"]
    programs = len({row.program for row in rows})
    return (
        f"{_statistics(rows)} in {len(rows)} operations of {programs} programs that were not used "
        f"to settle the model, measured on an {_measurements()['silicon']}"
    )


@cache
def flash_error_bound() -> str:
    """One line for reports: how far the model was off with a flash that is waited for.

    Raises:
        UserError: the measurements are not there.
    """
    rows = _rows("wait_states")
    return (
        f"{_statistics(rows)} in {len(rows)} operations at {rows[0].wait_states} wait states, which "
        "settled it and read no data from flash; for that there are no measurements"
    )


def explanation(wait_states: int) -> list[str]:
    """Lines on the cycles of a report.

    wait_states: of the flash in its second figure of cycles, 0 where it has none.
    """
    lines = [f"cycles: {CYCLE_MODEL}", f"their error: {error_bound()}"]
    if wait_states:
        lines += [
            f"with flash: {wait_states} wait states behind the STM32F4's accelerator",
            f"their error: {flash_error_bound()}",
        ]
    return lines


def render_wait_states() -> str:
    """The table of code that waits for the flash."""
    lines = ["| program | operation | published | modelled | error |"]
    lines += ["| --- | --- | ---: | ---: | ---: |"]
    lines += [
        f"| {row.program} | {row.operation} | {row.published} | {row.modelled} | {row.error:+.2f} % |"
        for row in _rows("wait_states")
    ]
    return "\n".join(lines) + "\n"


def render_validation() -> str:
    """The tables of docs/cycles.md: both halves in short, every program, what is left out."""
    rows = _rows("programs")
    lines = ["| half | kind | programs | operations | absolute error |", "| --- " * 5 + "|"]
    for half in HALVES:
        for kind in KINDS:
            part = [row for row in rows if (row.half, row.kind) == (half, kind)]
            programs = len({row.program for row in part})
            lines.append(f"| {half} | {kind} | {programs} | {len(part)} | {_statistics(part)} |")
    for half in HALVES:
        lines += ["", f"The {half} half:", "", *_table(row for row in rows if row.half == half)]
    lines += ["", "Left out:", "", *_table(_rows("left_out"))]
    return "\n".join(lines) + "\n"


def rendered(text: str) -> str:
    """A document with its tables as the measurements say."""
    tables = {"validation": render_validation, "wait states": render_wait_states}
    return _BLOCK.sub(lambda match: match[1] + tables[match[2]]() + match[3], text)


def main() -> None:
    """Write docs/cycles.md anew."""
    write_whole(DOCUMENT, rendered(DOCUMENT.read_text()))


def _statistics(rows: list[Row]) -> str:
    errors = [abs(row.error) for row in rows]
    return f"median {median(errors):.1f} %, worst {max(errors):.1f} %"


def _table(rows: Iterable[Row]) -> list[str]:
    lines = [
        "| program | operation | origin | flags | published | modelled | error | |",
        "| --- " * 4 + "| ---: " * 3 + "| --- |",
    ]
    lines += [
        f"| {row.program} | {row.operation} | {row.origin} | `{row.flags}` | {row.published} "
        f"| {row.modelled} | {row.error:+.2f} % | {row.left_out or row.kind} |"
        for row in rows
    ]
    return lines


def _rows(section: str) -> list[Row]:
    return [Row(**fields) for fields in _measurements()[section]]


def _measurements() -> dict[str, Any]:
    try:
        return json.loads(MEASUREMENTS.read_text())
    except OSError as error:
        raise UserError(
            f"{MEASUREMENTS}: cannot be read ({error.strerror}); use hmd-tflm from a checkout of its "
            "repository: pip install -e ."
        ) from error


if __name__ == "__main__":
    main()
