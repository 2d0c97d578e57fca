"""The teacher interface, and the synthesis stage: one proposal or reject for each candidate row.

Tested by `tests/repair/synthesis/test_history.py`.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pyarrow as pa

from repair.prompt.answer_formats import LINE_DIFF
from repair.schema.outcomes import KEY, Reject, outcome_batch, subschema
from repair.schema.rows import RepairCandidateRow
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS

READS = (KEY, "project_id", "purposes", "path", "files", "later_states", "diagnostic", "before")
ADDS = subschema(
    SYNTHESIZED_DIFFS,
    (KEY, *(name for name in SYNTHESIZED_DIFFS.names if name not in REPAIR_CANDIDATES.names)),
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A teacher's answer for one row, not verified yet.

    `answer` is the whole text, with its diff block in `answer_format`. Tokens and cost are of all
    `candidates` that were asked for; a null count or cost is not known.
    """

    answer: str
    answer_format: str = LINE_DIFF
    minimized: bool = False
    """Whether the proposal is only a part of a later change (minimized)."""
    candidates: int = 1
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cost_usd: float | None = 0.0


class Teacher(Protocol):
    """Proposes diffs for rows of `REPAIR_CANDIDATES`."""

    @property
    def name(self) -> str:
        """The value of the rows' `teacher` column."""
        ...

    def propose(self, rows: Iterable[RepairCandidateRow]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order."""
        ...


def synthesize(
    batches: Iterable[pa.RecordBatch], teacher: Teacher, *, rows_at_once: int = 64
) -> Iterator[pa.RecordBatch]:
    """The synthesis stage: outcomes of `ADDS` for rows of `REPAIR_CANDIDATES`, in order.

    The teacher sees one stream of rows and reads ahead as far as it works on several at once. Batches have
    `rows_at_once` rows; the last one may be smaller.
    """
    pending: deque[RepairCandidateRow] = deque()

    def rows() -> Iterator[RepairCandidateRow]:
        for batch in batches:
            for row in batch.select(READS).to_pylist():
                pending.append(row)
                yield row

    outcomes: list[Mapping[str, Any] | Reject] = []
    written = False
    for proposal in teacher.propose(rows()):
        outcomes.append(_outcome(pending.popleft(), proposal, teacher.name))
        if len(outcomes) == rows_at_once:
            yield outcome_batch(outcomes, ADDS)
            outcomes, written = [], True
    if pending:
        raise RuntimeError(f"the teacher {teacher.name} left {len(pending)} rows without an outcome")
    if outcomes or not written:
        yield outcome_batch(outcomes, ADDS)


def _outcome(row: RepairCandidateRow, proposal: Proposal | Reject, name: str) -> Mapping[str, Any] | Reject:
    if isinstance(proposal, Reject):
        return Reject({**row, "teacher": name}, proposal.reason, proposal.detail, proposal.rows)
    return {KEY: row[KEY], "teacher": name, **asdict(proposal)}
