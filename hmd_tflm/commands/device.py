"""Run a data set or a file of inputs on a board that runs the model's firmware, compare the outputs with
this computer's bit for bit, and show accuracy and measured cycles beside modelled ones.

The port is a device, or socket://HOST:PORT, rfc2217://HOST:PORT and what else pyserial opens. The
recurrent state is reset before the inputs, and before each sequence of a data set. A reset of the
board, noise and a pulled cable are survived: what was lost is said and run again. Exits with 1 if an
output differs or the board is lost for good; what was done until then is reported and written.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmd_tflm.files import check_output, read_input, read_whole, write_whole

if TYPE_CHECKING:
    from hmd_tflm.device.compare import Comparison

EXAMPLE = "model.tflite --port /dev/ttyACM0 --dataset digits"
SHOWN = 5  # rows that differ


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm device`."""
    parser.add_argument("model", type=Path, help="the .tflite file that the board runs")
    parser.add_argument("--port", required=True, metavar="URL", help="where the board is")
    rows = parser.add_mutually_exclusive_group(required=True)
    rows.add_argument("--dataset", metavar="NAME", help="data set, whose test sequences are run")
    rows.add_argument("--input", type=Path, metavar="NPY", help="rows to run, .npy or .npz")
    parser.add_argument(
        "--rows", type=int, metavar="N", help="sequences of the data set, evenly spread (all)"
    )
    parser.add_argument(
        "--firmware",
        type=Path,
        metavar="ELF",
        help="what was flashed, for the modelled cycles (built without an interpreter)",
    )
    parser.add_argument("--output", metavar="NPY", help="write the board's outputs here, int8")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Connect, run, compare and report; 0 if all outputs are the same."""
    from tqdm import tqdm

    from hmd_tflm import datasets
    from hmd_tflm.device.compare import compare
    from hmd_tflm.device.session import Device
    from hmd_tflm.device.workload import from_array, from_dataset

    if arguments.output:
        check_output(arguments.output)
    content = read_whole(arguments.model)
    if arguments.dataset:
        work = from_dataset(content, datasets.load(arguments.dataset), arguments.rows)
    else:
        work = from_array(content, read_input(arguments.input))

    def tell(event: str) -> None:
        tqdm.write(f"hmd-tflm device: {event}", sys.stderr)

    with (
        Device(arguments.port, tell) as device,
        tqdm(total=len(work.rows), desc="run", unit="inference") as bar,
    ):
        result = compare(
            arguments.model,
            device,
            work,
            arguments.firmware,
            lambda row: bar.update(row + 1 - bar.n),
        )
    if arguments.output:
        buffer = io.BytesIO()
        np.save(buffer, result.outputs)
        write_whole(arguments.output, buffer.getvalue())
    print(result.to_json() if arguments.json else _text(result))
    if result.failure:
        tell(
            f"{result.failure}; {len(result.outputs)} of {result.rows} inferences were done and "
            f"are reported{f', outputs in {arguments.output}' if arguments.output else ''}"
        )
    return int(bool(result.failure or result.different))


def _text(result: Comparison) -> str:
    model, done = result.model, len(result.outputs)
    where = f"{model.board} at {model.clock_hz / 1e6:g} MHz"
    lines = [f"{model.model} on {where}, {done} of {result.rows} inferences", ""]
    lines += [*_table(result), ""]
    if isinstance(result.modelled, str):
        lines.append(f"no modelled cycles: {result.modelled}")
    else:
        from hmd_tflm.simulate.cycles.validation import explanation

        lines += explanation(result.modelled.wait_states)
    if result.accuracy is not None:
        lines.append(f"accuracy: {result.accuracy:.1%}")
    lines.append(f"stack: {result.stack} bytes; arena: {result.arena} of {model.arena} bytes")
    if result.repeated or result.damaged or result.events:
        lines.append(
            f"line: {result.damaged} damaged lines, {result.repeated} requests sent again, "
            f"{len(result.events)} events"
        )
    return "\n".join([*lines, *_verdict(result)])


def _table(result: Comparison) -> list[str]:
    names = [*result.model.ops, "total"]
    columns = {"measured": _with_total(result.cycles)}
    if not isinstance(result.modelled, str):
        columns["modelled"] = _with_total(result.modelled.cycles)
        if result.modelled.cycles_with_flash is not None:
            columns["with flash"] = _with_total(result.modelled.cycles_with_flash)
    if result.ratios is not None:
        columns["ratio"] = [f"{ratio:.3f}" for ratio in result.ratios]
    width = max(len(name) for name in names)
    head = f"{'cycles of an inference':{width}}"
    rows = zip(names, *columns.values(), strict=True)
    return [
        head + "".join(f"  {column:>12}" for column in columns),
        *(f"{name:{len(head)}}" + "".join(f"  {n:>12}" for n in cells) for name, *cells in rows),
    ]


def _with_total(cycles: np.ndarray) -> list[str]:
    mean = cycles.mean(axis=0)
    return [f"{count:.0f}" for count in (*mean, mean.sum())]


def _verdict(result: Comparison) -> list[str]:
    if not result.different:
        return [f"outputs: all {len(result.outputs)} equal this computer's, bit for bit"]
    shown = [
        f"  inference {row}: {result.outputs[row].ravel()[:10].tolist()}, expected "
        f"{result.expected[row].ravel()[:10].tolist()}"
        for row in result.different[:SHOWN]
    ]
    return [f"outputs: {len(result.different)} of {len(result.outputs)} differ", *shown]
