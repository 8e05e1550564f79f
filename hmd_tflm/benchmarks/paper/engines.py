"""Where runs are executed: processes of this machine, or a Ray cluster. Nothing here imports TensorFlow."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from hmd_tflm.benchmarks.paper.results import Result, Run
from hmd_tflm.datasets import VARIABLE
from hmd_tflm.errors import UserError

# One core each: two trainings side by side are faster than one after the other on two cores. Without
# the analysis, XLA copies all steps' outputs in each step of a backward pass over sequences.
ENVIRONMENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false "
    "--xla_cpu_copy_insertion_use_region_analysis=true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TQDM_DISABLE": "1",
}
RUNS_OF_A_PROCESS = 20  # then a new one: what TensorFlow keeps of each run adds up


@dataclass(frozen=True, slots=True)
class Engine:
    """Executes runs: `submit` begins one, of at most `workers` at a time."""

    workers: int
    submit: Callable[[Run], Future[Result]]


def engine(name: str, jobs: int) -> AbstractContextManager[Engine]:
    """The engine of a name: "local", or "ray:ADDRESS".

    Args:
        name: what is before its colon chooses, what is behind it is the address.
        jobs: processes of the local one.

    Raises:
        UserError: another name; and what `ray` raises.
    """
    kind, _, address = name.partition(":")
    if kind == "local" and not address:
        return local(jobs)
    if kind == "ray" and address:
        return ray(address)
    raise UserError(f"engine: received {name!r}, expected local or ray:ADDRESS (as in ray.init)")


@contextmanager
def local(jobs: int) -> Iterator[Engine]:
    """Processes of this machine; those at work are ended with the block.

    Each is a pool of its own: when one dies, for want of memory say, only its run fails.
    """
    last: dict[ProcessPoolExecutor, Future[Result] | None] = {_process(): None for _ in range(jobs)}

    def submit(run: Run) -> Future[Result]:
        pool, before = next((p, f) for p, f in last.items() if f is None or f.done())
        if before and isinstance(before.exception(), BrokenProcessPool):
            del last[pool]
            pool = _process()
        last[pool] = future = pool.submit(_execute, run)
        return future

    try:
        yield Engine(jobs, submit)
    finally:
        for pool, future in last.items():
            if future and not future.done():
                for process in pool._processes.values():
                    process.kill()  # a training does not end for anything less
            pool.shutdown(cancel_futures=True)


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), _prepare, max_tasks_per_child=RUNS_OF_A_PROCESS
    )


@contextmanager
def ray(address: str) -> Iterator[Engine]:
    """A Ray cluster, on which each run takes one CPU.

    Args:
        address: as in `ray.init`, or "local" for a cluster of this machine only. Every machine
            needs this package, with its data sets where HMD_TFLM_DATA says.

    Raises:
        UserError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray as cluster
    except ImportError as error:
        raise UserError(
            "--engine ray: Ray is not installed; pip install 'hmd-tflm[ray]'"
        ) from error
    variables = ENVIRONMENT | {k: v for k, v in os.environ.items() if k == VARIABLE}
    try:
        cluster.init(
            address,
            runtime_env={"env_vars": variables},
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (ConnectionError, ValueError) as error:
        raise UserError(f"--engine ray: no cluster at {address} ({error})") from error
    try:
        remote = cluster.remote(num_cpus=1, max_retries=2)(_execute)
        workers = int(cluster.cluster_resources().get("CPU", 1))
        yield Engine(workers, lambda run: remote.remote(run).future())
    finally:
        cluster.shutdown()


def _prepare() -> None:
    os.environ.update(ENVIRONMENT)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed sweep must not leave trainings behind."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _execute(run: Run) -> Result:
    from hmd_tflm.quiet import quiet

    with quiet():
        from hmd_tflm.benchmarks.paper.run import execute
    return execute(run)
