"""Build this example, run it on a simulated board, and compare with this computer's streaming inference.

python firmware/examples/live/simulate.py
python firmware/examples/live/simulate.py --simulator renode

--update writes what it printed into docs/live.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prepare import HERE, MODEL, RECORDING, prepare

from hmd_tflm.errors import FirmwareError, UserError
from hmd_tflm.files import read_arrays, write_whole
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import load_board
from hmd_tflm.simulate.build import build
from hmd_tflm.simulate.emulator import Emulator
from hmd_tflm.simulate.protocol import decode
from hmd_tflm.simulate.renode import Renode

PAGE = HERE.parents[2] / "docs/live.md"
BLOCK = re.compile(r"(<!-- simulate -->\n).*?(<!-- end -->)", re.DOTALL)
BUDGET = 20_000_000_000  # instructions of a recording


def lines(
    folder: Path,
    board_name: str = "disco_f407vg",
    simulator: str = "emulator",
    period_us: int | None = None,
    windows: int | None = None,
) -> Iterator[str]:
    """What the board says, up to the end of the recording; arguments as in `prepare`."""
    board = load_board(board_name)
    board = replace(board, environment=f"{board_name}_live_offline", flash=None)
    prepare(folder, period_us, windows)
    image = build(folder, board)
    if simulator == "renode":
        running = Renode(image, board)
    else:
        running = nullcontext(Emulator(image, board, BUDGET))
    with running as port:
        while True:
            text = decode(port.readline())
            yield text
            if not text.startswith(("live ", "window ")):
                return


def expected(windows: int | None = None) -> list[str]:
    """The outputs at the ends of windows on this computer, frame by frame, as hexadecimal digits."""
    frames = read_arrays(RECORDING)["frames"][:windows]
    outputs = []
    with Interpreter(MODEL) as interpreter:
        for window in frames:
            interpreter.reset()
            outputs.append(interpreter.run(window[:, None])[-1].tobytes().hex().upper())
    return outputs


def main() -> int:
    """Simulate and compare; 0 if all windows are the same."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--board", default="disco_f407vg")
    parser.add_argument("--simulator", choices=("emulator", "renode"), default="emulator")
    parser.add_argument("--update", action="store_true", help="write the output into docs/live.md")
    arguments = parser.parse_args()
    said = []
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        for text in lines(Path(folder), arguments.board, arguments.simulator):
            said.append(text)
            print(text, flush=True)
    outputs = [found[1] for text in said if (found := re.search(r" output=(\w+)", text))]
    same = outputs == expected()
    names = read_arrays(RECORDING)["class_names"][read_arrays(RECORDING)["labels"]]
    right = np.sum([f"class={name} " in text for name, text in zip(names, said[1:], strict=False)])
    said.append(
        f"{len(outputs)} windows, {right} of the right class; outputs "
        + ("equal this computer's, bit for bit" if same else f"differ, expected {expected()}")
    )
    print(said[-1])
    if arguments.update:
        block = "```\n" + "\n".join(said) + "\n```\n"
        write_whole(PAGE, BLOCK.sub(lambda m: m[1] + block + m[2], PAGE.read_text()))
    return int(not same)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (UserError, FirmwareError) as error:
        sys.exit(f"{error}")
