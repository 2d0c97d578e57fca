"""Alert outbox: an on-disk queue of messages for each channel, delivered at least once, in order (SQLite).

What was observed, the messages that come of it and which runs were read are written in one transaction: a
process that is killed loses no message and makes none twice. Delivery is at least once: a process that is
killed between the receiver's answer and its own note of it sends the message again, with the same key, by
which a receiver can tell (`Idempotency-Key`). A channel that is down keeps its own messages waiting and no
other channel's; within a channel `recovered` never overtakes `failing`. A message that is refused for what it
is steps aside, and is tried again with growing pauses, as all are.
"""

import time
import uuid
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from repair.closing import Closing
from repair.database.sqlite import connect
from repair.errors import RepairError
from resources.alerts.channels import Channel, DeliveryError
from resources.alerts.incidents import TABLES, Observation, observe
from resources.alerts.message import Alert, safe

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 3600.0
LEASE_S = 60.0
"""So long a message belongs to the process that is sending it; longer than a channel's time limit."""
SENDING_S = 20.0
"""No further message is begun after so long: a sensor's tick has a time limit."""
KEPT_S = 30 * 24 * 3600.0
"""Delivered messages, and which runs and backfills were read."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT, key TEXT, alert TEXT, created REAL,
        attempts INTEGER DEFAULT 0, next_at REAL DEFAULT 0, claimed_until REAL DEFAULT 0,
        refused INTEGER DEFAULT 0, error TEXT, delivered_at REAL
    )""",
    "CREATE INDEX IF NOT EXISTS pending ON outbox (channel, refused, id) WHERE delivered_at IS NULL",
    "CREATE TABLE IF NOT EXISTS read_runs (run TEXT PRIMARY KEY, at REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS read_backfills (backfill TEXT PRIMARY KEY, at REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS started (at REAL)",
    *TABLES,
)


@dataclass(slots=True)
class Delivery:
    """What one round of deliveries did."""

    sent: int = 0
    errors: dict[str, str] = field(default_factory=dict[str, str])
    """By channel, without secrets."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    key: str
    alert: Alert
    attempts: int


class Outbox(Closing):
    """The outbox in the file `path`; several processes may use it at once."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._connection = connect(path, *_TABLES, timeout=10)

    def close(self) -> None:
        self._connection.close()

    def started(self) -> float:
        """Since when runs are read: from the first call on."""
        with self._transaction():
            found = self._connection.execute("SELECT at FROM started").fetchone()
            if found is None:
                self._connection.execute("INSERT INTO started VALUES (?)", (self._clock(),))
        return found[0] if found else self._clock()

    def unread(self, runs: Iterable[str]) -> list[str]:
        """Those of the runs that were not read yet, in their order."""
        return self._not_among("SELECT run FROM read_runs", runs)

    def unread_backfills(self, backfills: Iterable[str]) -> list[str]:
        """Those of the backfills that were not read yet, in their order."""
        return self._not_among("SELECT backfill FROM read_backfills", backfills)

    def _not_among(self, query: str, names: Iterable[str]) -> list[str]:
        known = {name for (name,) in self._connection.execute(query)}
        return [name for name in names if name not in known]

    def latest_read(self) -> float | None:
        """The time of the latest run that was read."""
        return self._connection.execute("SELECT max(at) FROM read_runs").fetchone()[0]

    def record(
        self,
        observations: Iterable[Observation],
        channels: Sequence[Channel],
        read: Iterable[tuple[str, float]] = (),
        backfills: Iterable[str] = (),
    ) -> int:
        """Observations, and the runs (with the time of their end) and backfills that they are of: messages.

        All or none.
        """
        now = self._clock()
        with self._transaction():
            alerts = observe(self._connection, observations, now)
            for alert in alerts:
                self._put(alert, channels, now)
            self._connection.executemany("INSERT OR REPLACE INTO read_runs VALUES (?, ?)", read)
            self._connection.executemany(
                "INSERT OR IGNORE INTO read_backfills VALUES (?, ?)", [(name, now) for name in backfills]
            )
            for table in ("read_runs", "read_backfills"):
                self._connection.execute(f"DELETE FROM {table} WHERE at < ?", (now - KEPT_S,))  # noqa: S608
            self._connection.execute("DELETE FROM outbox WHERE delivered_at < ?", (now - KEPT_S,))
        return len(alerts)

    def put(self, alert: Alert, channels: Sequence[Channel]) -> None:
        """A message that is none of an incident."""
        with self._transaction():
            self._put(alert, channels, self._clock())

    def pending(self, *, older_than_s: float = 0) -> dict[str, int]:
        """Channel -> messages that wait for it, for so long."""
        counted = """SELECT channel, count(*) FROM outbox
            WHERE delivered_at IS NULL AND created <= ? GROUP BY channel"""
        return dict(self._connection.execute(counted, (self._clock() - older_than_s,)).fetchall())

    def deliver(self, channels: Sequence[Channel]) -> Delivery:
        """Sends what is due, channel by channel."""
        done, until = Delivery(), time.monotonic() + SENDING_S
        for channel in channels:
            while time.monotonic() < until and (claimed := self._claim(channel.name)):
                error = _send(channel, claimed)
                if error is None:
                    done.sent += 1
                    self._connection.execute(
                        "UPDATE outbox SET delivered_at = ?, error = NULL WHERE id = ?",
                        (self._clock(), claimed.id),
                    )
                    continue
                done.errors[channel.name] = str(error)
                self._postpone(claimed, error)
                if not error.refused:
                    break
        return done

    def _put(self, alert: Alert, channels: Sequence[Channel], now: float) -> None:
        key = str(uuid.uuid4())
        self._connection.executemany(
            "INSERT INTO outbox (channel, key, alert, created) VALUES (?, ?, ?, ?)",
            [(channel.name, key, alert.to_json(), now) for channel in channels],
        )

    def _claim(self, channel: str) -> _Claimed | None:
        """The channel's next message, for this process alone for a while; None: there is none, or not yet."""
        now = self._clock()
        with self._transaction():
            rows = self._connection.execute(
                """SELECT id, key, alert, attempts, next_at, claimed_until, refused FROM outbox
                WHERE channel = ? AND delivered_at IS NULL ORDER BY refused, id LIMIT 100""",
                (channel,),
            ).fetchall()
            for number, key, alert, attempts, next_at, claimed_until, refused in rows:
                if next_at <= now and claimed_until <= now:
                    self._connection.execute(
                        "UPDATE outbox SET claimed_until = ?, attempts = ? WHERE id = ?",
                        (now + LEASE_S, attempts + 1, number),
                    )
                    return _Claimed(number, key, Alert.from_json(alert), attempts + 1)
                if not refused:
                    return None  # the first of the others is not due: they wait for it
        return None

    def _postpone(self, claimed: _Claimed, error: DeliveryError) -> None:
        pause = min(FIRST_PAUSE_S * 2 ** (claimed.attempts - 1), LONGEST_PAUSE_S)
        self._connection.execute(
            """UPDATE outbox SET next_at = ?, claimed_until = 0, refused = max(refused, ?), error = ?
            WHERE id = ?""",
            (
                self._clock() + max(pause, error.retry_after_s or 0.0),
                int(error.refused),
                str(error),
                claimed.id,
            ),
        )

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _send(channel: Channel, claimed: _Claimed) -> DeliveryError | None:
    try:
        channel.send(claimed.alert, claimed.key)
    except DeliveryError as error:
        return error
    except (RepairError, OSError, ValueError) as error:  # a setting: the others go on
        return DeliveryError(safe(f"{channel.name}: {type(error).__name__}: {error}"))
    return None
