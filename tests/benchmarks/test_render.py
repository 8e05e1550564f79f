"""The README's figures are those of the measurement files, and its Python runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hmd_tflm.benchmarks import pages
from hmd_tflm.benchmarks.render import BLOCK, ROOT, load, rendered

README = (ROOT / "README.md").read_text()


def test_tables_are_the_measured_ones() -> None:
    assert BLOCK.findall(README)
    assert rendered(README) == README


@pytest.mark.parametrize("name", [m[1] for m in BLOCK.findall(README)])
def test_measurements_are_whole(name: str) -> None:
    _, records = load(name)
    compressed = [f"{title} {n}x" for title in ("HMD", "LMF", "LMF shared") for n in (2, 4)]
    assert [r.label for r in records] == ["dense", *compressed]
    assert (ROOT / f"docs/demo_{name}.png").is_file()


def test_the_benchmarks_page_is_the_measured_one() -> None:
    text = (ROOT / "docs/benchmarks.md").read_text()
    assert text == pages.page()
    plots = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert "kernels.png" in plots and any(name.startswith("paper_") for name in plots)
    assert all((ROOT / "docs" / name).is_file() for name in plots)
    html = (ROOT / "docs/benchmarks.html").read_text()
    assert html.count("data:image/png") == len(plots) and html.count("<table>") > 5
    records = json.loads((ROOT / "benchmarks/kernels.json").read_text())
    assert len({(r["inputs"], r["units"]) for r in records}) == 5


def test_the_readmes_python_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert float(done.stdout.splitlines()[-1]) > 0.9
