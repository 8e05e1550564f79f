"""How fast something runs, on a machine that may be busy with other things."""

import time
from collections.abc import Callable

TURNS = 5


def best_rate(work: Callable[[], int]) -> float:
    """The most that ``work`` does in a CPU second of this thread, in some turns.

    ``work`` returns how much it has done. Other work on the machine, and the first use of code and memory,
    slow single turns down; nothing speeds one up.
    """

    def rate() -> float:
        start = time.thread_time()
        done = work()
        return done / (time.thread_time() - start)

    return max(rate() for _ in range(TURNS))
