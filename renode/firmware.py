"""Robot Framework keywords: firmware from a model, requests and replies of docs/protocol.md, vectors.

Robot's Python need not have this package: it runs that of HMD_TFLM_PYTHON, the checkout's own
(`.venv/bin/python`), or else the `python3` in PATH, on this file as a script: `firmware.py
MODEL.tflite BOARD FIRMWARE.elf`.
"""

import json
import os
import shutil
import subprocess
import sys
from binascii import crc_hqx
from functools import cache
from pathlib import Path

ROBOT_LIBRARY_SCOPE = "GLOBAL"

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "renode"
GROWTH = 1.01  # of instructions, that passes


def build_firmware(model: str, board: str) -> str:
    """The ELF file for a model of models/, as Renode's monitor reads a path."""
    return _quote(_build(model, board))


def board_script(board: str) -> str:
    """The board's .resc, as Renode's monitor reads a path."""
    return _quote(HERE / f"{board}.resc")


def load_vectors(model: str, folder: str = "") -> dict:
    """The test vectors of a model, from another folder than vectors/ if one is given."""
    return json.loads(Path(folder or HERE / "vectors", f"{model}.json").read_text())


def add_checksum(text: str) -> str:
    """A request's line, without its end."""
    return f"{text} *{crc_hqx(text.encode(), 0xFFFF):04X}"


def parse_reply(line: str) -> dict:
    """The fields of an `ok` reply whose checksum is right."""
    text = line.rpartition(" *")[0]
    if line != add_checksum(text):
        raise AssertionError(f"damaged reply {line!r}, expected {add_checksum(text)!r}")
    status, *fields = text.split(" ")
    if status != "ok":
        raise AssertionError(f"received the reply {text!r}, expected ok")
    return dict(field.split("=", 1) for field in fields)


def check_budget(instructions: str, budget: int) -> None:
    """Fails where an inference takes more than 1 % more than was committed."""
    if int(instructions) > budget * GROWTH:
        raise AssertionError(
            f"{instructions} instructions, expected at most {budget} and 1 %; if that is "
            "deliberate, run renode/make_vectors.py"
        )


def refuse_corrupted_model(model: str) -> None:
    """Code generation refuses a model whose op options are damaged, and says why."""
    content = (HERE / "models" / f"{model}.tflite").read_bytes()
    damaged = BUILD / "damaged.tflite"
    BUILD.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(content.replace(b"HMDL", b"HMDX", 1))
    command = ["-m", "hmd_tflm", "codegen", damaged, "--output", BUILD / "damaged"]
    done = _run(*command, expected=2)
    if "magic" not in done.stderr:
        raise AssertionError(f"received {done.stderr!r}, expected a word on the magic")


@cache
def _build(model: str, board: str) -> Path:
    elf = BUILD / board / f"{model}.elf"
    _run(__file__, HERE / "models" / f"{model}.tflite", board, elf)
    return elf


def _run(*arguments: object, expected: int = 0) -> subprocess.CompletedProcess:
    command = [_python(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != expected:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done


def _python() -> str:
    """The one that has hmd_tflm; Robot's own need not."""
    ours = HERE.parent / ".venv" / "bin" / "python"
    return os.environ.get("HMD_TFLM_PYTHON") or str(ours if ours.exists() else "python3")


def _quote(path: Path) -> str:
    return "@" + str(path).replace(" ", "\\ ")


def main(model: Path, board: str, elf: Path) -> None:
    """Build; models share a workspace, so that only the model is compiled anew."""
    from hmd_tflm.codegen import generate
    from hmd_tflm.simulate.board import load_board
    from hmd_tflm.simulate.build import build

    source = generate(model.read_bytes(), elf.parent / "source", model.stem).parent
    shutil.copy(build(source, load_board(board), elf.parent / "pio").path, elf)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
