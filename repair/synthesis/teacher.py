"""What a teacher is, and the stage that asks one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pyarrow as pa

from repair.outcomes import Reject, outcome_batch
from repair.rounds import Servers
from repair.schemas import SYNTHESIZED_DIFFS


@dataclass(frozen=True, slots=True)
class Proposal:
    """A teacher's answer for one row, not verified yet.

    `answer` is what the teacher wrote, diff block and all; a null count or cost is not known.
    """

    answer: str
    shrunk: bool = False
    """Whether less than the whole of a found change is proposed."""
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cost_usd: float | None = 0.0


class Teacher(Protocol):
    """Proposes diffs for rows of `REPAIR_CANDIDATES`."""

    @property
    def name(self) -> str:
        """What the rows' `teacher` column says."""
        ...

    def propose(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order."""
        ...


def synthesize(batches: Iterable[pa.RecordBatch], teacher: Teacher) -> Iterator[pa.RecordBatch]:
    """Outcomes of `SYNTHESIZED_DIFFS` for rows of `REPAIR_CANDIDATES`, one batch for one batch."""
    for batch in batches:
        rows = batch.to_pylist()
        proposals = zip(rows, teacher.propose(rows), strict=True)
        outcomes = [_outcome(row, proposal, teacher.name) for row, proposal in proposals]
        yield outcome_batch(outcomes, SYNTHESIZED_DIFFS)


def synthesize_offline(
    teacher: Callable[[Servers], Teacher], batches: Iterable[pa.RecordBatch], servers: Servers
) -> Iterator[pa.RecordBatch]:
    """`synthesize` with a teacher that needs nothing but the language servers."""
    yield from synthesize(batches, teacher(servers))


def _outcome(row: Mapping[str, Any], proposal: Proposal | Reject, name: str) -> Mapping[str, Any] | Reject:
    if isinstance(proposal, Reject):
        return Reject({**row, "teacher": name}, proposal.reason, proposal.detail, proposal.rows)
    return {**row, "teacher": name, **asdict(proposal)}
