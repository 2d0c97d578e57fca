"""Checkings that go on together, against what each comes to alone."""

import threading
from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.language_servers import LanguageServerError, Request, Result, ServerCrashError
from repair.language_servers.scheduler import Checking, run, stream

Plan = tuple[int, int]  # how many rounds a checking takes, and which of them fails (none: another number)


class Rounds:
    """Servers that answer nothing, or fail where the workspace says so, and count."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        asked = list(requests)
        self.sizes.append(len(asked))
        for request in asked:
            yield Result(error=ServerCrashError("asked to")) if "fail" in request.files else Result()


def checking(number: int, plan: Plan) -> Checking[tuple[int, int]]:
    """Returns its number and how many of its checks failed."""
    rounds, failing = plan
    failed = 0
    for step in range(rounds):
        files: Mapping[str, str] = {"fail" if step == failing else "a.py": ""}
        try:
            yield Request(files)
        except LanguageServerError:
            failed += 1
    return number, failed


PLANS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=30)


@given(PLANS, st.integers(1, 8))
def test_results_come_in_order_and_rounds_stay_full(plans: list[Plan], at_once: int) -> None:
    servers = Rounds()
    started: list[int] = []

    def checkings() -> Iterator[Checking[tuple[int, int]]]:
        for number, plan in enumerate(plans):
            started.append(number)
            yield checking(number, plan)

    expected = [(number, int(failing < rounds)) for number, (rounds, failing) in enumerate(plans)]
    results: list[tuple[int, int]] = []
    for result in stream(checkings(), servers, at_once=at_once):
        results.append(result)
        # neither what waits nor what is held back grows with the number of checkings
        assert len(started) - len(results) <= 2 * at_once
    assert results == expected
    assert sum(servers.sizes) == sum(rounds for rounds, _ in plans)
    assert all(0 < size <= at_once for size in servers.sizes)
    assert run([checking(number, plan) for number, plan in enumerate(plans)], Rounds()) == expected


def test_new_ones_join_while_a_slow_one_goes_on() -> None:
    servers = Rounds()
    plans = [(6, 9), *[(1, 9)] * 10]
    list(stream((checking(number, plan) for number, plan in enumerate(plans)), servers, at_once=4))
    assert servers.sizes[0] == 2, "half of them, so that the servers have work while the other half goes on"
    assert sum(servers.sizes) == 16 and len(servers.sizes) <= 10


def test_the_servers_have_one_half_while_the_other_goes_on() -> None:
    both = threading.Barrier(2, timeout=30)

    class Together(Rounds):
        def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
            both.wait()  # neither half is answered before the other was asked
            return super().check_many(requests)

    assert len(list(stream([checking(number, (1, 9)) for number in range(4)], Together(), at_once=4))) == 4


def test_the_servers_own_failure_ends_it() -> None:
    class Closed(Rounds):
        def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
            raise RuntimeError("closed")

    with pytest.raises(RuntimeError, match="closed"):
        run([checking(number, (1, 9)) for number in range(4)], Closed())
