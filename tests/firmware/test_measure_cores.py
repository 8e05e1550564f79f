"""benchmarks/cores.json is what is measured, and docs/cores.md shows it."""

import json

import measure_cores
import pytest
import qemu

from hmd_tflm.benchmarks.budgets import compiler

MEASURED = json.loads(measure_cores.FILE.read_text())


def test_page_shows_what_was_measured() -> None:
    page = measure_cores.PAGE.read_text()
    assert measure_cores.rendered(page, MEASURED) == page


@qemu.needs_qemu
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m55"])
def test_instructions_have_not_grown(core: str) -> None:
    if compiler() != MEASURED["compiler"]:
        pytest.skip(f"counts are of {MEASURED['compiler']}; measure_cores.py --update")
    record = next(r for r in MEASURED["layers"] if (r["core"], r["layer"]) == (core, "HMD 4x"))
    structure = measure_cores.LAYERS["HMD 4x"]
    assert measure_cores.count(core, structure) <= 1.01 * record["instructions"]
