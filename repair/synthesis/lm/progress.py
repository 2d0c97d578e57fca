"""Progress reports of a synthesis run: rate, cost, tokens, time left.

Tested by `tests/repair/synthesis/lm/test_teacher.py`.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from repair.synthesis.lm.limits import Usage

# The rate is measured over this many reports: cached answers come a thousand times as fast as paid ones.
_REPORTS = 12


@dataclass(frozen=True, slots=True)
class SynthesisProgress:
    """One progress report; `str()` gives a log line."""

    rows: int
    """Rows with an outcome."""
    total: int | None
    """All rows, if known."""
    rate: float
    """Rows a second, over the last reports."""
    usage: Usage

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the rate; None: not known."""
        return None if self.total is None or not self.rate else (self.total - self.rows) / self.rate

    def __str__(self) -> str:
        usage, left = self.usage, self.seconds_left
        of_all = "" if self.total is None else f" of {self.total} ({self.rows / max(self.total, 1):.0%})"
        at_least = "at least " if usage.answers_without_cost else ""
        return (
            f"{self.rows}{of_all} rows, {self.rate:.1f} rows/s; {usage.answers_paid} answers paid for now,"
            f" {usage.answers_cached} cached; {at_least}{usage.cost_usd:.4f} USD,"
            f" {usage.input_tokens} + {usage.output_tokens} tokens"
            + ("" if left is None else f"; {left:.0f} s left")
        )


class ProgressReporter:
    """Calls `report` every `every_s` seconds and once at the end; call `tick` often."""

    def __init__(
        self,
        report: Callable[[SynthesisProgress], None],
        usage: Callable[[], Usage],
        *,
        total: int | None = None,
        every_s: float = 5.0,
    ) -> None:
        self.every_s = every_s
        self._report, self._usage, self._total = report, usage, total
        now = time.monotonic()
        self._last = now
        self._samples = deque([(now, 0)], maxlen=_REPORTS)

    def tick(self, rows: int) -> None:
        """Report if it is time to; `rows` is the number of rows with an outcome."""
        if time.monotonic() - self._last >= self.every_s:
            self.end(rows)

    def end(self, rows: int) -> None:
        """Report now."""
        self._last = now = time.monotonic()
        then, before = self._samples[0]
        self._samples.append((now, rows))
        rate = (rows - before) / max(now - then, 1e-9)
        self._report(SynthesisProgress(rows, self._total, rate, self._usage()))
