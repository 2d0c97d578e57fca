"""Teachers compared on the same diagnostics.

Each teacher is asked for the same rows, and each of its diffs is verified as synthesis would. A row of
`TEACHER_RESULTS` is one diagnostic and one system (a teacher; a language model once for each answer format).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

import pyarrow as pa

from repair.evaluation.edit_diversity import entropy, normalised, signed_lines
from repair.evaluation.summary import Share
from repair.language_servers import Request, Result
from repair.language_servers.scheduler import Servers
from repair.schema.outcomes import REASON, Reject
from repair.schema.stages import SYNTHESIZED_DIFFS
from repair.synthesis.lm.judge import LmJudge
from repair.synthesis.teacher import Teacher, synthesize
from repair.verification.verifier import verify_rows

VERIFIED = "verified"
NO_DIFF = frozenset({"no_diff", "malformed", "not_rising"})
"""Reasons of an answer in which no diff can be read."""
MISPLACED = frozenset({"wrong_line", "content_mismatch"})
"""Reasons of a diff that does not fit the file."""

TEACHER_RESULTS = pa.schema(
    [
        ("diagnostic_id", pa.string()),
        ("project_id", pa.string()),
        ("code", pa.string()),
        ("system", pa.string()),  # history, rules, or the model's name and the answer format
        ("teacher", pa.string()),  # what the column of that name says in the stages
        ("outcome", pa.string()),  # verified, or the reason of synthesis or verification
        ("proposed", pa.bool_()),  # the teacher answered something
        ("applies", pa.bool_()),  # a diff was read and applied
        ("verified", pa.bool_()),
        ("judged", pa.bool_()),  # the judge keeps it; null: not asked
        ("answer_characters", pa.int64()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("signed_lines", pa.int64()),  # of a verified diff
        ("edit", pa.string()),  # of a verified diff, normalised
    ]
)

Judge = Callable[[Sequence[Mapping[str, Any]]], Sequence[bool | None]]
"""Whether each verified row is kept; None: no answer could be had."""


def opinions(judge: LmJudge, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """What `judge` says of verified rows."""
    return [None if isinstance(each, Reject) else each.keep for each in judge.judge(rows)]


@dataclass(slots=True)
class CountedServers:
    """Language servers that count the workspaces that they are asked about."""

    servers: Servers
    checks: int = 0

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        def counted() -> Iterator[Request]:
            for request in requests:
                self.checks += 1
                yield request

        return self.servers.check_many(counted())


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A teacher under a name of its own; `servers` are those that it asks, and that judge its diffs."""

    name: str
    teacher: Teacher
    servers: CountedServers


def draw(rows: Iterable[Mapping[str, Any]], *, at_most: int, seed: int) -> list[Mapping[str, Any]]:
    """At most so many rows of `REPAIR_CANDIDATES`, by a seeded hash of their ids, in their order."""
    held = list(rows)

    def rank(row: Mapping[str, Any]) -> bytes:
        return hashlib.sha256(f"{seed}\0{row['diagnostic_id']}".encode()).digest()

    chosen = {row["diagnostic_id"] for row in sorted(held, key=rank)[:at_most]}
    return [row for row in held if row["diagnostic_id"] in chosen]


def results(batch: pa.RecordBatch, system: System, judge: Judge | None = None) -> pa.RecordBatch:
    """One row of `TEACHER_RESULTS` for each row of a batch of `REPAIR_CANDIDATES`, in order."""
    found: list[dict[str, Any]] = []
    for proposed in synthesize([batch], system.teacher):
        rows = proposed.to_pylist()
        going_on = [row for row in rows if row[REASON] is None]
        asked = pa.RecordBatch.from_pylist(
            [{name: row[name] for name in SYNTHESIZED_DIFFS.names} for row in going_on], SYNTHESIZED_DIFFS
        )
        judged = iter([row for each in verify_rows([asked], system.servers) for row in each.to_pylist()])
        found += [next(judged) if row[REASON] is None else row for row in rows]
    kept = [row for row in found if row[REASON] is None]
    opinions = iter(judge(kept) if judge is not None else [None] * len(kept))
    return pa.RecordBatch.from_pylist(
        [_result(row, system, next(opinions) if row[REASON] is None else None) for row in found],
        TEACHER_RESULTS,
    )


def _result(row: Mapping[str, Any], system: System, judged: bool | None) -> dict[str, Any]:
    verified = row[REASON] is None
    answer, line_diff = row.get("answer"), row.get("line_diff")
    return {
        **{name: row[name] for name in ("diagnostic_id", "project_id", "teacher")},
        "code": row["diagnostic"]["code"],
        "system": system.name,
        "outcome": VERIFIED if verified else row[REASON],
        "proposed": answer is not None,
        "applies": line_diff is not None,
        "verified": verified,
        "judged": judged,
        "answer_characters": None if answer is None else len(answer),
        **{name: row.get(name) for name in ("input_tokens", "output_tokens", "cost_usd")},
        "signed_lines": signed_lines(line_diff) if verified and line_diff else None,
        "edit": normalised(line_diff) if verified and line_diff else None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFigures:
    """What one system's results come to, over the rows of one type or of all."""

    system: str
    rows: int
    applies: Share
    verified: Share
    judged: Share | None
    checks: int
    """Workspaces that the servers looked at, for the teacher and for verification."""
    cost_usd: float | None
    """Of all answers; None: of some it is not known."""
    malformed: Share
    misplaced: Share
    characters: float | None
    """Of an answer, in the mean."""
    output_tokens: float | None
    signed_lines: float | None
    """Of a verified diff, the median."""
    distinct: int
    entropy_bits: float
    outcomes: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def checks_per_verified(self) -> float | None:
        return self.checks / self.verified.successes if self.verified.successes else None

    @property
    def usd_per_verified(self) -> float | None:
        if self.cost_usd is None or not self.verified.successes:
            return None
        return self.cost_usd / self.verified.successes


def figures(rows: Iterable[Mapping[str, Any]], checks: Mapping[str, int]) -> list[SystemFigures]:
    """The figures of each system in `TEACHER_RESULTS`, by their first appearance; `checks` by system."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["system"], []).append(row)
    return [_figures(name, held, checks.get(name, 0)) for name, held in groups.items()]


def _figures(system: str, rows: Sequence[Mapping[str, Any]], checks: int) -> SystemFigures:
    verified = [row for row in rows if row["verified"]]
    judged = [row["judged"] for row in verified if row["judged"] is not None]
    proposed = [row for row in rows if row["proposed"]]
    costs = [row["cost_usd"] for row in proposed]
    tokens = [row["output_tokens"] for row in proposed if row["output_tokens"]]

    def share_of(reasons: frozenset[str]) -> Share:
        return Share(sum(row["outcome"] in reasons for row in rows), len(rows))

    return SystemFigures(
        system=system,
        rows=len(rows),
        applies=Share(sum(row["applies"] for row in rows), len(rows)),
        verified=Share(len(verified), len(rows)),
        judged=Share(sum(judged), len(judged)) if judged else None,
        checks=checks,
        cost_usd=None if None in costs else sum(costs),
        malformed=share_of(NO_DIFF),
        misplaced=share_of(MISPLACED),
        characters=mean(row["answer_characters"] for row in proposed) if proposed else None,
        output_tokens=mean(tokens) if tokens else None,
        signed_lines=median(row["signed_lines"] for row in verified) if verified else None,
        distinct=len({row["edit"] for row in verified}),
        entropy_bits=entropy(row["edit"] for row in verified),
        outcomes=dict(Counter(row["outcome"] for row in rows).most_common()),
    )
