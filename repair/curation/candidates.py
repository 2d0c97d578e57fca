"""Filters, near-duplicate removal and redaction: the diagnostics that are worth a repair."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.curation import quality
from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import NearDuplicates
from repair.curation.privacy import Redactor
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.matching import match
from repair.diagnostics.style import is_stylistic
from repair.language_servers import Request, errors
from repair.language_servers.scheduler import Servers
from repair.schema.guards import rejecting
from repair.schema.outcomes import KEY, Reject, beside, outcome_batch, subschema
from repair.schema.rows import ReproducedDiagnosticRow
from repair.schema.stages import REPAIR_CANDIDATES
from repair.text.files import files_of, text_of
from repair.text.paths import is_python

LOST_BY_REDACTION = "lost_by_redaction"

# In the order of the checks.
REASONS = {
    "has_code_action": "a server fixes it by itself",
    "stylistic": "its rule is stylistic",
    **quality.REASONS,
    "near_duplicate": "nearly the same diagnostic and lines around it as an earlier row of the partition",
    LOST_BY_REDACTION: "the servers do not report it in the redacted workspace",
    **errors.REASONS,
}

READS = (KEY, "path", "files", "later_states", "recorded", "diagnostic", "before")
ADDS = subschema(
    REPAIR_CANDIDATES, (KEY, "files", "later_states", "recorded", "diagnostic", "before", "redactions")
)

# The columns that `screen` reads.
SCREENED_COLUMNS = (KEY, "path", "files", "diagnostic")

# Result of the filters of single rows: a reject reason, or the text used for near-duplicate detection.
SCREENED = pa.schema(
    [
        pa.field(KEY, pa.string()),
        pa.field("reject_reason", pa.string()),
        pa.field("reject_detail", pa.string()),
        pa.field("task", pa.string()),
    ]
)

# The decision on a row, near-duplicates of the partition considered: null, or a reject reason.
DECISIONS = pa.schema([SCREENED.field("reject_reason"), SCREENED.field("reject_detail")])


def candidates(batches: Iterable[pa.RecordBatch], servers: Servers) -> Iterator[pa.RecordBatch]:
    """Outcomes of `ADDS`, one batch for each batch of `REPRODUCED_DIAGNOSTICS`, in order.

    Of near-duplicates the first row is kept, so one call must get all batches of a partition. Its steps may
    be called separately: `screen` and `redact` work on any part of it; only `drop_near_duplicates` between
    them needs the whole partition, and it is fast.
    """
    seen = NearDuplicates()
    for batch in batches:
        for decisions in drop_near_duplicates(screen([batch]), seen):
            yield from redact([beside(batch.select(READS), decisions)], servers)


def screen(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The filters of single rows: one batch of `SCREENED` for each of `REPRODUCED_DIAGNOSTICS`."""
    for batch in batches:
        rows = [_screened(row) for row in batch.select(SCREENED_COLUMNS).to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, schema=SCREENED)


def drop_near_duplicates(
    batches: Iterable[pa.RecordBatch], seen: NearDuplicates | None = None
) -> Iterator[pa.RecordBatch]:
    """The decisions on a partition, one batch of `DECISIONS` for each of `SCREENED`.

    All rows go through here, in their order. `seen`: those of earlier calls.
    """
    seen = seen or NearDuplicates()
    for batch in batches:
        rows = [_decision(row, seen) for row in batch.to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, schema=DECISIONS)


def redact(batches: Iterable[pa.RecordBatch], servers: Servers) -> Iterator[pa.RecordBatch]:
    """Outcomes of `ADDS` for rows of `REPRODUCED_DIAGNOSTICS` with their `DECISIONS` beside them.

    `servers` confirm the diagnostic once more where redaction changed the workspace; ranges and messages
    are theirs from then on.
    """
    for batch in batches:
        outcomes = [rejecting(_redacted, row) for row in batch.to_pylist()]
        yield outcome_batch(_confirmed(outcomes, servers), ADDS)


def _screened(row: ReproducedDiagnosticRow) -> dict[str, Any]:
    found = rejecting(_filtered, row)
    if isinstance(found, Reject):
        return {KEY: row[KEY], "reject_reason": found.reason, "reject_detail": found.detail, "task": None}
    return {KEY: row[KEY], "reject_reason": None, "reject_detail": None, "task": found}


def _filtered(row: ReproducedDiagnosticRow) -> str | Reject:
    """The text that near-duplicates are found by."""
    if (fault := _fault(row)) is not None:
        return Reject(row, *fault)
    return task_text(row)


def _fault(row: ReproducedDiagnosticRow) -> tuple[str, str] | None:
    diagnostic = row["diagnostic"]
    if diagnostic["has_code_action"]:
        return "has_code_action", "the server offers a fix of its own"
    if is_stylistic(diagnostic["code"]):
        return "stylistic", f"{diagnostic['code']} is a matter of style"
    if (reason := quality.low_quality(text_of(row))) is not None:
        language = quality.language_of(text_of(row)) if reason == "other_language" else None
        return reason, f"{row['path']}: {language}" if language else row["path"]
    return None


def _decision(row: Mapping[str, Any], seen: NearDuplicates) -> dict[str, Any]:
    if row["task"] is not None and (earlier := seen.find_or_add(row[KEY], row["task"])) is not None:
        return {"reject_reason": "near_duplicate", "reject_detail": f"of diagnostic {earlier}"}
    return {name: row[name] for name in DECISIONS.names}


class _DecidedRow(ReproducedDiagnosticRow):
    """A row with its `DECISIONS` beside it."""

    reject_reason: str | None
    reject_detail: str | None


def _redacted(row: _DecidedRow) -> "_Redacted | Reject":
    if row["reject_reason"] is not None:
        return Reject(row, row["reject_reason"], row["reject_detail"] or "")
    return _Redacted(row)


class _Redacted:
    """A row whose texts and messages are redacted, by one `Redactor`.

    `changed`: redaction changed the workspace, so the servers have to check it again.
    """

    def __init__(self, row: _DecidedRow) -> None:
        redactor = Redactor()
        for file in row["files"]:
            redactor.learn(file["text"], python=is_python(file["path"]))

        def clean(path: str, text: str | None) -> str | None:
            return None if text is None else redactor.redact(text, python=is_python(path))

        def clean_message(diagnostic: Mapping[str, Any]) -> dict[str, Any]:
            return {**diagnostic, "message": clean("", diagnostic["message"])}

        files = [{"path": file["path"], "text": clean(file["path"], file["text"])} for file in row["files"]]
        self.changed = files != row["files"]
        later = [{**state, "text": clean(row["path"], state["text"])} for state in row["later_states"] or []]
        self.row: dict[str, Any] = {
            **row,
            "files": files,
            "later_states": later,
            "recorded": clean_message(row["recorded"]),
            "diagnostic": clean_message(row["diagnostic"]),
            "before": [clean_message(diagnostic) for diagnostic in row["before"]],
            "redactions": redactor.count,
        }

    def confirmed(self, found: list[Diagnostic]) -> dict[str, Any] | Reject:
        """The row as the servers see its redacted workspace. Redaction moves no line."""
        target = self.row["diagnostic"]
        same = match(target, [diagnostic for diagnostic in found if diagnostic.path == self.row["path"]])
        if same is None:
            return Reject(
                self.row, LOST_BY_REDACTION, f"{target['code']} is not reported in the redacted workspace"
            )
        before = [diagnostic.as_row() for diagnostic in found]
        return {**self.row, "diagnostic": same[0].as_row(), "before": before}


def _confirmed(outcomes: list[_Redacted | Reject], servers: Servers) -> Iterator[Mapping[str, Any] | Reject]:
    rows = [outcome.row for outcome in outcomes if isinstance(outcome, _Redacted) and outcome.changed]
    results = servers.check_many(Request(files_of(row), edited=(row["path"],)) for row in rows)
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            yield outcome
        elif not outcome.changed:
            yield outcome.row
        else:
            result = next(results)
            if result.error is not None:
                yield Reject(outcome.row, result.error.reason, str(result.error))
            else:
                found = list(result.diagnostics)
                yield rejecting(lambda _, outcome=outcome, found=found: outcome.confirmed(found), outcome.row)
