"""How fast executed instructions are counted, and in how much memory: benchmarks/speed.json.

``python -m hmd_tflm.benchmarks.speed`` measures it (with Renode, 5 GB for a trace and a quarter of
an hour) and writes the lines between ``<!-- speed -->`` and ``<!-- end -->`` of docs/cycles.md.
"""

from __future__ import annotations

import json
import re
import resource
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hmd_tflm.codegen import generate, model_io
from hmd_tflm.files import write_whole
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.cycles.validation import DOCUMENT
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.renode import Renode
from hmd_tflm.simulate.session import TRACED_TIMEOUT, connect
from hmd_tflm.simulate.simulate import with_wait_states
from hmd_tflm.simulate.trace import count_trace

ROOT = Path(__file__).parents[2]
FILE = ROOT / "benchmarks/speed.json"
MODEL = ROOT / "benchmarks/models/kws12_hmd_2x.tflite"
BOARD = "disco_f407vg"
TRACED = 400_000_000  # instructions
EMULATED = 40_000_000

_BLOCK = re.compile(r"(<!-- speed -->\n).*?(<!-- end -->)", re.DOTALL)


def measure() -> dict[str, Any]:
    """Each part in a process of its own, whose peak of memory is its own."""
    content = MODEL.read_bytes()
    size = model_io(content)[0].size
    rows = np.random.default_rng(0).integers(-128, 128, (1000, size), np.int8)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        image = build(generate(content, folder, MODEL.stem).parent, load_board(BOARD))
        trace = Path(folder) / "trace"
        _trace(image, trace, rows)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            return {
                "model": MODEL.stem,
                "command": "python -m hmd_tflm.benchmarks.speed",
                "emulator": pool.apply(_emulate, (image.path, 0, rows)),
                "emulator_with_flash": pool.apply(_emulate, (image.path, None, rows)),
                "trace": pool.apply(_read, (image.path, trace)),
            }


def sentence(numbers: dict[str, Any]) -> str:
    """The measurements in words."""
    emulator, flash, trace = (numbers[k] for k in ("emulator", "emulator_with_flash", "trace"))
    return (
        f"Measured with {numbers['model']} on one core: the emulator counts {_rate(emulator)} million "
        f"instructions a second,\n{_rate(flash)} with waits for the flash. A trace of Renode of "
        f"{trace['instructions'] / 1e6:.0f} million instructions\n({trace['bytes'] / 1e9:.1f} GB) "
        f"is read at {_rate(trace)} million a second, in {trace['memory'] / 2**20:.0f} MiB beyond "
        f"the {trace['memory_before'] / 2**20:.0f} MiB of\nPython and its libraries.\n"
    )


def rendered(text: str) -> str:
    """A document with the measurements as the file says."""
    return _BLOCK.sub(lambda m: m[1] + sentence(json.loads(FILE.read_text())) + m[2], text)


def _rate(numbers: dict[str, Any]) -> str:
    return f"{numbers['instructions'] / numbers['seconds'] / 1e6:.0f}"


def _trace(image: Image, trace: Path, rows: NDArray[np.int8]) -> None:
    board = load_board(BOARD)
    with Renode(image, board, trace, TRACED_TIMEOUT) as renode, tqdm(total=TRACED) as progress:
        link, _ = connect(renode, board, rows)
        for row in rows:
            progress.update(link.run(row.tobytes()).cycles)
            if progress.n >= TRACED:
                return


def _emulate(elf: Path, wait_states: int | None, rows: NDArray[np.int8]) -> dict[str, Any]:
    board = with_wait_states(load_board(BOARD), wait_states)
    emulator = Emulator(Image.load(elf), board)
    link, _ = connect(emulator, board, rows)
    start, before = time.process_time(), emulator.counter.instructions
    for row in rows:
        link.run(row.tobytes())
        if emulator.counter.instructions - before >= EMULATED:
            break
    return {
        "instructions": emulator.counter.instructions - before,
        "seconds": time.process_time() - start,
    }


def _read(elf: Path, trace: Path) -> dict[str, Any]:
    image = Image.load(elf)
    start, before = time.process_time(), _peak()
    counts = count_trace(trace, image)
    return {
        "instructions": counts.instructions,
        "seconds": time.process_time() - start,
        "bytes": trace.stat().st_size,
        "memory_before": before,
        "memory": _peak() - before,
    }


def _peak() -> int:
    """Bytes of memory that this process has held at most."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure, and write the file and the document."""
    write_whole(FILE, json.dumps(measure(), indent=2) + "\n")
    write_whole(DOCUMENT, rendered(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
