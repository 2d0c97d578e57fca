"""The scheduler of check coroutines, against what each coroutine returns when it runs alone."""

import threading
from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.language_servers import LanguageServerError, Request, Result, ServerCrashError
from repair.language_servers.scheduler import CheckCoroutine, run_all, run_stream

Plan = tuple[int, int]  # how many checks a coroutine yields, and the index of the one that fails, if any


class CountedBatches:
    """Servers that find nothing, or fail where the workspace says so, and record the size of each batch."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        batch = list(requests)
        self.sizes.append(len(batch))
        for request in batch:
            yield Result(error=ServerCrashError("asked to")) if "fail" in request.files else Result()


def coroutine(number: int, plan: Plan) -> CheckCoroutine[tuple[int, int]]:
    """Returns its number and how many of its checks failed."""
    checks, failing = plan
    failed = 0
    for step in range(checks):
        files: Mapping[str, str] = {"fail" if step == failing else "a.py": ""}
        try:
            yield Request(files)
        except LanguageServerError:
            failed += 1
    return number, failed


PLANS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=30)


def coroutines(plans: Iterable[Plan]) -> Iterator[CheckCoroutine[tuple[int, int]]]:
    return (coroutine(number, plan) for number, plan in enumerate(plans))


@given(PLANS, st.integers(1, 8))
def test_results_come_in_order_and_batches_stay_full(plans: list[Plan], at_once: int) -> None:
    servers = CountedBatches()
    started: list[int] = []

    def counted() -> Iterator[CheckCoroutine[tuple[int, int]]]:
        for number, one in enumerate(coroutines(plans)):
            started.append(number)
            yield one

    expected = [(number, int(failing < checks)) for number, (checks, failing) in enumerate(plans)]
    results: list[tuple[int, int]] = []
    for result in run_stream(counted(), servers, at_once=at_once):
        results.append(result)
        # neither the pending coroutines nor the buffered results grow with the number of coroutines
        assert len(started) - len(results) <= 2 * at_once
    assert results == expected
    assert sum(servers.sizes) == sum(checks for checks, _ in plans)
    assert all(0 < size <= at_once for size in servers.sizes)
    assert run_all(coroutines(plans), CountedBatches()) == expected


def test_new_coroutines_start_while_a_slow_one_runs() -> None:
    servers = CountedBatches()
    plans = [(6, 9), *[(1, 9)] * 10]
    list(run_stream(coroutines(plans), servers, at_once=4))
    assert servers.sizes[0] == 2, (
        "half of them, so that the servers check it while the other half is advanced"
    )
    assert sum(servers.sizes) == 16 and len(servers.sizes) <= 10


def test_the_servers_check_one_half_while_the_other_is_advanced() -> None:
    both = threading.Barrier(2, timeout=30)

    class Together(CountedBatches):
        def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
            both.wait()  # neither half gets results before the other was submitted
            return super().check_many(requests)

    assert len(list(run_stream(coroutines([(1, 9)] * 4), Together(), at_once=4))) == 4


def test_a_failure_of_the_servers_themselves_is_raised() -> None:
    class Closed(CountedBatches):
        def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
            raise RuntimeError("closed")

    with pytest.raises(RuntimeError, match="closed"):
        run_all(coroutines([(1, 9)] * 4), Closed())
