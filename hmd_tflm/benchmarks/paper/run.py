"""One run: train, measure in float and in int8, simulate."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from hmd_tflm import datasets
from hmd_tflm.benchmarks.paper import benchmark, methods
from hmd_tflm.benchmarks.paper.benchmark import Benchmark
from hmd_tflm.benchmarks.paper.conditions import conditions
from hmd_tflm.benchmarks.paper.cost import inference_cost
from hmd_tflm.benchmarks.paper.methods import Method
from hmd_tflm.benchmarks.paper.metrics import METRICS
from hmd_tflm.benchmarks.paper.readings import mask
from hmd_tflm.benchmarks.paper.results import Result, Run
from hmd_tflm.benchmarks.paper.start import dense_start
from hmd_tflm.codegen import generate
from hmd_tflm.convert import convert
from hmd_tflm.datasets import Dataset
from hmd_tflm.errors import FirmwareError
from hmd_tflm.layers.compress import compress, recurrent_layers
from hmd_tflm.layers.pruning import MagnitudePruning, prunable
from hmd_tflm.layers.train import build, train
from hmd_tflm.runtime import Interpreter
from hmd_tflm.simulate.build import check_tools
from hmd_tflm.simulate.simulate import simulate
from hmd_tflm.structure import Structure

BOARD = "nucleo_f446re"


def execute(run: Run) -> Result:
    """Train one network and measure it; some minutes on one core.

    Raises:
        UserError: an unknown name, a missing data set or a missing tool.
        FirmwareError: the firmware answered other bytes than the host.
    """
    start = time.monotonic()
    check_tools()
    bench = benchmark.load(run.cell.benchmark)
    data = datasets.load(bench.dataset)
    method, fixed = methods.method(run.cell.method), conditions(run)
    shape = Structure(**fixed["structure"])
    model = _train(method, bench, data, shape, fixed["budget"], run)
    trained = time.monotonic()
    metric = METRICS[bench.metric]
    validation, test = (
        metric.of(model.predict(x, batch_size=256, verbose=0), y)
        for x, y in ((data.x_val, data.y_val), (data.x_test, data.y_test))
    )
    content = convert(model, data.calibration()).content
    with Interpreter(content) as interpreter:
        outputs = interpreter.run(interpreter.inputs[0].quantize(data.x_test))
        int8 = metric.of(interpreter.outputs[0].dequantize(outputs), data.y_test)
    spent = measure_cost(content, data, method.pruned)
    kept = sum(np.count_nonzero(matrix) for matrix in prunable(model))
    parameters = kept // bench.directions if method.pruned else method.parameters(shape)
    keras.utils.clear_session()
    return {
        "benchmark": bench.name,
        "method": run.cell.method,
        "factor": run.cell.factor,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
        **fixed,
        "parameters": parameters,
        "metric": bench.metric,
        "validation": round(validation, 4),
        "float": round(test, 4),
        "int8": round(int8, 4),
        "board": BOARD,
        **spent,
        "machine": f"{platform.machine()}, {_cpu()}",
        "versions": {"keras": keras.__version__, "python": platform.python_version()},
        "training_seconds": round(trained - start, 1),
        "seconds": round(time.monotonic() - start, 1),
    }


def measure_cost(content: bytes, data: Dataset, pruned: bool = False) -> dict[str, int]:
    """What an inference costs, as a result has it.

    Args:
        content: the `.tflite`.
        data: whose first test sequence is the input.
        pruned: as in `inference_cost`.

    Raises:
        FirmwareError: the firmware answered other bytes than the host.
    """
    with Interpreter(content) as interpreter:
        rows = interpreter.inputs[0].quantize(data.x_test[:1])
        expected = interpreter.run(rows)
    with TemporaryDirectory(prefix="hmd-tflm-") as folder:
        source = generate(content, Path(folder), "model").parent
        report = simulate(source, BOARD, rows, wait_states=0)
    if not np.array_equal(report.outputs.ravel(), expected.ravel()):
        raise FirmwareError("the firmware's outputs are not those of the host")
    spent = asdict(inference_cost(content, report, pruned))
    return {**spent, "tflite_bytes": len(content), "ram_bytes": report.ram}


def _train(
    method: Method, bench: Benchmark, data: Dataset, shape: Structure, budget: int, run: Run
) -> keras.Model:
    """A new network, trained as the method says."""
    recipe = bench.recipe(run.learning_rate)
    network = partial(
        build, data, bidirectional=bench.bidirectional, activation="linear", seed=run.seed
    )
    if not method.from_dense:
        model = network(shape)
        if method.masks:
            mask(model, method.masks(shape))
        callbacks = [_pruning(budget, bench, len(data.x_train))] if method.pruned else []
        train(model, data, recipe, seed=run.seed, callbacks=callbacks)
        return model

    def trained() -> keras.Model:
        dense = network(Structure.dense(shape.inputs, shape.units, gates=shape.gates))
        train(dense, data, recipe, seed=run.seed)
        return dense

    dense = dense_start(run, trained)
    model = compress(dense, {layer.name: shape for _, layer in recurrent_layers(dense)})
    train(model, data, recipe, seed=run.seed, teacher=dense if method.taught else None)
    return model


def _pruning(budget: int, bench: Benchmark, sequences: int) -> MagnitudePruning:
    """From the first tenth of the training to its seventh, as the learning rate falls."""
    steps = -(-sequences // bench.batch) * bench.epochs
    return MagnitudePruning(
        parameters=budget * bench.directions,
        begin_step=steps // 10,
        end_step=steps * 7 // 10,
        frequency=max(1, steps // 100),
    )


def _cpu() -> str:
    """The processor's name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0]}" if names else "unknown"
