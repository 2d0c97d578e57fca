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

from repair.curation.near_duplicates import NearDuplicates
from repair.curation.privacy import Redactor
from repair.curation.quality import low_quality
from repair.curation.tasks import task_text, text_of
from repair.diagnostics import Diagnostic, is_stylistic
from repair.language_servers import Request
from repair.outcomes import Reject, outcome_batch
from repair.reproduction import match
from repair.rounds import Servers
from repair.schemas import REPAIR_CANDIDATES

LOST_BY_REDACTION = "lost_by_redaction"


def candidates(batches: Iterable[pa.RecordBatch], servers: Servers) -> Iterator[pa.RecordBatch]:
    """One outcome batch of `REPAIR_CANDIDATES` for each batch of `REPRODUCED_DIAGNOSTICS`, in order.

    Of near-duplicates the first row is kept, so that this sees the whole partition: its batches are not
    to be spread over several calls. `servers` confirm the diagnostic once more where redaction changed the
    workspace; places and messages are theirs from then on.
    """
    seen = NearDuplicates()
    for batch in batches:
        outcomes = [_curated(row, seen) for row in batch.to_pylist()]
        yield outcome_batch(_confirmed(outcomes, servers), REPAIR_CANDIDATES)


def _curated(row: dict[str, Any], seen: NearDuplicates) -> "_Redacted | Reject":
    diagnostic = row["diagnostic"]
    if diagnostic["has_code_action"]:
        return Reject(row, "has_code_action", "the server offers a fix of its own")
    if is_stylistic(diagnostic["code"]):
        return Reject(row, "stylistic", f"{diagnostic['code']} is a matter of style")
    if (reason := low_quality(text_of(row))) is not None:
        return Reject(row, reason, row["path"])
    if (twin := seen.twin_of(row["diagnostic_id"], task_text(row))) is not None:
        return Reject(row, "near_duplicate", f"of diagnostic {twin}")
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
