"""Make vectors/*.json anew: outputs by the host's runtime, instructions by Renode, for each model.

python renode/make_vectors.py
"""

import json
from pathlib import Path

import numpy as np

import firmware
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.board import board_names, load_board
from hmd_tflm.simulate.image import Image
from hmd_tflm.simulate.protocol import Link
from hmd_tflm.simulate.renode import Renode

ROWS = 4
BUILD = firmware.BUILD


def instructions(model: Path, board: str, rows: np.ndarray) -> int:
    """The most that an inference takes on a board."""
    elf = BUILD / board / f"{model.stem}.elf"
    firmware.main(model, board, elf)
    with Renode(Image.load(elf), load_board(board)) as port:
        link = Link(port)
        link.reset()
        return max(link.run(row.tobytes()).cycles for row in rows)


for model in sorted((firmware.HERE / "models").glob("*.tflite")):
    with Interpreter(model) as interpreter:
        shape = interpreter.inputs[0].shape
        rows = np.random.default_rng(0).integers(-128, 128, (ROWS, *shape[1:])).astype(np.int8)
        outputs = interpreter.run(rows)
    vectors = {
        "inputs": [row.tobytes().hex().upper() for row in rows],
        "outputs": [row.tobytes().hex().upper() for row in outputs],
        "instructions": {board: instructions(model, board, rows) for board in board_names()},
    }
    path = firmware.HERE / "vectors" / f"{model.stem}.json"
    path.write_text(json.dumps(vectors, indent=2) + "\n")
