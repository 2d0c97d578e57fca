"""Task and fix: a diagnostic in a workspace, and the verified change of its files, or why there is none.

Tested by `tests/repair/fixing/test_fixer.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.verification import verifier

NO_ANSWER, TOO_LONG, LATE = "no_answer", "too_long", "deadline"

REASONS = {
    NO_ANSWER: "there is no answer",
    TOO_LONG: "the file is too long for the model",
    "malformed_prompt": "the file can't be written as a prompt",
    "outside_excerpt": "the answer changes lines that the model was not shown",
    **verifier.REASONS,
    LATE: "the deadline passed before an answer was verified",
}
"""Why an answer is not shown: reason -> meaning."""

# The further an answer came through the checks, the more its reason says.
_FURTHEST = ("cheat", "new_error", "diagnostic_remains", "no_change", "content_mismatch", "wrong_line")


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer that is no fix: a reason of `REASONS`, and what was found, in words."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Task:
    """A diagnostic to repair in a workspace (path -> text), with `k` answers at most.

    `before`: the diagnostics of all files that an edit of its file may reach.
    """

    files: Mapping[str, str]
    diagnostic: Diagnostic
    before: Sequence[Diagnostic]
    k: int = 1

    @property
    def path(self) -> str:
        return self.diagnostic.path

    def sample(self) -> dict[str, Any]:
        """The row that a model is asked about (`repair.models.model.Model`)."""
        found = self.diagnostic
        return {
            "sample_id": f"{found.path}:{found.start_line + 1}:{found.code}",
            "project_id": "",
            "path": found.path,
            "files": [{"path": path, "text": text} for path, text in self.files.items()],
            "diagnostic": found.as_row(),
            "before": [known.as_row() for known in self.before],
        }


@dataclass(frozen=True, slots=True)
class Fix:
    """What came of a task. `changed`: the changed files after the first answer that verified, if one did.

    `line_diff` is that answer in the fewest signed lines, `rejected` the answers before it.
    """

    task: Task
    changed: Mapping[str, str] = field(default_factory=dict[str, str])
    line_diff: str | None = None
    rejected: tuple[Attempt, ...] = ()

    @property
    def found(self) -> bool:
        return self.line_diff is not None

    @property
    def reasons(self) -> dict[str, int]:
        """Rejected answers by their reason."""
        return dict(Counter(attempt.reason for attempt in self.rejected))

    @property
    def nearest(self) -> Attempt | None:
        """Of a task without a fix: the rejected answer that came furthest through the checks."""
        if self.found:
            return None
        order = {reason: number for number, reason in enumerate(_FURTHEST)}
        return min(self.rejected, key=lambda attempt: order.get(attempt.reason, len(_FURTHEST)), default=None)
