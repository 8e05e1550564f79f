"""Write the figures of the README and docs from the measurement files in benchmarks/.

``python -m hmd_tflm.benchmarks.render`` replaces each block between ``<!-- demo NAME -->`` and
``<!-- end -->`` by the table of benchmarks/demo_NAME.json, and draws docs/demo_NAME.png; and the one
at ``<!-- bound -->`` by the error bounds of the cycles, and at ``<!-- methods -->`` by the methods compared.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from hmd_tflm.benchmarks import pages, tflm
from hmd_tflm.benchmarks.compare import Record
from hmd_tflm.benchmarks.report import markdown, plot
from hmd_tflm.files import write_whole
from hmd_tflm.simulate.cycles.validation import error_bound, flash_error_bound

ROOT = Path(__file__).parents[2]
BOUND = re.compile(r"(<!-- bound -->\n).*?(<!-- end -->)", re.DOTALL)
METHODS = re.compile(r"(<!-- methods -->\n).*?(<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"(<!-- demo (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def load(name: str) -> tuple[str, list[Record]]:
    """Title and records of one measurement file."""
    results = json.loads((ROOT / f"benchmarks/demo_{name}.json").read_text())
    records = [Record(**fields) for fields in results["records"]]
    return f"{name} on {results['board']}, {records[0].units} units", records


def rendered(text: str) -> str:
    """A text with its blocks as the measurement files say."""
    text = BOUND.sub(lambda m: f"{m[1]}{_bounds()}{m[2]}", text)
    text = METHODS.sub(lambda m: f"{m[1]}{pages.methods()}{m[2]}", text)
    return BLOCK.sub(lambda m: f"{m[1]}{markdown(load(m[2])[1])}{m[3]}", text)


def _bounds() -> str:
    return f"- at zero wait states {error_bound()};\n- with its flash {flash_error_bound()}.\n"


def main() -> None:
    """Write README.md, docs/benchmarks.md, the block of docs/tflm.md and the plots anew."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    for _, name, _ in BLOCK.findall(text):
        title, records = load(name)
        write_whole(ROOT / f"docs/demo_{name}.png", plot(records, title))
    write_whole(readme, rendered(text))
    pages.write()
    tflm.write()


if __name__ == "__main__":
    main()
