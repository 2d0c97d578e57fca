"""Task and fix: a diagnostic in a workspace, and the verified change of its files, or why there is none.

Tested by `tests/repair/fixing/test_fixer.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from repair.diagnostics.diagnostic import Diagnostic
from repair.fixing.own_tests import OwnTests, Transition
from repair.text.files import files_of
from repair.verification import verifier

NO_ANSWER, TOO_LONG, LATE, UNSURE = "no_answer", "too_long", "deadline", "unsure"
TESTS_FAIL, MERGE_CONFLICT, UNMEASURED = "tests_fail", "merge_conflict", "unmeasured"
STAR_IMPORT = "star_import"
UNASKED = frozenset({MERGE_CONFLICT, UNMEASURED, STAR_IMPORT})
"""Reasons for which nobody is asked about a task: no answer to it would be shown."""

MODEL = "model"
"""The author of a fix that is no other's."""

REASONS = {
    NO_ANSWER: "there is no answer",
    TOO_LONG: "the file is too long for the model",
    "malformed_prompt": "the file can't be written as a prompt",
    MERGE_CONFLICT: "the file has an unresolved merge conflict",
    UNMEASURED: "not asked about: how often repairs of such diagnostics are right was never measured",
    STAR_IMPORT: "not asked about: a star import that the servers do not resolve may bring the name",
    "outside_excerpt": "the answer changes lines that the model was not shown",
    **verifier.REASONS,
    TESTS_FAIL: "it verifies, and the project's own tests fail",
    LATE: "the deadline passed before an answer was verified",
    UNSURE: "it verifies, and is not shown: it may be wrong",
}
"""Why an answer is not shown: reason -> meaning."""

# The further an answer came through the checks, the more its reason says.
_FURTHEST = (
    UNSURE,
    TESTS_FAIL,
    "cheat",
    "new_error",
    "diagnostic_remains",
    "no_change",
    "content_mismatch",
    "wrong_line",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer that is no fix: a reason of `REASONS`, and what was found, in words."""

    reason: str
    detail: str

    @property
    def verified(self) -> bool:
        """Whether the servers accept the answer all the same."""
        return self.reason in (UNSURE, TESTS_FAIL)


@dataclass(frozen=True, slots=True)
class Answer:
    """The line diff of an answer, for the files of its task; the natural logarithm of its probability, where
    the model tells it."""

    line_diff: str
    log_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A diagnostic to repair in a workspace (path -> text), with `k` answers at most.

    `before`: the diagnostics of all files that an edit of its file may reach. `unsure`: where no verified
    answer is likely enough right (`repair.verification.confidence`), the likeliest of them is the fix.
    `tests`: the project's own, which are run on what verifies; None: none are.
    """

    files: Mapping[str, str]
    diagnostic: Diagnostic
    before: Sequence[Diagnostic]
    k: int = 1
    unsure: bool = False
    tests: OwnTests | None = None

    @property
    def path(self) -> str:
        return self.diagnostic.path

    @classmethod
    def of_row(cls, row: Mapping[str, Any], k: int) -> Self:
        """The task of a stored row, which has `files`, `diagnostic` and `before`."""
        before = [Diagnostic.from_row(known) for known in row["before"]]
        return cls(files_of(row), Diagnostic.from_row(row["diagnostic"]), before, k)

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

    `line_diff` is that answer in the fewest signed lines, `rejected` the answers before it. `confidence`: the
    probability that it is right; None: the model was never calibrated, or not on such diagnostics. `doubts`:
    why it is unsure; empty: it is not. `withheld`: the likeliest of the
    answers that verified and are `unsure`. `author`: who gave the answer, the model or the rules. `tested`:
    what the project's own tests say for it; None: they were not run, or could not tell.
    """

    task: Task
    changed: Mapping[str, str] = field(default_factory=dict[str, str])
    line_diff: str | None = None
    rejected: tuple[Attempt, ...] = ()
    confidence: float | None = None
    doubts: str = ""
    withheld: "Fix | None" = None
    author: str = MODEL
    tested: Transition | None = None

    @property
    def found(self) -> bool:
        return self.line_diff is not None

    def by(self, author: str) -> "Fix":
        """This fix, or what is withheld in its place, as another's than the model's."""
        withheld = self.withheld and replace(self.withheld, author=author)
        return replace(self, author=author, withheld=withheld)

    def after(self, first: "Fix") -> "Fix":
        """This fix of the other answers, with what came of the first."""
        withheld = [fix for fix in (first.withheld, self.withheld) if fix]
        return replace(
            self,
            rejected=first.rejected + self.rejected,
            withheld=max(withheld, key=lambda fix: fix.confidence or 0.0, default=None),
        )

    def settled(self) -> "Fix":
        """What is shown when no further answer is asked for: also an unsure fix, if the task wants it."""
        if self.found or not self.task.unsure or self.withheld is None:
            return self
        others = [attempt for attempt in self.rejected if attempt.reason != UNSURE]
        return replace(self.withheld, rejected=tuple(others))

    @property
    def unasked(self) -> bool:
        """Whether nobody was asked, and nobody is to be."""
        return any(attempt.reason in UNASKED for attempt in self.rejected)

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
