"""The Robot suites of renode/ pass, and fail where an output is broken."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RENODE = Path(__file__).parents[2] / "renode"


@pytest.fixture
def renode_test(tmp_path, renode):
    """A function that runs suites."""
    if shutil.which("renode-test") is None:
        pytest.skip("needs renode-test on PATH: https://renode.io")

    def run(*arguments: object) -> subprocess.CompletedProcess:
        command = ["renode-test", *map(str, arguments), "-r", str(tmp_path / "results")]
        return subprocess.run(
            command,
            env=os.environ | {"HMD_TFLM_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def test_pass(renode_test):
    suites = sorted(RENODE.glob("*.robot"))
    done = renode_test(*suites)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("with status") == 14
    assert all(f"{suite.name} finished successfully" in done.stdout for suite in suites)


def test_broken_output_fails(renode_test, tmp_path):
    vectors = json.loads((RENODE / "vectors" / "streaming.json").read_text())
    right = vectors["outputs"][-1]
    vectors["outputs"][-1] = wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    (tmp_path / "streaming.json").write_text(json.dumps(vectors))
    suite, case = RENODE / "outputs.robot", "Streaming HMD on STM32F407"
    done = renode_test(suite, "-f", f"*{case}", "--variable", f"VECTORS:{tmp_path}")
    assert done.returncode == 1
    assert f"{right} != {wrong}" in done.stdout


def test_grown_instructions_fail(renode_test, tmp_path):
    vectors = json.loads((RENODE / "vectors" / "streaming.json").read_text())
    vectors["instructions"]["disco_f407vg"] //= 2
    (tmp_path / "streaming.json").write_text(json.dumps(vectors))
    suite, case = RENODE / "outputs.robot", "Streaming HMD on STM32F407"
    done = renode_test(suite, "-f", f"*{case}", "--variable", f"VECTORS:{tmp_path}")
    assert done.returncode == 1
    assert f"expected at most {vectors['instructions']['disco_f407vg']} and 1 %" in done.stdout
