"""The verification stage: of each row of `SYNTHESIZED_DIFFS` the verdict on its diff, and its confidence.

An accepted row carries the signals that tell right repairs from wrong ones, and the confidence that the
verifier's own calibration gives them (`repair.verification.confidence`).

Tested by `tests/repair/verification/test_verifier.py` and `tests/repair/verification/test_proof.py`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.scheduler import CheckCoroutine, Servers, VersionedServers, run_all
from repair.line_diff.numbered import LineDiffError
from repair.line_diff.tolerant import ReadDiff
from repair.prompt.answer_formats import answer_format
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.guards import guarded
from repair.schema.outcomes import DETAIL, KEY, REASON, Reject, outcome_batch, subschema
from repair.schema.rows import SynthesizedDiffRow
from repair.schema.stages import SIGNALS, SYNTHESIZED_DIFFS, VERIFIED_DIFFS
from repair.text.files import files_of, workspace_sha256
from repair.unexpected import UNEXPECTED
from repair.verification.confidence import DIGITS, Signals, signals_of, verifiers_own
from repair.verification.needless import UnansweredError
from repair.verification.verifier import Verdict, examine

READS = (KEY, "files", "diagnostic", "before", "answer", "answer_format")
ADDS = subschema(
    VERIFIED_DIFFS,
    (KEY, *(name for name in VERIFIED_DIFFS.names if name not in SYNTHESIZED_DIFFS.names)),
)


def verify_rows(batches: Iterable[pa.RecordBatch], servers: VersionedServers) -> Iterator[pa.RecordBatch]:
    """Outcomes of `ADDS` for rows of `SYNTHESIZED_DIFFS`, one batch for one batch."""
    for batch in batches:
        rows = batch.select(READS).to_pylist()
        examined = run_all([guarded(_scored(row), _unscored) for row in rows], servers)
        outcomes = [
            _outcome(row, *found, servers.versions) for row, found in zip(rows, examined, strict=True)
        ]
        yield outcome_batch(outcomes, ADDS)


def verdicts(rows: Sequence[Any], servers: Servers) -> list[Verdict]:
    """The verdict on each row with the columns `READS`, without its confidence."""
    return run_all([guarded(_examined(row), _unexpected) for row in rows], servers)


def count_cheats(outcomes: Iterable[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The outcomes as they are; `counts` gets the kinds of cheats among them."""
    for outcome in outcomes:
        rejected = zip(outcome[REASON].to_pylist(), outcome[DETAIL].to_pylist(), strict=True)
        counts.update(detail.partition(":")[0] for reason, detail in rejected if reason == "cheat")
        yield outcome


def count_tolerated(outcomes: Iterable[pa.RecordBatch], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The outcomes as they are; `counts` gets the tolerances with which answers were read."""
    for outcome in outcomes:
        counts.update(name for names in outcome["tolerated"].to_pylist() for name in names or ())
        yield outcome


def answered_diff(row: SynthesizedDiffRow) -> ReadDiff:
    """The diff in the teacher's answer of a row of `SYNTHESIZED_DIFFS`. Raises `LineDiffError`."""
    form = answer_format(row["answer_format"])
    return form.read_in(row["answer"], files_of(row), row["diagnostic"]["path"])


def scored(signals: Signals, code: str) -> dict[str, Any]:
    """The columns of a row whose accepted diff has these signals, of a diagnostic with this code."""
    own = verifiers_own()
    confidence = own.confidence(signals, code)
    return {
        "signals": {name: getattr(signals, name) for name in SIGNALS.names},
        "confidence": None if confidence is None else round(confidence, DIGITS),
        "calibration_sha256": own.sha256,
    }


def _examined(row: SynthesizedDiffRow) -> CheckCoroutine[Verdict]:
    try:
        answer = answered_diff(row)
    except LineDiffError as error:
        return Verdict(False, error.reason, str(error))
    before = [Diagnostic.from_row(known) for known in row["before"]]
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    verdict = yield from examine(files_of(row), diagnostic, answer.line_diff, before)
    return replace(verdict, tolerated=answer.tolerated)


def _scored(row: SynthesizedDiffRow) -> CheckCoroutine[tuple[Verdict, Signals | None]]:
    verdict = yield from _examined(row)
    if not verdict.accepted:
        return verdict, None
    before = [Diagnostic.from_row(known) for known in row["before"]]
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    try:
        signals = yield from signals_of(files_of(row), diagnostic, verdict, before)
    except UnansweredError as error:
        failed = error.verdict
        return replace(verdict, accepted=False, reason=failed.reason, evidence=failed.evidence), None
    return verdict, signals


def _unexpected(detail: str) -> Verdict:
    return Verdict(False, UNEXPECTED, detail)


def _unscored(detail: str) -> tuple[Verdict, None]:
    return _unexpected(detail), None


def _outcome(
    row: SynthesizedDiffRow, verdict: Verdict, signals: Signals | None, versions: Mapping[str, str]
) -> Mapping[str, Any] | Reject:
    known = {
        KEY: row[KEY],
        "tolerated": list(verdict.tolerated),
        "line_diff": verdict.line_diff,
        "repaired": verdict.repaired,
        "repaired_files": [
            {"path": path, "text": text} for path, text in sorted(verdict.repaired_files.items())
        ],
        "after": [diagnostic.as_row() for diagnostic in verdict.after],
        "after_pyright_version": versions.get("pyright"),
        "after_ruff_version": versions.get("ruff"),
        "files_sha256": workspace_sha256(files_of(row)),
        "prompt_version": PROMPT_VERSION,
        **(scored(signals, row["diagnostic"]["code"]) if signals else {}),
        "judge": None,
        "judge_reason": None,
        "judge_cost_usd": None,
    }
    return known if verdict.reason is None else Reject(known, verdict.reason, verdict.evidence)
