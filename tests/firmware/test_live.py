"""The live example: a stateful model on a stream equals the host, and deadlines are watched."""

import re
import shutil
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path

import native
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmd_tflm.simulate.board import board_names, load_board
from hmd_tflm.simulate.build import build

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "firmware/examples/live"
WINDOWS = 3


@pytest.fixture(scope="module")
def live():
    """The example's own simulate.py, as a module."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    sys.path.insert(0, str(EXAMPLE))
    try:
        import simulate
    finally:
        sys.path.remove(str(EXAMPLE))
    return simulate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all tests, so that only the recording is compiled anew."""
    return tmp_path_factory.mktemp("live")


def fields(line: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in line.split(" ") if "=" in field)


@pytest.mark.parametrize("simulator", ["emulator", "renode"])
def test_windows_equal_the_host(live, folder, simulator):
    if simulator == "renode" and shutil.which("renode") is None:
        pytest.skip("needs renode on PATH: https://renode.io")
    first, *windows, done = live.lines(folder, "disco_f407vg", simulator, 1000, WINDOWS)
    assert fields(first)["model"] == "har_smartphone" and fields(first)["period_us"] == "1000"
    assert [fields(window)["output"] for window in windows] == live.expected(WINDOWS)
    arrays = np.load(EXAMPLE / "recording.npz")
    for window in windows:
        scores = np.frombuffer(bytes.fromhex(fields(window)["output"]), np.int8)
        assert fields(window)["class"] == arrays["class_names"][scores.argmax()]
    said = fields(done)
    assert (said["frames"], said["missed"], said["lost"]) == (str(128 * WINDOWS), "0", "0")
    mean = int(said["cycles_mean"])
    assert 5_000 < mean <= int(said["cycles_max"]) < 100_000
    assert float(said["load"].rstrip("%")) == pytest.approx(100 * mean / 168_000, abs=0.01)


def test_a_model_too_slow_for_its_frames_says_so(live, folder):
    """20 us are 3360 cycles: for each frame that is done, several are lost."""
    *_, done = live.lines(folder, period_us=20, windows=WINDOWS)
    said = {name: int(fields(done)[name]) for name in ("frames", "missed", "lost")}
    assert said["frames"] + said["lost"] == 128 * WINDOWS
    assert said["lost"] > 2 * said["frames"] > 0
    assert said["missed"] == said["frames"]


def test_the_ring_carries_a_late_frame(live, folder):
    """130 us are enough for a frame, but not for the line after a window as well."""
    _, *windows, done = live.lines(folder, period_us=130, windows=WINDOWS)
    assert [fields(window)["output"] for window in windows] == live.expected(WINDOWS)
    assert fields(done)["lost"] == "0" and 0 < int(fields(done)["missed"]) < 10 * WINDOWS


def test_a_recording_of_another_model_is_refused(live, folder, monkeypatch):
    monkeypatch.setattr("prepare.MODEL", ROOT / "renode/models/streaming.tflite")
    *_, last = live.lines(folder, windows=1)
    assert last == "err model status=-1001"


@pytest.mark.parametrize("name", board_names())
def test_every_board_has_it(live, folder, name):
    live.prepare(folder)
    image = build(folder, replace(load_board(name), environment=f"{name}_live_offline"))
    assert 30_000 < image.flash < 50_000  # model 13 KB, recording 14 KB


def test_the_page_shows_what_the_command_prints(live, folder):
    """Outputs and classes; its counts depend on the compiler."""
    shown = live.BLOCK.search(live.PAGE.read_text())[0]
    assert re.findall(r"output=(\w+)", shown) == live.expected()
    assert "outputs equal this computer's, bit for bit" in shown


RING = """
#include "ring.h"
static ring r;
int put(int value) {
  ring_frame *place = ring_free(&r);
  if (!place) return 0;
  place->due = (uint32_t)value;
  ring_put(&r);
  return 1;
}
int take(void) {
  const ring_frame *frame = ring_oldest(&r);
  if (!frame) return -1;
  const int value = (int)frame->due;
  ring_take(&r);
  return value;
}
void start(uint32_t count) { r.put = r.taken = count; }
"""


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    source = tmp_path_factory.mktemp("ring") / "ring.c"
    source.write_text(RING.replace("ring.h", str(EXAMPLE / "ring.h")))
    return native.load(source)


@given(st.sampled_from([0, 2**32 - 5]), st.lists(st.none() | st.integers(0, 1 << 20), max_size=60))
def test_ring_is_a_bounded_queue(ring, start, actions):
    """None takes, a number puts; its counters may wrap."""
    ring.start(start)
    queue: deque[int] = deque()
    for value in actions:
        if value is None:
            assert ring.take() == (queue.popleft() if queue else -1)
        else:
            assert ring.put(value) == (len(queue) < 8)
            if len(queue) < 8:
                queue.append(value)
