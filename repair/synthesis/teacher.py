"""What a teacher is, and the stage that asks one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pyarrow as pa

from repair.language_servers.scheduler import Servers
from repair.prompt.answer_formats import LINE_DIFF
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import SYNTHESIZED_DIFFS


@dataclass(frozen=True, slots=True)
class Proposal:
    """A teacher's answer for one row, not verified yet.

    `answer` is what the teacher wrote, diff block and all, in `answer_format`. Tokens and cost are of all
    `candidates` that were asked for; a null count or cost is not known.
    """

    answer: str
    answer_format: str = LINE_DIFF
    shrunk: bool = False
    """Whether less than the whole of a found change is proposed."""
    candidates: int = 1
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


def synthesize(
    batches: Iterable[pa.RecordBatch], teacher: Teacher, *, rows_at_once: int = 64
) -> Iterator[pa.RecordBatch]:
    """Outcomes of `SYNTHESIZED_DIFFS` for rows of `REPAIR_CANDIDATES`, in order, in batches of that size.

    The teacher sees one stream of rows and holds as many of them as it works on; a last batch may be small.
    """
    held: deque[Mapping[str, Any]] = deque()

    def rows() -> Iterator[Mapping[str, Any]]:
        for batch in batches:
            for row in batch.to_pylist():
                held.append(row)
                yield row

    outcomes: list[Mapping[str, Any] | Reject] = []
    written = False
    for proposal in teacher.propose(rows()):
        outcomes.append(_outcome(held.popleft(), proposal, teacher.name))
        if len(outcomes) == rows_at_once:
            yield outcome_batch(outcomes, SYNTHESIZED_DIFFS)
            outcomes, written = [], True
    if held:
        raise RuntimeError(f"the teacher {teacher.name} left {len(held)} rows without an outcome")
    if outcomes or not written:
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
