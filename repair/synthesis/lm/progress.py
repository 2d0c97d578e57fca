"""How far a run of questions is: rate, cost, tokens, time left."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from repair.synthesis.lm.limits import Spent

# The rate is that of the last so many reports: kept answers come a thousand times as fast as asked ones.
_REPORTS = 12


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. `str()` of it is a line for a log."""

    rows: int
    """Rows with an outcome."""
    total: int | None
    """Rows in all, if that is known."""
    rate: float
    """Rows a second, lately."""
    spent: Spent

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None: not known."""
        return None if self.total is None or not self.rate else (self.total - self.rows) / self.rate

    def __str__(self) -> str:
        spent, left = self.spent, self.seconds_left
        of_all = "" if self.total is None else f" of {self.total} ({self.rows / max(self.total, 1):.0%})"
        at_least = "at least " if spent.answers_without_cost else ""
        return (
            f"{self.rows}{of_all} rows, {self.rate:.1f} rows/s; {spent.answers_paid} answers paid for now,"
            f" {spent.answers_kept} kept ones; {at_least}{spent.cost_usd:.4f} USD,"
            f" {spent.input_tokens} + {spent.output_tokens} tokens"
            + ("" if left is None else f"; {left:.0f} s left")
        )


class Reporter:
    """Reports every `every_s` seconds, and once at the end; `tick` it often."""

    def __init__(
        self,
        report: Callable[[Progress], None],
        spent: Callable[[], Spent],
        *,
        total: int | None = None,
        every_s: float = 5.0,
    ) -> None:
        self.every_s = every_s
        self._report, self._spent, self._total = report, spent, total
        now = time.monotonic()
        self._last = now
        self._samples = deque([(now, 0)], maxlen=_REPORTS)

    def tick(self, rows: int) -> None:
        """`rows` have an outcome now."""
        if time.monotonic() - self._last >= self.every_s:
            self.end(rows)

    def end(self, rows: int) -> None:
        """Report without waiting for the time."""
        self._last = now = time.monotonic()
        then, before = self._samples[0]
        self._samples.append((now, rows))
        rate = (rows - before) / max(now - then, 1e-9)
        self._report(Progress(rows, self._total, rate, self._spent()))
