"""Incidents against a plain model: what is told, and that what is told twice or late counts once."""

import sqlite3
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.alerts.incidents import REPEAT_AFTER_S, TABLES, Failed, Observation, Passed, observe
from resources.alerts.message import Alert, Cause

RATE = Cause("check", "verified_diffs", "cheat_rate")
DAYS = [f"2026-01-{day:02}|F821" for day in range(5, 15)]


def failed(at: float, partition: str = DAYS[0], cause: Cause = RATE) -> Failed:
    return Failed(at=at, cause=cause, partition=partition, severity="warning", detail=f"at {at}", path="/x")


def passed(at: float, partition: str = DAYS[0], cause: Cause = RATE) -> Passed:
    return Passed(at=at, kind=cause.kind, subject=cause.subject, what=cause.what, partition=partition)


class Told:
    """Observations one batch after the other, and the statuses that come of them."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for table in TABLES:
            self.connection.execute(table)
        self.now = 0.0

    def alerts(self, *observations: Observation) -> list[Alert]:
        self.now = max([self.now, *(observation.at for observation in observations)])
        return observe(self.connection, observations, self.now)

    def __call__(self, *observations: Observation) -> list[str]:
        return [alert.status for alert in self.alerts(*observations)]


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_backfill_of_ten_partitions_is_one_message(told: Told) -> None:
    (first,) = told.alerts(*(failed(number, day) for number, day in enumerate(DAYS[:7])))
    assert (first.status, first.count, first.partitions) == ("failing", 7, DAYS[:5])
    assert first.detail == "at 6"
    assert [told(failed(10 + number, day)) for number, day in enumerate(DAYS[7:])] == [[], [], []]
    assert told(*(passed(20 + number, day) for number, day in enumerate(DAYS[:9]))) == [], "one still fails"
    (last,) = told.alerts(passed(40, DAYS[9]))
    assert (last.status, last.count, last.path) == ("recovered", 10, "/x")


def test_two_causes_are_two_messages(told: Told) -> None:
    other = Cause("step", "checkpoint", "MemoryError")
    assert told(failed(1), failed(2, cause=other)) == ["failing", "failing"]


def test_an_old_incident_is_told_again_when_it_grows(told: Told) -> None:
    assert told(failed(1)) == ["failing"]
    assert told(failed(REPEAT_AFTER_S - 1, DAYS[1])) == []
    (again,) = told.alerts(failed(REPEAT_AFTER_S + 2, DAYS[2]))
    assert (again.status, again.partitions) == ("still failing", [DAYS[2]])
    assert told(failed(REPEAT_AFTER_S + 3, DAYS[3])) == []


def test_a_failure_that_was_repaired_before_anybody_looked_is_told_all_the_same(told: Told) -> None:
    assert told(failed(1), passed(2)) == ["failing", "recovered"]


def test_what_comes_late_or_twice_counts_once(told: Told) -> None:
    assert told(failed(5)) == ["failing"]
    assert told(failed(5), failed(4)) == []
    assert told(passed(3)) == [], "older than the failure"
    assert told(passed(6), passed(6)) == ["recovered"]
    assert told(passed(7)) == []


def test_a_step_that_passes_ends_whatever_its_error_was(told: Told) -> None:
    causes = [Cause("step", "checkpoint", name) for name in ("MemoryError", "OSError")]
    assert told(*(failed(1, cause=cause) for cause in causes)) == ["failing", "failing"]
    ended = Passed(at=2, kind="step", subject="checkpoint", partition=DAYS[0])
    other = Passed(at=2, kind="step", subject="predictions", partition=DAYS[0])
    assert told(other) == []
    assert told(ended) == ["recovered", "recovered"]


STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=30)


@given(STEPS, st.integers(1, 5))
def test_messages_alternate_and_end_as_the_partitions_do(
    steps: Sequence[tuple[bool, int]], batch: int
) -> None:
    """The model: a set of failing partitions; a message when it stops being empty, and when it is again."""
    told, model, expected = Told(), set[int](), list[str]()
    found: list[str] = []
    for start in range(0, len(steps), batch):
        part = list(enumerate(steps))[start : start + batch]
        before = bool(model)
        grew = False
        for _, (fails, day) in part:
            grew |= fails and day not in model
            (model.add if fails else model.discard)(day)
        if not before and grew:
            expected.append("failing")
        if (before or grew) and not model:
            expected.append("recovered")
        found += told(*((failed if fails else passed)(number, DAYS[day]) for number, (fails, day) in part))
    assert found == expected
    assert found == ["failing", "recovered"] * (len(found) // 2) + ["failing"] * (len(found) % 2)
