"""The diagnostics that are worth a repair, redacted.

Rejected, in this order:

| reason | |
|---|---|
| `has_code_action` | a server fixes it by itself |
| `stylistic` | a matter of style |
| `too_large`, `too_long_line`, `generated`, `prose` | `repair.curation.quality` |
| `near_duplicate` | nearly the same diagnostic and lines around it as an earlier row of the partition |
| `lost_by_redaction` | the servers do not say it of the redacted workspace |
| the reason of the servers' error | they could not be asked that |
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import NearDuplicates
from repair.curation.privacy import Redactor
from repair.curation.quality import low_quality
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.matching import match
from repair.diagnostics.style import is_stylistic
from repair.language_servers import Request
from repair.language_servers.scheduler import Servers
from repair.schema.outcomes import Reject, beside, outcome_batch
from repair.schema.stages import REPAIR_CANDIDATES
from repair.text.files import text_of

LOST_BY_REDACTION = "lost_by_redaction"


# What is said of a row by itself: why it goes no further, or else its task, to be compared with the others.
SCREENED = pa.schema(
    [
        pa.field("diagnostic_id", pa.string()),
        pa.field("ruled_out", pa.string()),
        pa.field("ruling", pa.string()),
        pa.field("task", pa.string()),
    ]
)

# What is said of a row among the others: null, or why it goes no further, and in words.
RULINGS = pa.schema([SCREENED.field("ruled_out"), SCREENED.field("ruling")])

# What `screen` looks at.
SCREENED_COLUMNS = ("diagnostic_id", "path", "files", "diagnostic")


def candidates(batches: Iterable[pa.RecordBatch], servers: Servers) -> Iterator[pa.RecordBatch]:
    """One outcome batch of `REPAIR_CANDIDATES` for each batch of `REPRODUCED_DIAGNOSTICS`, in order.

    Of near-duplicates the first row is kept, so that this sees the whole partition: its batches are not
    to be spread over several calls. Its three steps may be: `screen` and `redact` take rows as they come,
    only `without_twins` between them goes through the whole partition, and that fast.
    """
    seen = NearDuplicates()
    for batch in batches:
        for rulings in without_twins(screen([batch]), seen):
            yield from redact([beside(batch, rulings)], servers)


def screen(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What each row by itself comes to: one batch of `SCREENED` for each of `REPRODUCED_DIAGNOSTICS`."""
    for batch in batches:
        rows = [_screened(row) for row in batch.select(SCREENED_COLUMNS).to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, schema=SCREENED)


def without_twins(
    batches: Iterable[pa.RecordBatch], seen: NearDuplicates | None = None
) -> Iterator[pa.RecordBatch]:
    """The rulings on a partition, one batch of `RULINGS` for each of `SCREENED`.

    All rows go through here, in their order. `seen`: those of earlier calls.
    """
    seen = seen or NearDuplicates()
    for batch in batches:
        rows = [_ruled(row, seen) for row in batch.to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, schema=RULINGS)


def redact(batches: Iterable[pa.RecordBatch], servers: Servers) -> Iterator[pa.RecordBatch]:
    """Outcomes of `REPAIR_CANDIDATES` for rows of `REPRODUCED_DIAGNOSTICS` with their `RULINGS` beside them.

    `servers` confirm the diagnostic once more where redaction changed the workspace; places and messages
    are theirs from then on.
    """
    for batch in batches:
        outcomes = [_redacted(row) for row in batch.to_pylist()]
        yield outcome_batch(_confirmed(outcomes, servers), REPAIR_CANDIDATES)


def _screened(row: Mapping[str, Any]) -> dict[str, Any]:
    ruled_out, ruling = _fault(row) or (None, None)
    task = None if ruled_out else task_text(row)
    return {
        "diagnostic_id": row["diagnostic_id"],
        "ruled_out": ruled_out,
        "ruling": ruling,
        "task": task,
    }


def _fault(row: Mapping[str, Any]) -> tuple[str, str] | None:
    diagnostic = row["diagnostic"]
    if diagnostic["has_code_action"]:
        return "has_code_action", "the server offers a fix of its own"
    if is_stylistic(diagnostic["code"]):
        return "stylistic", f"{diagnostic['code']} is a matter of style"
    if (reason := low_quality(text_of(row))) is not None:
        return reason, row["path"]
    return None


def _ruled(row: Mapping[str, Any], seen: NearDuplicates) -> dict[str, Any]:
    if row["task"] is not None and (twin := seen.twin_of(row["diagnostic_id"], row["task"])) is not None:
        return {"ruled_out": "near_duplicate", "ruling": f"of diagnostic {twin}"}
    return {name: row[name] for name in RULINGS.names}


def _redacted(row: Mapping[str, Any]) -> "_Redacted | Reject":
    if row["ruled_out"] is not None:
        return Reject(row, row["ruled_out"], row["ruling"])
    return _Redacted(row)


class _Redacted:
    """A row whose texts and messages are redacted, by one `Redactor`.

    `changed`: so is what the servers read, and their word on it is not known yet.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        redactor = Redactor()

        def clean(path: str, text: str | None) -> str | None:
            return None if text is None else redactor.redact(text, python=path.endswith((".py", ".pyi")))

        def clean_message(each: Mapping[str, Any]) -> dict[str, Any]:
            return {**each, "message": clean("", each["message"])}

        files = [{"path": each["path"], "text": clean(each["path"], each["text"])} for each in row["files"]]
        self.changed = files != row["files"]
        later = [{**each, "text": clean(row["path"], each["text"])} for each in row["later_states"] or []]
        self.row: dict[str, Any] = {
            **row,
            "files": files,
            "later_states": later,
            "recorded": clean_message(row["recorded"]),
            "diagnostic": clean_message(row["diagnostic"]),
            "before": [clean_message(each) for each in row["before"]],
            "redactions": redactor.count,
        }

    def confirmed(self, found: list[Diagnostic]) -> dict[str, Any] | Reject:
        """The row as the servers see its redacted workspace. Redaction moves no line."""
        said = self.row["diagnostic"]
        same = match(said, [each for each in found if each.path == self.row["path"]])
        if same is None:
            return Reject(
                self.row, LOST_BY_REDACTION, f"{said['code']} is not said of the redacted workspace"
            )
        before = [each.as_row() for each in found]
        return {**self.row, "diagnostic": same[0].as_row(), "before": before}


def _confirmed(outcomes: list[_Redacted | Reject], servers: Servers) -> Iterator[Mapping[str, Any] | Reject]:
    changed = [each for each in outcomes if isinstance(each, _Redacted) and each.changed]
    results = servers.check_many(
        Request({file["path"]: file["text"] for file in each.row["files"]}, edited=(each.row["path"],))
        for each in changed
    )
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
                yield outcome.confirmed(list(result.diagnostics))
