"""Training mixture over several days: decontamination, caps, near-duplicate removal, bounded shares."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from repair import unexpected
from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import NearDuplicates
from repair.dataset.splits import TEST
from repair.diagnostics.codes import SYNTAX, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import UNDEFINED_NAME, equal_findings
from repair.schema.guards import rejecting
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.rows import RepairExampleRow
from repair.schema.stages import SIGNALS
from repair.text.files import text_of
from repair.text.stable_hash import rank

# `repair.training.dataset` renders the prompts of these rows.
MIXTURE = pa.schema(
    [
        ("example_id", pa.string()),
        ("project_id", pa.string()),
        ("code", pa.string()),
        ("split", pa.string()),
        ("path", pa.string()),
        ("message", pa.string()),
        ("error_line", pa.int64()),  # 0-based
        ("response", pa.string()),
        ("date", pa.string()),  # of the text table that has the text of `path`
        ("text_sha256", pa.string()),
        ("signals", SIGNALS),
        ("confidence", pa.float64()),  # as in `VERIFIED_DIFFS`
        ("calibration_sha256", pa.string()),
    ]
)

BATCH_ROWS = 1000


REASONS = {
    "held_out": "the project is for tests",
    "low_confidence": "the repair is less likely right than the mixture asks for",
    "contaminated": "a benchmark sample has the same project, or nearly the same file",
    "cap_code": "the mixture has enough examples of the diagnostic code",
    "same_finding": "the other server's report of the same fault of the same text is in the mixture",
    "cap_repair": "the mixture has enough diagnostics of the same text with the same repair",
    "near_duplicate": "nearly the same diagnostic, lines around it and repair as an earlier example",
    "share_kind": "the mixture has as many examples of the kind of diagnostic as one kind may have",
    **unexpected.REASONS,
}

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|\d+")
"""What tells the messages of one syntax error apart."""


def mixture(
    examples: Iterable[pa.RecordBatch],
    benchmarks: Iterable[pa.RecordBatch] = (),
    *,
    seed: int = 17,
    cap_per_code: int = 20_000,
    cap_per_repair: int = 1_000,
    share_per_kind: float = 1.0,
    least_confidence: float = 0.0,
) -> Iterator[pa.RecordBatch]:
    """Outcomes of `MIXTURE` for rows of `REPAIR_EXAMPLES`; the accepted ones come last, in a seeded order.

    The examples may have a column `date` besides. `benchmarks` are rows of `BENCHMARK_SAMPLES`. `seed`: of
    the order of the examples, which decides where a cap applies; `cap_per_code`: the most examples of one
    diagnostic code; `cap_per_repair`: the most diagnostics of one text that have the same repair, as one
    mistake may have many; `share_per_kind`: the largest part of the result that one kind of diagnostic may
    be, where there are kinds enough. A kind is a rule, the rules of both servers for undefined names
    together, and each message of a syntax error, which has no rule. `least_confidence`: of the repair of an
    example, by the verifier's calibration; a row without one has none.

    The result does not depend on the order of the input. Memory holds responses and tasks, not workspaces:
    some kilobytes for each example that is not rejected at once.
    """
    projects: set[str] = set()
    files = NearDuplicates()
    for batch in benchmarks:
        for row in batch.to_pylist():
            projects.add(row["project_id"])
            files.find_or_add(row["sample_id"], text_of(row))
    checked: dict[str, str | None] = {}

    def contamination(row: RepairExampleRow) -> str | None:
        if row["project_id"] in projects:
            return f"project {row['project_id']} is in a benchmark"
        text, key = text_of(row), _text_sha256(row)
        if key not in checked:  # a file has many diagnostics
            checked[key] = files.find(text)
        sample = checked[key]
        return None if sample is None else f"the file nearly equals that of sample {sample}"

    def task_of(row: RepairExampleRow) -> str | Reject:
        if row["split"] == TEST:
            return Reject(row, "held_out", f"project {row['project_id']} is for tests")
        confidence = row.get("confidence")  # a day of an earlier version has none
        if least_confidence and (confidence is None or confidence < least_confidence):
            known = "none is known" if confidence is None else f"{confidence:.4f}"
            return Reject(row, "low_confidence", f"{known}, and at least {least_confidence} is asked for")
        if (why := contamination(row)) is not None:
            return Reject(row, "contaminated", why)
        return task_text(row, row["line_diff"])

    pending: list[_Pending] = []
    for batch in examples:
        rejects: list[Reject] = []
        for row in batch.to_pylist():
            task = rejecting(task_of, row)
            if isinstance(task, Reject):
                rejects.append(task)
            else:
                pending.append(
                    _Pending(rank(seed, row["example_id"]), _without_text(row), task, row["diagnostic"])
                )
        yield outcome_batch(rejects, MIXTURE)
    pending.sort(key=lambda item: item.rank)
    selection = _Selection(cap_per_code, cap_per_repair)
    outcomes = [selection.outcome(item) for item in pending]
    kinds = Counter(
        _kind(item) for item, outcome in zip(pending, outcomes, strict=True) if outcome is item.row
    )
    cap, kept = share_cap(list(kinds.values()), share_per_kind), Counter[str]()
    for number, item in enumerate(pending):
        if outcomes[number] is item.row:
            kept[_kind(item)] += 1
            if kept[_kind(item)] > cap:
                why = (
                    f"one of {kinds[_kind(item)]} of {_kind(item)!r}; at most {cap} are {share_per_kind:.0%}"
                )
                outcomes[number] = Reject(item.row, "share_kind", why)
    for start in range(0, len(outcomes), BATCH_ROWS):
        yield outcome_batch(outcomes[start : start + BATCH_ROWS], MIXTURE)


class _Pending(NamedTuple):
    """A row that may go into the mixture, without its texts."""

    rank: str
    row: dict[str, Any]
    task: str
    diagnostic: Mapping[str, Any]


class _Selection:
    """The decisions on rows in their order: caps, both servers' reports of one fault, near-duplicates."""

    def __init__(self, cap_per_code: int, cap_per_repair: int) -> None:
        self._cap, self._cap_per_repair = cap_per_code, cap_per_repair
        self._repairs = Counter[tuple[str, str, str]]()
        self._seen = NearDuplicates()
        self._selected = Counter[str]()
        self._findings: defaultdict[tuple[str, str], list[tuple[str, Diagnostic]]] = defaultdict(list)

    def outcome(self, item: _Pending) -> dict[str, Any] | Reject:
        """The row itself, or why it is not in the mixture."""
        row = item.row
        if self._selected[row["code"]] >= self._cap:
            return Reject(row, "cap_code", f"{row['code']} has its {self._cap} examples")
        found = self._findings[row["text_sha256"], row["project_id"]]
        diagnostic = Diagnostic.from_row(item.diagnostic)
        same = next((key for key, known in found if equal_findings(known, diagnostic)), None)
        if same is not None:
            return Reject(row, "same_finding", f"of example {same}")
        repair = (row["text_sha256"], row["project_id"], row["response"])
        if self._repairs[repair] >= self._cap_per_repair:
            return Reject(row, "cap_repair", f"{self._cap_per_repair} examples have this repair")
        if (duplicate_of := self._seen.find_or_add(row["example_id"], item.task)) is not None:
            return Reject(row, "near_duplicate", f"of example {duplicate_of}")
        found.append((row["example_id"], diagnostic))
        self._repairs[repair] += 1
        self._selected[row["code"]] += 1
        return row


def share_cap(counts: Sequence[int], share: float) -> int:
    """The largest cap of all `counts` with which none is more than `share` of what they keep together.

    With fewer counts than such shares make one, the share is one of them.
    """
    if not counts:
        return 0
    share = max(share, 1 / len(counts))
    fits = [
        cap for cap in range(1, max(counts) + 1) if cap <= share * sum(min(cap, n) for n in counts) + 1e-9
    ]
    return max(fits, default=1)


def _kind(item: _Pending) -> str:
    """The kind of diagnostic whose share is bounded."""
    rule = type_of_code(item.row["code"])
    if rule in UNDEFINED_NAME.pyright | UNDEFINED_NAME.ruff:
        return "undefined name"
    return _QUOTED.sub("_", item.row["message"]) if rule == SYNTAX else rule


def _without_text(row: RepairExampleRow) -> dict[str, Any]:
    diagnostic = row["diagnostic"]
    return {
        **{name: row.get(name) for name in MIXTURE.names},
        "message": diagnostic["message"],
        "error_line": diagnostic["start_line"],
        "text_sha256": _text_sha256(row),
    }


def _text_sha256(row: RepairExampleRow) -> str:
    return hashlib.sha256(text_of(row).encode()).hexdigest()
