"""docs/benchmarks.md and its HTML twin: what a layer costs, and the methods compared."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import markdown

from hmd_tflm.benchmarks import kernels_report
from hmd_tflm.benchmarks.kernels_report import ROOT
from hmd_tflm.benchmarks.paper import report, results
from hmd_tflm.benchmarks.paper.methods import METHODS
from hmd_tflm.benchmarks.paper.overview import overview
from hmd_tflm.benchmarks.paper.summary import summarise
from hmd_tflm.files import write_whole


def page() -> str:
    """docs/benchmarks.md, from benchmarks/kernels.json and benchmarks/results."""
    return f"{kernels_report.page(kernels_report.load('kernels'))}\n{report.page(_results())}"


def methods() -> str:
    """The table of the README: the methods that are trained alike, at factors 2 and 4."""
    entries = summarise(_results())
    alike = {cell: entry for cell, entry in entries.items() if not METHODS[cell.method].base}
    return overview(alike, (2.0, 4.0))


def write() -> None:
    """docs/benchmarks.md, its plots, and the same as one HTML file with the plots inside."""
    kernels = kernels_report.plot(kernels_report.load("kernels"))
    plots = {"kernels.png": kernels} | _plots(_results())
    _publish(ROOT / "docs/benchmarks", page(), plots)


def write_comparison(found: dict[results.Run, results.Result], folder: Path) -> None:
    """Only the methods compared: comparison.md, its plots and comparison.html.

    Args:
        found: the results.
        folder: for the files, there already.
    """
    _publish(folder / "comparison", report.page(found), _plots(found))


def _plots(found: dict[results.Run, results.Result]) -> dict[str, bytes]:
    names = dict.fromkeys(run.cell.benchmark for run in found)
    return {f"paper_{name}.png": report.plot(name, found) for name in names}


def _publish(stem: Path, text: str, plots: dict[str, bytes]) -> None:
    for name, image in plots.items():
        write_whole(stem.with_name(name), image)
    write_whole(stem.with_suffix(".md"), text)
    write_whole(stem.with_suffix(".html"), html(text, plots))


def html(text: str, plots: dict[str, bytes]) -> str:
    """A Markdown page as one HTML file.

    Args:
        text: Markdown with tables.
        plots: PNG files by the names that the text uses.
    """
    body = markdown.markdown(text, extensions=["tables"])

    def inside(match: re.Match[str]) -> str:
        return f'src="data:image/png;base64,{base64.b64encode(plots[match[1]]).decode()}"'

    return _HTML.format(body=re.sub(r'src="([^"]+)"', inside, body))


def _results() -> dict[results.Run, results.Result]:
    return results.read(results.FOLDER)


_HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>hmd_tflm: benchmarks</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ border-bottom: 1px solid #ddd; padding: 0.2em 0.7em; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
