"""What the kernels cost on each core: benchmarks/cores.json, and the tables of docs/cores.md from it.

    python tests/firmware/measure_cores.py             write the tables anew
    CMSIS_NN_ROOT=... python tests/firmware/measure_cores.py --update    measure first

Instructions are counted in QEMU: all of a layer, over two steps. Cycles are the project's model's, of
a Cortex-M4 at zero wait states.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / folder) for folder in ("tests/firmware", "tests/op")]

import cortex
import numpy as np
import one_op
import qemu
from ai_edge_litert import schema_py_generated as schema
from integer_layers import random_layer
from one_op import Tensor

from hmd_tflm.benchmarks.budgets import compiler
from hmd_tflm.codegen import generate, model_io
from hmd_tflm.errors import UserError
from hmd_tflm.files import write_whole
from hmd_tflm.op.cells import LSTM
from hmd_tflm.op.options import Options
from hmd_tflm.op.reference import run, zero_state
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

FILE = ROOT / "benchmarks/cores.json"
PAGE = ROOT / "docs/cores.md"
BLOCK = re.compile(r"(<!-- (layers|small ops) -->\n).*?(<!-- end -->)", re.DOTALL)
SIZE, STEPS = (64, 64), 2
LAYERS = {
    "dense": Structure.dense(*SIZE),
    "HMD 2x": Structure.hmd(*SIZE, 2.0),
    "HMD 4x": Structure.hmd(*SIZE, 4.0),
}
FULLY_CONNECTED = ((64, 12), (128, 64), (63, 10))
SOFTMAX = (12, 65)


def count(core: str, structure: Structure) -> int:
    """Instructions of `STEPS` steps."""
    layer = random_layer(Options(structure=structure), 0)
    x = np.random.default_rng(0).integers(-128, 128, (1, STEPS, structure.inputs)).astype(np.int8)
    with TemporaryDirectory(prefix="hmd-") as folder:
        log = Path(folder) / "log"
        y = cortex.Kernel(core, LSTM, log=log).run(layer, x, zero_state(layer, 1))
        np.testing.assert_array_equal(y, run(layer, x))
        with log.open() as lines:
            return sum(line.startswith("Trace") for line in lines)


def layers() -> Iterator[dict[str, Any]]:
    """Every core, every layer."""
    for core in qemu.CORES:
        for name, structure in LAYERS.items():
            print(f"{core}, {name}", file=sys.stderr)
            yield {
                "core": core,
                "layer": name,
                "inputs": structure.inputs,
                "units": structure.units,
                "steps": STEPS,
                "macs": STEPS * structure.macs,
                "instructions": count(core, structure),
            }


def fully_connected(inputs: int, outputs: int) -> bytes:
    """A model of one op with a scale for each channel."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    scales = np.float32(0.01) * (1 + rng.random(outputs, np.float32))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    constants = [
        Tensor(weights.shape, tuple(scales), 0, weights),
        Tensor(bias.shape, tuple(np.float32(0.05) * scales), 0, bias),
    ]
    return one_op.build(
        schema.BuiltinOperator.FULLY_CONNECTED,
        schema.FullyConnectedOptionsT(),
        [Tensor((1, inputs), (0.05,), 3), *constants],
        Tensor((1, outputs), (0.3,), -5),
    )


def softmax(depth: int) -> bytes:
    """A model of one op."""
    shape = (1, depth)
    options = schema.SoftmaxOptionsT(beta=1.0)
    tensors = Tensor(shape, (0.1,), 3), Tensor(shape, (1 / 256,), -128)
    return one_op.build(schema.BuiltinOperator.SOFTMAX, options, [tensors[0]], tensors[1])


def small_ops() -> Iterator[dict[str, Any]]:
    """Own code and CMSIS-NN's, on the same inputs."""
    models = {f"FULLY_CONNECTED {i} x {o}": fully_connected(i, o) for i, o in FULLY_CONNECTED}
    models |= {f"SOFTMAX {depth}": softmax(depth) for depth in SOFTMAX}
    root = os.environ["CMSIS_NN_ROOT"]
    for code in ("own", "CMSIS-NN"):
        os.environ["CMSIS_NN_ROOT"] = root if code == "CMSIS-NN" else ""
        with TemporaryDirectory(prefix="hmd-") as folder:
            for name, content in models.items():
                print(f"{code}, {name}", file=sys.stderr)
                size = model_io(content)[0].size
                x = np.random.default_rng(0).integers(-128, 128, (1, size)).astype(np.int8)
                report = simulate(generate(content, folder).parent, "disco_f407vg", x)
                assert report.outputs.ravel().tolist() == one_op.run(content, x).ravel().tolist()
                yield {"op": name, "code": code, "cycles": int(report.cycles.sum())}
    os.environ["CMSIS_NN_ROOT"] = root


def rendered(text: str, measured: dict[str, Any]) -> str:
    """A page with its tables as measured."""
    tables = {"layers": _layer_table, "small ops": _op_table}
    return BLOCK.sub(lambda m: f"{m[1]}\n{tables[m[2]](measured)}\n{m[3]}", text)


def _layer_table(measured: dict[str, Any]) -> str:
    rows = [("core", *LAYERS), ("---", *["---:"] * len(LAYERS))]
    for core in qemu.CORES:
        records = [r for r in measured["layers"] if r["core"] == core]
        per_mac = (f"{r['instructions'] / r['macs']:.2f}" for r in records)
        rows.append((core.replace("cortex-m", "Cortex-M").replace("0plus", "0+"), *per_mac))
    return _table(rows)


def _op_table(measured: dict[str, Any]) -> str:
    cycles = {(r["op"], r["code"]): r["cycles"] for r in measured["small ops"]}
    rows = [("op", "own code", "CMSIS-NN"), ("---", "---:", "---:")]
    for op in dict.fromkeys(r["op"] for r in measured["small ops"]):
        rows.append((op, f"{cycles[op, 'own']:,}", f"{cycles[op, 'CMSIS-NN']:,}"))
    return _table(rows)


def _table(rows: list[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true", help="measure first")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    arguments = parser.parse_args()
    if arguments.update:
        if not os.environ.get("CMSIS_NN_ROOT"):
            raise UserError("CMSIS_NN_ROOT is not set; expected a CMSIS-NN tree to compare with")
        measured = {
            "compiler": compiler(),
            "layers": list(layers()),
            "small ops": list(small_ops()),
        }
        write_whole(FILE, json.dumps(measured, indent=1) + "\n")
    measured = json.loads(FILE.read_text())
    write_whole(PAGE, rendered(PAGE.read_text(), measured))
    if arguments.json:
        print(json.dumps(measured))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
