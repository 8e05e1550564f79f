"""The comparison with silicon: docs/cycles.md and reports say what the measurements say."""

import re
from statistics import median

from hmd_tflm.simulate.cycles import validation
from hmd_tflm.simulate.cycles.validation import (
    DOCUMENT,
    Row,
    error_bound,
    explanation,
    flash_error_bound,
    rendered,
)


def test_document_is_up_to_date():
    text = DOCUMENT.read_text()
    assert "<!-- validation -->" in text and "<!-- wait states -->" in text
    assert rendered(text) == text


def test_document_has_a_row_for_each_rule():
    numbers = re.findall(r"^\| (\d+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted({int(number) for number in numbers}) == list(range(1, 14))


def test_bound_is_of_the_untouched_half():
    rows = [row for row in validation._rows("programs") if row.half == "untouched"]
    errors = sorted(abs(100 * row.modelled / row.published - 100) for row in rows)
    assert f"median {median(errors):.1f} %, worst {errors[-1]:.1f} %" in error_bound()
    assert "STM32F407" in error_bound()


def test_bound_with_flash_is_of_the_rows_with_wait_states():
    rows = validation._rows("wait_states")
    assert {row.wait_states for row in rows} == {5}
    worst = max(abs(100 * row.modelled / row.published - 100) for row in rows)
    assert f"worst {worst:.1f} % in {len(rows)} operations" in flash_error_bound()


def test_explanation_has_a_bound_for_each_figure():
    both = "\n".join(explanation(5))
    assert error_bound() in both and flash_error_bound() in both
    assert explanation(0) == explanation(5)[:2]


def test_enough_programs_in_each_half():
    rows = validation._rows("programs")
    halves = [{row.program for row in rows if row.half == half} for half in validation.HALVES]
    assert min(map(len, halves)) >= 20
    assert not halves[0] & halves[1]


def test_error_is_signed():
    row = Row("p", "o", "C", "x", "-O2", published=200, modelled=199)
    assert row.error == -0.5
