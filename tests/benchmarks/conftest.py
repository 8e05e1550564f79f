"""Tools and cores that several test modules share."""

import shutil

import numpy as np
import pytest

from hmd_tflm.benchmarks.pruned_layer import SOURCES


@pytest.fixture(scope="session")
def compiler():
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no Arm compiler: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")


@pytest.fixture(scope="session")
def sparse_core(compiler):
    """A function from batches, pieces, table and v to what sparse_matvec does on Cortex-M4.

    It gives the values, and how many bytes of the batches were read.
    """
    from hmd_tflm.benchmarks.bare_core import DATA, BareCore  # not loadable under sanitizers

    core = BareCore(SOURCES / "sparse_matvec_dsp.S")

    def product(batches, pieces, table, v):
        arrays = [np.zeros(len(table), np.int16), v, table, pieces, batches]
        places = [DATA + 0x100 + 0x8000 * n for n in range(len(arrays))]
        memory = {at: a.tobytes() for at, a in zip(places, arrays, strict=True)}
        memory[DATA] = np.array(places[:1:-1], np.uint32).tobytes()
        called = core.call("sparse_matvec", (DATA, places[1], places[0]), memory)
        values = np.frombuffer(called.read(places[0], 2 * len(table)), np.int16)
        return values, called.register(0) - places[-1]

    return product
