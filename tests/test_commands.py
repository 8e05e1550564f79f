"""The command line as a user meets it: the whole way, and mistakes with their exit codes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hmd_tflm import cli, tflite
from hmd_tflm.runtime import Interpreter

keras = pytest.importorskip("keras", reason="needs TensorFlow: pip install 'hmd-tflm[train]'")

from hmd_tflm.layers import HMDLSTM

X = np.random.default_rng(0).normal(size=(6, 1, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained model, its `.tflite` and inputs."""
    folder = tmp_path_factory.mktemp("files")
    model = keras.Sequential([keras.Input((1, 4)), HMDLSTM(6), keras.layers.Dense(2)])
    model.save(folder / "m.keras")
    np.save(folder / "x.npy", X)
    assert (
        main(
            "convert", folder / "m.keras", calibration=folder / "x.npy", output=folder / "m.tflite"
        )
        == 0
    )
    return folder


@pytest.fixture
def compiler() -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")


def main(command: str, *arguments: object, **options: object) -> int:
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return cli.main([command, *map(str, arguments), *given])


def test_convert_prints_a_table(files: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "m.tflite"
    assert main("convert", files / "m.keras", calibration=files / "x.npy", output=out) == 0
    text = capsys.readouterr().out
    assert "4 to 6: 1 dense rows, 2 own blocks of rank 1" in text and "rms error" in text
    assert out.read_bytes() == (files / "m.tflite").read_bytes()
    command = [sys.executable, "-m", "hmd_tflm.convert", files / "m.keras"]
    options = ["--calibration", files / "x.npy", "--output", tmp_path / "again", "--json"]
    done = subprocess.run([*command, *options], check=True, capture_output=True)
    assert (tmp_path / "again").read_bytes() == out.read_bytes()
    assert json.loads(done.stdout)["bytes"] == len(out.read_bytes())


def test_run_writes_outputs(files: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "y.npy"
    assert main("run", files / "m.tflite", input=files / "x.npy", output=out) == 0
    assert "6 rows in; out [6, 2] of float32" in capsys.readouterr().out
    with Interpreter(files / "m.tflite") as interpreter:
        np.testing.assert_array_equal(np.load(out), interpreter.run(X))


def test_inspect_shows_options(files: Path, capsys) -> None:
    assert main("inspect", files / "m.tflite", "--json") == 0
    ops = json.loads(capsys.readouterr().out)["ops"]
    assert [op["name"] for op in ops] == ["HMD_LSTM", "FULLY_CONNECTED"]
    options = ops[0]["options"]
    assert (options["inputs"], options["units"], options["rows"], options["steps"]) == (4, 6, 1, 1)
    assert main("inspect", files / "m.tflite") == 0
    assert "x_shift = " in capsys.readouterr().out


def test_simulate_equals_run(files: Path, compiler: None, capsys) -> None:
    options = {"board": "disco_f407vg", "input": files / "x.npy"}
    assert main("simulate", files / "m.tflite", "--json", **options) == 0
    report = json.loads(capsys.readouterr().out)
    with Interpreter(files / "m.tflite") as interpreter:
        expected = interpreter.run(interpreter.inputs[0].quantize(X))
    assert report["outputs"] == expected.tolist()
    assert "zero wait states" in report["cycle_model"]
    assert main("simulate", files / "m.tflite", **options) == 0
    text = capsys.readouterr().out
    assert (
        "m on disco_f407vg (emulator), mean of 6 inferences" in text
        and "their error: median" in text
    )


def test_firmware_that_fails_ends_with_1(
    files: Path, compiler: None, monkeypatch, tmp_path: Path, capsys
) -> None:
    """Generated code never fails; the hand-written model does when its input begins with 127."""

    def lay(content: bytes, folder: str, name: str) -> Path:
        source = Path(__file__).parent / "firmware/dummy_model.c"
        return Path(shutil.copy(source, Path(folder, "model.c")))

    monkeypatch.setattr("hmd_tflm.codegen.generate", lay)
    np.save(tmp_path / "bad.npy", np.array([[[127, 0, 0, 0]]], np.int8))
    options = {"board": "disco_f407vg", "input": tmp_path / "bad.npy"}
    assert main("simulate", files / "m.tflite", **options) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "err model status=42 op=0" in captured.err


@pytest.fixture(scope="module")
def wrong(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that each have something wrong."""
    folder = tmp_path_factory.mktemp("wrong")
    np.save(folder / "narrow.npy", X[:, :, :3])
    np.save(folder / "nan.npy", np.full_like(X, np.nan))
    np.savez(folder / "two.npz", a=X, b=X)
    np.savez(folder / "none.npz", X[:0])
    np.savez_compressed(folder / "zipped.npz", x=np.zeros((99, 1, 4), np.float32))
    data = bytearray((folder / "zipped.npz").read_bytes())
    data[60:70] = bytes(10)
    (folder / "zipped.npz").write_bytes(data)
    with (folder / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 60,)}
        )
    (folder / "folder.keras").mkdir()
    (folder / "x.txt").write_text("1 2 3")
    (folder / "not.npy").write_bytes(b"no array")
    content = (files / "m.tflite").read_bytes()
    (folder / "cut.tflite").write_bytes(content[:700])
    (folder / "empty.tflite").write_bytes(b"")
    two = tflite.read(content)
    two.subgraphs[0].outputs = [*two.subgraphs[0].outputs] * 2
    (folder / "two.tflite").write_bytes(tflite.write(two))
    altered = bytearray(content)
    altered[content.index(b"HMDL") + 12] += 1  # rows
    (folder / "altered.tflite").write_bytes(altered)
    broken = keras.Sequential([keras.Input((1, 4)), HMDLSTM(6), keras.layers.Dense(2)])
    broken.layers[0].weights[0].assign(np.full(broken.layers[0].weights[0].shape, np.nan))
    broken.save(folder / "nan.keras")
    keras.Sequential([keras.Input((1, 4)), keras.layers.GRU(6)]).save(folder / "gru.keras")
    return folder


# What the message holds, and the arguments; OK/ is the folder of good files, BAD/ that of wrong ones.
CONVERT, TO = "convert OK/m.keras --calibration", "--output BAD/out"
MISTAKES = [
    ("no such file", f"convert BAD/none.keras --calibration OK/x.npy {TO}"),
    ("Keras cannot read", f"convert BAD/x.txt --calibration OK/x.npy {TO}"),
    ("NaN or infinite values", f"convert BAD/nan.keras --calibration OK/x.npy {TO}"),
    ("received GRU, expected HMDLSTM", f"convert BAD/gru.keras --calibration OK/x.npy {TO}"),
    ("received shape [6, 1, 3], expected [n, 1, 4]", f"{CONVERT} BAD/narrow.npy {TO}"),
    ("calibration data: received NaN", f"{CONVERT} BAD/nan.npy {TO}"),
    ("data set: received 'mnist', expected one of", f"{CONVERT} mnist {TO}"),
    ("cannot be written", f"{CONVERT} OK/x.npy --output BAD/none/m.tflite"),
    ("which is no file", f"{CONVERT} OK/x.npy --output BAD"),
    ("which is no file", "run OK/m.tflite --input OK/x.npy --output BAD"),
    ("which is no file", "train --output BAD/folder.keras"),
    ("which is no file", "plan OK/m.keras --board x --max-ms 1 --output BAD/folder.keras"),
    ("none.npy: no such file", "run OK/m.tflite --input BAD/none.npy"),
    ("received a .txt file", "run OK/m.tflite --input BAD/x.txt"),
    ("not a readable .npy", "run OK/m.tflite --input BAD/not.npy"),
    ("expected one named x", "run OK/m.tflite --input BAD/two.npz"),
    ("received [6, 1, 3] of float32", "run OK/m.tflite --input BAD/narrow.npy"),
    ("received no rows", f"run OK/m.tflite --input BAD/none.npz {TO}"),
    ("not a readable .npz", "run OK/m.tflite --input BAD/zipped.npz"),
    ("not a readable .npy", "run OK/m.tflite --input BAD/huge.npy"),
    ("received 2 outputs, expected one", "run BAD/two.tflite --input OK/x.npy"),
    ("with NaN or infinite", "run OK/m.tflite --input BAD/nan.npy"),
    ("truncated or altered", "run BAD/cut.tflite --input OK/x.npy"),
    ("RuntimeError: HMD_LSTM, weights", "run BAD/altered.tflite --input OK/x.npy"),
    ("truncated or altered", "inspect BAD/cut.tflite"),
    ("received 0 bytes", f"codegen BAD/empty.tflite {TO}"),
    ("HMD_LSTM, weights: received int8", f"codegen BAD/altered.tflite {TO}"),
    ("none.tflite: cannot be read", f"codegen BAD/none.tflite {TO}"),
    ("cannot be made", "codegen OK/m.tflite --output BAD/x.txt/deeper"),
    ("board 'nucleo' is not known", "simulate OK/m.tflite --board nucleo --input OK/x.npy"),
    (
        "HMD_LSTM, weights: received int8",
        "simulate BAD/altered.tflite --board disco_f407vg --input OK/x.npy",
    ),
    ("data set: received 'mnist'", "train --dataset mnist --output BAD/m.keras"),
    ("ends in .keras", "train --output BAD/m.h5"),
    ("data set: received 'mnist'", "demo --dataset mnist --output BAD/demo"),
    ("seed: received -1", "demo --seed -1 --output BAD/demo"),
    ("board 'nucleo' is not known", f"demo --board nucleo {TO}"),
    ("cannot be made", "demo --output BAD/x.txt/deeper"),
]


@pytest.mark.parametrize(("message", "line"), MISTAKES)
def test_mistakes_end_with_2_and_one_line(
    message: str, line: str, files: Path, wrong: Path, capsys
) -> None:
    before = sorted(wrong.rglob("*"))
    arguments = line.replace("OK/", f"{files}/").replace("BAD", str(wrong)).split()
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    (shown,) = [text for text in captured.err.splitlines() if text.startswith("hmd-tflm ")]
    assert shown == captured.err.strip().splitlines()[-1] and message in shown
    assert captured.out == ""
    assert sorted(wrong.rglob("*")) == before


def test_without_a_compiler(files: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PATH", "")
    options = {"board": "disco_f407vg", "input": files / "x.npy"}
    assert main("simulate", files / "m.tflite", **options) == 2
    assert "arm-none-eabi-gcc is not in PATH; install it: apt install" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["none/out{}", "folder{}", "locked/out{}"])
@pytest.mark.parametrize(
    ("suffix", "command"),
    [
        (".tflite", "convert none.keras --calibration none.npy"),
        (".npy", "run none.tflite --input none.npy"),
        (".npy", "device none.tflite --port none --input none.npy"),
        (".keras", "train --dataset none"),
        (".keras", "plan none.keras --board none --max-ms 1"),
    ],
)
def test_the_output_is_checked_before_any_work(
    output: str, suffix: str, command: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    """Whatever else is wrong, which only the work would find."""
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked")  # as root
    path = tmp_path / output.format(suffix)
    assert cli.main([*command.split(), "--output", str(path)]) == 2
    assert f": --output: received {path}, " in capsys.readouterr().err


def test_a_folder_that_may_not_be_written(files: Path, tmp_path: Path, capsys) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere: run the tests as another user")
    tmp_path.chmod(0o500)
    options = {"calibration": files / "x.npy", "output": tmp_path / "m.tflite"}
    assert main("convert", files / "m.keras", **options) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_helps_with_an_example(command: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and f"example:\n  hmd-tflm {command} " in text


@pytest.mark.parametrize(
    ("package", "extra", "command"),
    [
        ("keras", "train", "train --output m.keras"),
        ("keras", "train", "convert m.keras --calibration x.npy --output m.tflite"),
        ("unicorn", "simulate", "simulate m.tflite --board disco_f407vg --input x.npy"),
        ("matplotlib", "demo", "demo --dataset mnist"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package: str, extra: str, command: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from hmd_tflm.cli import main; "
        f"sys.exit(main({command.split()}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert f"package {package} is not installed; run pip install 'hmd-tflm[{extra}]'" in line


def test_running_a_model_needs_no_tensorflow(files: Path) -> None:
    code = (
        "import sys; from hmd_tflm.cli import main; "
        f"code = main(['run', '{files}/m.tflite', '--input', '{files}/x.npy']); "
        "sys.exit(code or any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
