"""Rate limiter on both databases, against a plain oracle, and on a real clock with threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repair.database import Database, DatabaseError, Location, open_database
from repair.synthesis.lm import limits
from repair.synthesis.lm.limits import MINUTE_S, RateLimit, StoppedError, estimated_tokens, token_upper_bound
from tests.databases import location, server

__all__ = ["location", "server"]


class Clock(threading.Event):
    """A clock that goes on when somebody waits for the event."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None and timeout > 0
        self.now += timeout
        return False


QUESTIONS = st.lists(
    st.tuples(st.floats(0, 30), st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=20
)


@pytest.fixture
def database(location: Location) -> Iterator[Database]:
    with open_database(location) as database:
        yield database


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUESTIONS, st.none() | st.integers(1, 6), st.none() | st.integers(1, 100))
def test_no_minute_holds_more_than_the_limits(
    database: Database,
    questions: list[tuple[float, int, int]],
    requests: int | None,
    tokens: int | None,
) -> None:
    clock = Clock()
    rate = RateLimit(database, uuid4().hex, requests, tokens, clock=clock)
    sent: list[tuple[float, int]] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "_POLL_S", 5.0)
        for pause, foreseen, taken in questions:
            clock.now += pause
            arrived = clock.now
            admitted = rate.admit(foreseen, clock)
            counted = [request for request in sent if request[0] > clock.now - MINUTE_S]
            alone = not counted
            assert requests is None or len(counted) < requests
            assert tokens is None or alone or sum(request[1] for request in counted) + foreseen <= tokens
            if clock.now > arrived:  # it waited no longer than it had to, but for the polling interval
                just_before = clock.now - limits._POLL_S - 0.001
                then = [request for request in sent if request[0] > just_before - MINUTE_S]
                crowded = requests is not None and len(then) >= requests
                in_tokens = sum(request[1] for request in then) + foreseen
                assert crowded or (tokens is not None and in_tokens > tokens)
            rate.correct(admitted, taken)
            sent.append((clock.now, taken))


def test_an_answer_that_comes_late_changes_no_later_minute(database: Database) -> None:
    clock = Clock()
    rate = RateLimit(database, "m", None, 100, clock=clock)
    first = rate.admit(100, clock)
    clock.now += MINUTE_S
    rate.admit(100, clock)
    rate.correct(first, 1)
    started = clock.now
    rate.admit(100, clock)
    assert clock.now - started >= MINUTE_S


def test_a_clock_that_was_set_back_holds_up_nobody(database: Database) -> None:
    clock = Clock()
    rate = RateLimit(database, "m", 1, clock=clock)
    rate.admit(1, clock)
    clock.now -= 3600
    started = clock.now
    rate.admit(1, clock)
    assert clock.now == started


def test_threads_and_clients_share_one_limit_and_wake_when_there_is_room(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each client has a connection of its own, as on a machine of its own."""
    monkeypatch.setattr(limits, "MINUTE_S", 0.5)
    stop = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(16) as threads:
        databases = [stack.enter_context(open_database(location)) for _ in range(3)]
        rates = [RateLimit(database, "m", 10) for database in databases]
        other = RateLimit(databases[0], "another model", 1)
        started = other.admit(1, stop).at  # the limit of one model is not the other's
        at = sorted(sent.at for sent in threads.map(lambda n: rates[n % 3].admit(1, stop), range(25)))
    assert all(later - earlier >= 0.499 for earlier, later in zip(at, at[10:], strict=False))
    assert at[0] - started < 5 and at[-1] - started < 20


def test_a_waiting_thread_is_woken_at_the_end_of_the_run(database: Database) -> None:
    rate, stop = RateLimit(database, "m", 1), threading.Event()
    rate.admit(1, stop)
    raised: list[Any] = []

    def wait() -> None:
        try:
            rate.admit(1, stop)
        except StoppedError as error:
            raised.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    assert len(raised) == 3


def test_without_limits_nothing_is_stored(database: Database) -> None:
    rate = RateLimit(database, "m")
    rate.correct(rate.admit(10**9, threading.Event()), 1)
    with pytest.raises(DatabaseError, match="requests"):
        database.execute("SELECT * FROM requests")


@given(st.lists(st.text(max_size=20), max_size=4))
def test_the_upper_bound_is_above_the_estimate(texts: list[str]) -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    assert estimated_tokens(messages) <= token_upper_bound(messages)
    assert token_upper_bound(messages) >= sum(len(text.encode(errors="surrogatepass")) for text in texts)
