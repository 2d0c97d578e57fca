"""Incidents: alert grouping and deduplication. Many failing partitions of one cause are one message.

| | is told |
|---|---|
| a cause begins to fail | `failing`, with the partitions that fail so far |
| further partitions of it fail | nothing; after a day `still failing`, with those since the last message |
| each of its partitions has passed since | `recovered` |

A partition that stays as it is keeps its incident open, and silent: it was told. What is observed twice
counts once, and what is older than what is known counts for nothing.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from resources.alerts.message import Alert, Cause, Kind, some

REPEAT_AFTER_S = 24 * 3600.0
TABLES = (
    """CREATE TABLE IF NOT EXISTS failing (
        kind TEXT, subject TEXT, what TEXT, partition TEXT, at REAL,
        PRIMARY KEY (kind, subject, what, partition)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS failing_partition ON failing (kind, subject, partition)",
    """CREATE TABLE IF NOT EXISTS incidents (
        kind TEXT, subject TEXT, what TEXT, severity TEXT, path TEXT, told REAL, partitions INTEGER,
        PRIMARY KEY (kind, subject, what)
    ) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A partition fails for this cause."""

    at: float
    cause: Cause
    partition: str
    severity: str
    detail: str
    """Redacted."""
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A partition passed: a check, or, with no `what`, a step or run or sensor, whatever its error was."""

    at: float
    kind: Kind
    subject: str
    what: str | None = None
    partition: str


Observation = Failed | Passed


@dataclass(slots=True)
class _Touched:
    """What was observed of a cause in one go."""

    last: Failed | None = None
    new: set[str] = field(default_factory=set[str])
    passed: set[str] = field(default_factory=set[str])


def observe(connection: sqlite3.Connection, observations: Iterable[Observation], now: float) -> list[Alert]:
    """Takes note of the observations and returns what is to be told; the caller has begun a transaction."""
    touched: dict[Cause, _Touched] = {}
    for observation in sorted(observations, key=lambda observation: observation.at):
        if isinstance(observation, Failed):
            if _note(connection, observation):
                cause = touched.setdefault(observation.cause, _Touched())
                cause.last = observation
                cause.new.add(observation.partition)
        else:
            for known in _clear(connection, observation):
                touched.setdefault(known, _Touched()).passed.add(observation.partition)
    return [
        alert for cause, seen in sorted(touched.items()) for alert in _alerts(connection, cause, seen, now)
    ]


def _note(connection: sqlite3.Connection, failed: Failed) -> bool:
    """Whether that was not known."""
    key = (failed.cause.kind, failed.cause.subject, failed.cause.what, failed.partition)
    known = connection.execute(
        "SELECT at FROM failing WHERE kind = ? AND subject = ? AND what = ? AND partition = ?", key
    ).fetchone()
    if known is not None:
        connection.execute(
            """UPDATE failing SET at = max(at, ?)
            WHERE kind = ? AND subject = ? AND what = ? AND partition = ?""",
            (failed.at, *key),
        )
        return False
    connection.execute("INSERT INTO failing VALUES (?, ?, ?, ?, ?)", (*key, failed.at))
    return True


def _clear(connection: sqlite3.Connection, passed: Passed) -> list[Cause]:
    """The causes for which that partition failed until now."""
    rows = connection.execute(
        """DELETE FROM failing
        WHERE kind = :kind AND subject = :subject AND partition = :partition AND at < :at
        AND (:what IS NULL OR what = :what) RETURNING what""",
        {
            "kind": passed.kind,
            "subject": passed.subject,
            "partition": passed.partition,
            "at": passed.at,
            "what": passed.what,
        },
    ).fetchall()
    return [Cause(passed.kind, passed.subject, what) for (what,) in rows]


def _alerts(connection: sqlite3.Connection, cause: Cause, seen: _Touched, now: float) -> Iterable[Alert]:
    key = (cause.kind, cause.subject, cause.what)
    where = "WHERE kind = ? AND subject = ? AND what = ?"
    (left,) = connection.execute(f"SELECT count(*) FROM failing {where}", key).fetchone()  # noqa: S608
    incident = connection.execute(
        f"SELECT severity, path, told, partitions FROM incidents {where}",  # noqa: S608
        key,
    ).fetchone()
    if seen.last is not None:
        first = incident is None
        total = len(seen.new) + (0 if first else incident[3])
        again = not first and now - incident[2] >= REPEAT_AFTER_S
        told = now if first or again else incident[2]
        incident = (seen.last.severity, seen.last.path, told, total)
        connection.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, *incident))
        if first or again:
            yield Alert(
                status="failing" if first else "still failing",
                severity=seen.last.severity,
                cause=cause,
                partitions=some(seen.new),
                count=len(seen.new),
                detail=seen.last.detail,
                path=seen.last.path,
            )
    if not left and incident is not None:
        connection.execute(f"DELETE FROM incidents {where}", key)  # noqa: S608
        yield Alert(
            status="recovered",
            severity=incident[0],
            cause=cause,
            partitions=some(seen.passed),
            count=incident[3],
            detail="",
            path=incident[1],
        )
