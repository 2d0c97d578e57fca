"""Preference pairs of shown fixes, for direct preference optimization (DPO): chosen and rejected answers.

A fix is the rejected answer of a pair if the user rejected it, edited it after accepting it, or took it back.
The chosen answer is

1. another fix that was shown for the same diagnostic of the same text, accepted, and kept for an hour; else
2. the user's own text an hour after the decision, cut down to the hunks that repair the diagnostic
   (`repair.verification.minimize`).

Either way the servers have to confirm it, on the redacted workspace. What an AI wrote meanwhile is not taken
for the user's own.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from repair import unexpected
from repair.curation import policy
from repair.curation.consent import NOT_FOR, allows
from repair.curation.privacy import Redactor
from repair.dataset.splits import SPLIT_SEED, TEST, split_of
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.matching import match
from repair.feedback.acceptance import ACCEPTED, REJECTED
from repair.feedback.fate import Fate
from repair.language_servers import Request, errors
from repair.language_servers.errors import LanguageServerError
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.errors import LineDiffError
from repair.prompt.excerpt import OutsideExcerptError, check_inside
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PROMPT_VERSION, PromptError, render_response
from repair.schema.events import Purpose
from repair.schema.guards import guarded
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.rows import FixAcceptanceRow
from repair.schema.stages import PREFERENCE_PAIRS
from repair.text.files import files_of
from repair.text.paths import is_python
from repair.verification.minimize import smallest_repair
from repair.verification.verifier import UNANSWERED, examine

FIX, USER = "fix", "user"
"""Where the chosen answer comes from."""

REASONS = {
    **policy.REASONS,
    NOT_FOR[Purpose.TRAINING]: "the project is on the side of training, to which its owner did not agree",
    NOT_FOR[Purpose.EVALUATION]: "the project is held out, and its owner did not agree to evaluation",
    "undecided": "the user decided nothing about the fix",
    "kept": "the fix was accepted and kept: it is the chosen answer of others to its prompt, and no pair",
    "not_observed": "the day ends within an hour of the decision, or the file is gone by then",
    "not_reproduced": "the servers don't report the diagnostic in the redacted workspace",
    "no_alternative": "no other fix of the same text was accepted, and the file is as it was an hour later",
    "ghostwriter_text": "no other fix was accepted, and an AI's text went into the file within the hour",
    "alternative_not_verified": "neither another accepted fix nor the user's own text repairs the diagnostic",
    "same_answer": "the chosen answer is the rejected one",
    OutsideExcerptError.reason: "one of the answers changes lines that the prompt does not show",
    "malformed_prompt": "the row can't be written as a prompt",
    **errors.REASONS,
    **unexpected.REASONS,
}

_Pair = Mapping[str, Any] | Reject
_Asked = tuple[str, ...]
"""What was asked: equal for fixes of one diagnostic of one text."""


def preference_pairs(
    batches: Iterable[pa.RecordBatch], servers: Servers, *, split_seed: int = SPLIT_SEED
) -> Iterator[pa.RecordBatch]:
    """The stage `preference_pairs`: outcomes of `PREFERENCE_PAIRS` for rows of `FIX_ACCEPTANCE`."""
    rows: list[FixAcceptanceRow] = [row for batch in batches for row in batch.to_pylist()]
    accepted: dict[_Asked, str] = {}
    for row in rows:
        if row["policy"] is None and row["fate"] == Fate.KEPT and row["line_diff"] is not None:
            accepted.setdefault(_asked(row), row["line_diff"])
    coroutines = [
        guarded(
            _pair(row, accepted.get(_asked(row)), split_seed), partial(Reject, row, unexpected.UNEXPECTED)
        )
        for row in rows
    ]
    yield outcome_batch(run_all(coroutines, servers), PREFERENCE_PAIRS)


def _asked(row: FixAcceptanceRow) -> _Asked:
    text = files_of(row).get(row["path"], "")
    return row["project_id"], row["path"], row["code"], str(row["start_line"]), text


def _unusable(row: FixAcceptanceRow, split: str) -> Reject | None:
    """Why a row is the rejected answer of no pair, whatever else was answered."""
    if row["policy"] is not None:
        return Reject(row, row["policy"], "the project may not be used")
    purpose = Purpose.EVALUATION if split == TEST else Purpose.TRAINING
    if not allows(row["purposes"], purpose):
        return Reject(row, NOT_FOR[purpose], f"the owner agreed to {', '.join(row['purposes'] or ())} alone")
    if row["outcome"] not in (ACCEPTED, REJECTED):
        return Reject(row, "undecided", f"fix {row['fix_id']}")
    if row["outcome"] == ACCEPTED:
        if row["fate"] == Fate.KEPT:
            return Reject(row, "kept", f"fix {row['fix_id']}")
        if row["fate"] in (None, Fate.FILE_GONE):
            return Reject(row, "not_observed", f"fix {row['fix_id']}: {row['fate'] or 'the day ends'}")
    return None


def _pair(row: FixAcceptanceRow, other: str | None, split_seed: int) -> CheckCoroutine[_Pair]:
    """`other`: the line diff of an accepted fix of the same text."""
    split = split_of(row["project_id"], split_seed)
    if (unusable := _unusable(row, split)) is not None:
        return unusable
    redacted = _Redacted(row, other)
    try:
        before = yield Request(redacted.files, edited=(row["path"],))
    except LanguageServerError as error:
        return Reject(row, error.reason, str(error))
    diagnostic = _reproduced(row, redacted.message, before)
    if diagnostic is None:
        return Reject(row, "not_reproduced", f"line {row['start_line']} (0-based): no {row['code']}")
    found = yield from _chosen(row, redacted, diagnostic, before)
    if isinstance(found, Reject):
        return found
    chosen, source = found
    if chosen == redacted.line_diff:
        return Reject(row, "same_answer", f"{source}: {chosen.count(chr(10)) + 1} signed lines")
    sample = {
        "path": row["path"],
        "files": [{"path": path, "text": text} for path, text in redacted.files.items()],
        "diagnostic": diagnostic.as_row(),
    }
    try:
        for line_diff in (chosen, redacted.line_diff):
            check_inside(redacted.files, diagnostic, line_diff)
        prompt = prompt_of(sample)
    except (PromptError, OutsideExcerptError) as error:
        return Reject(row, error.reason, str(error))
    answers = {"chosen": render_response(chosen), "rejected": render_response(redacted.line_diff)}
    content = "\0".join((row["project_id"], PROMPT_VERSION, prompt, *answers.values()))
    kept = {name: row[name] for name in ("fix_id", "project_id", "path", "moment", "model", "licence")}
    return {
        **kept,
        **answers,
        "pair_id": hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "split": split,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "asked": prompt,
        "because": REJECTED if row["outcome"] == REJECTED else row["fate"],
        "chosen_from": source,
        "prompt_version": PROMPT_VERSION,
    }


def _chosen(
    row: FixAcceptanceRow, redacted: "_Redacted", diagnostic: Diagnostic, before: Sequence[Diagnostic]
) -> CheckCoroutine[tuple[str, str] | Reject]:
    """The line diff of the chosen answer, and where it comes from."""
    said = ""
    if redacted.other is not None:
        verdict = yield from examine(redacted.files, diagnostic, redacted.other, before)
        if verdict.accepted and verdict.line_diff is not None:
            return verdict.line_diff, FIX
        said = f"{FIX}: {verdict.reason}: {verdict.evidence}"
    if redacted.later is not None and redacted.later != redacted.files[row["path"]]:
        if row["outcome"] == REJECTED and row["ghostwriter"]:
            return Reject(row, "ghostwriter_text", said or f"fix {row['fix_id']}")
        repaired = yield from smallest_repair(redacted.files, diagnostic, redacted.later, before, {})
        verdict = repaired.verdict
        if verdict.accepted and verdict.line_diff is not None:
            return verdict.line_diff, USER
        if verdict.reason in UNANSWERED:
            return Reject(row, verdict.reason or "", verdict.evidence)
        said = "; ".join(filter(None, (said, f"{USER}: {verdict.reason}: {verdict.evidence}")))
    if said:
        return Reject(row, "alternative_not_verified", said)
    return Reject(row, "no_alternative", f"fix {row['fix_id']}")


def _reproduced(row: FixAcceptanceRow, message: str, found: Sequence[Diagnostic]) -> Diagnostic | None:
    line = row["start_line"]
    place = {"start_line": line, "start_character": 0, "end_line": line, "end_character": 0}
    own = [diagnostic for diagnostic in found if diagnostic.path == row["path"]]
    matched = match({"code": row["code"], "message": message, **place}, own)
    return matched[0] if matched else None


def _applied(files: Mapping[str, str], line_diff: str | None, path: str) -> dict[str, str] | None:
    """None where there is no diff, or it needs files that are others here."""
    try:
        return None if line_diff is None else workspace_diff.apply(files, line_diff, path)
    except LineDiffError:
        return None


class _Redacted:
    """A row's texts and diffs without secrets and personal data, by one `Redactor`; no line moves."""

    def __init__(self, row: FixAcceptanceRow, other: str | None) -> None:
        path, files = row["path"], files_of(row)
        redactor = Redactor()
        fixed = workspace_diff.apply(files, row["line_diff"] or "", path)
        others = _applied(files, other, path)
        later = files_of(row, "later_files").get(path)
        texts = [*files.items(), *fixed.items(), *(others or {}).items(), *([(path, later)] if later else [])]
        for name, text in texts:
            redactor.learn(text, python=is_python(name))

        def clean(texts: Mapping[str, str]) -> dict[str, str]:
            return {name: redactor.redact(text, python=is_python(name)) for name, text in texts.items()}

        self.files = clean(files)
        self.line_diff = workspace_diff.diff(self.files, clean(fixed), path)
        self.other = workspace_diff.diff(self.files, clean(others), path) if others is not None else None
        self.later = None if later is None else clean({path: later})[path]
        self.message = redactor.redact(row["message"] or "", python=False)
