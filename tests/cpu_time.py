"""Bounds on CPU time: what else the machine does meanwhile costs a test nothing."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

GROWTH = 8.0
SHORT_S = 0.2
TRIES = 3


@dataclass
class CpuTime:
    """What a block took."""

    seconds: float = 0.0


@contextmanager
def cpu_time() -> Iterator[CpuTime]:
    """Measures this process's CPU time, without collecting the garbage of the tests before."""
    spent, collecting = CpuTime(), gc.isenabled()
    gc.disable()
    start = time.process_time()
    try:
        yield spent
    finally:
        spent.seconds = time.process_time() - start
        if collecting:
            gc.enable()


@contextmanager
def cpu_bound(seconds: float) -> Iterator[None]:
    """Fails where the block takes more CPU time: for work that would take a multiple of it if quadratic.

    The bound is ten times what a quiet machine takes, or more: a busy one makes CPU time longer too.
    """
    with cpu_time() as spent:
        yield
    assert spent.seconds < seconds, f"{spent.seconds:.2f} s of CPU time; {seconds:g} s are allowed"


def assert_linear(call: Callable[[int], object], size: int) -> None:
    """Fails where four times the size takes more than eight times as long: sixteen times if quadratic.

    The least of a few times counts; what is short even then has no growth that could be measured.
    """
    least = {size: float("inf"), 4 * size: float("inf")}
    for _ in range(TRIES):
        for work, before in least.items():
            with cpu_time() as spent:
                call(work)
            least[work] = min(before, spent.seconds)
        if least[4 * size] < max(SHORT_S, GROWTH * least[size]):
            return
    raise AssertionError(f"CPU time grows faster than the work: {least}")
