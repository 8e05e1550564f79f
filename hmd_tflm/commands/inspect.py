"""Show the ops of a .tflite, and of each HMD op its shape, options, bytes and MACs.

Options that do not fit their tensors are refused, as the runtimes refuse them.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from hmd_tflm import tflite
from hmd_tflm.codegen.ops import scratch_bytes
from hmd_tflm.files import read_whole
from hmd_tflm.op.cells import CELLS
from hmd_tflm.op.read import read_layer

EXAMPLE = "model.tflite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `hmd-tflm inspect`."""
    parser.add_argument("model", help="a .tflite file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Read, check and print."""
    content = read_whole(arguments.model)
    ops = describe(content)
    if arguments.json:
        print(json.dumps({"bytes": len(content), "ops": ops}, indent=2))
        return
    print(f"{arguments.model}: {len(content):,} bytes")
    for number, op in enumerate(ops):
        print(f"{number}  {op['name']}: {', '.join(op['inputs'])} -> {', '.join(op['outputs'])}")
        for name, value in op.get("options", {}).items():
            print(f"     {name} = {value}")


def describe(content: bytes) -> list[dict[str, Any]]:
    """Each op's name and tensors, and an HMD op's options and costs."""
    model = tflite.read(content)
    graph = model.subgraphs[0]
    described: list[dict[str, Any]] = []
    for op in graph.operators:
        name = tflite.op_name(model, op)
        entry: dict[str, Any] = {
            "name": name,
            "inputs": [_text(graph.tensors[i]) for i in op.inputs if i >= 0],
            "outputs": [_text(graph.tensors[i]) for i in op.outputs],
        }
        if name in CELLS:
            layer = read_layer(model, op)
            s = layer.integers.options.structure
            entry["options"] = {
                **layer.integers.options.as_dict(),
                "steps": layer.steps,
                "compression": round(s.compression, 3),
                "weight_bytes": layer.weights.nbytes + layer.table.nbytes,
                "state_bytes": layer.batch * layer.integers.options.state_bytes,
                "scratch_bytes": scratch_bytes(s),
                "macs": layer.steps * s.macs,
            }
        described.append(entry)
    return described


def _text(tensor: Any) -> str:
    info = tflite.tensor_info(tensor)
    quantised = f" ({info.scale:.4g}, {info.zero_point})" if info.scale else ""
    return f"{info.dtype}{list(info.shape)}{quantised}"
