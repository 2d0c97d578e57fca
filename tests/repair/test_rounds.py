"""Checkings that go on together, against what each comes to alone."""

from collections.abc import Iterable, Iterator, Mapping

from hypothesis import given
from hypothesis import strategies as st

from repair.language_servers import LanguageServerError, Request, Result, ServerCrashError
from repair.rounds import Checking, run, stream

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
    plans = [(1, 9), (1, 9), (5, 9), (1, 9), (1, 9), (1, 9)]
    list(stream((checking(number, plan) for number, plan in enumerate(plans)), servers, at_once=3))
    assert servers.sizes == [3, 3, 2, 1, 1]
