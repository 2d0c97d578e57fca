"""Comparison of teachers on the same diagnostics: yield, cost, diversity.

Each teacher gets the same rows, and each of its diffs is verified as in synthesis. A row of `TEACHER_RESULTS`
is one diagnostic and one system (a teacher; a language model once for each answer format).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.evaluation.edit_diversity import entropy, normalised, signed_lines
from repair.evaluation.intervals import Share
from repair.language_servers import Request, Result
from repair.language_servers.scheduler import VersionedServers
from repair.schema.outcomes import REASON, Reject, join_outcomes
from repair.schema.stages import SYNTHESIZED_DIFFS, VERIFIED_DIFFS
from repair.synthesis.lm.judge import LmJudge
from repair.synthesis.teacher import Teacher, synthesize
from repair.text.stable_hash import rank
from repair.verification.stage import verify_rows

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

VERIFIED = "verified"
NO_DIFF = frozenset({"no_diff", "malformed", "not_rising"})
"""Reject reasons of answers without a diff that can be parsed."""
MISPLACED = frozenset({"wrong_line", "content_mismatch", "outside_excerpt"})
"""Reject reasons of diffs that do not fit the file, or what was shown of it."""

TEACHER_RESULTS = pa.schema(
    [
        ("diagnostic_id", pa.string()),
        ("project_id", pa.string()),
        ("code", pa.string()),
        ("system", pa.string()),  # history, rules, or the model's name and the answer format
        ("teacher", pa.string()),  # as in the stages' column of that name
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
"""Whether each verified row is kept; None: the judge gave no answer."""


def judgements(judge: LmJudge, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """The LLM judge's decisions on verified rows."""
    return [None if isinstance(judgement, Reject) else judgement.keep for judgement in judge.judge(rows)]


@dataclass(slots=True)
class CountedServers:
    """Language servers that count the workspaces that they check."""

    servers: VersionedServers
    checks: int = 0

    @property
    def versions(self) -> Mapping[str, str]:
        return self.servers.versions

    @property
    def environment(self) -> str:
        return self.servers.environment

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        def counted() -> Iterator[Request]:
            for request in requests:
                self.checks += 1
                yield request

        return self.servers.check_many(counted())


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTeacher:
    """A named teacher with its own counted `servers`, for its own checks and for verification."""

    name: str
    teacher: Teacher
    servers: CountedServers


def draw(rows: Iterable[Mapping[str, Any]], *, at_most: int, seed: int) -> list[Mapping[str, Any]]:
    """Seeded sample of at most `at_most` rows of `REPAIR_CANDIDATES`, by a hash of their ids; order kept."""
    known = list(rows)

    drawn = sorted(known, key=lambda row: rank(seed, row["diagnostic_id"]))
    chosen = {row["diagnostic_id"] for row in drawn[:at_most]}
    return [row for row in known if row["diagnostic_id"] in chosen]


def compare(
    batch: pa.RecordBatch,
    teachers: Iterable[AbstractContextManager[ComparedTeacher]],
    judge: Judge | None = None,
) -> Iterator[tuple[ComparedTeacher, pa.RecordBatch]]:
    """Each teacher in turn, with its rows of `TEACHER_RESULTS` for the same rows; then it is closed."""
    for teacher in teachers:
        with teacher as compared:
            yield compared, results(batch, compared, judge)


def results(batch: pa.RecordBatch, system: ComparedTeacher, judge: Judge | None = None) -> pa.RecordBatch:
    """Run one teacher and verify its diffs: a row of `TEACHER_RESULTS` for each row, in order."""
    found: list[dict[str, Any]] = []
    for proposed in join_outcomes([batch], synthesize([batch], system.teacher), SYNTHESIZED_DIFFS):
        going_on = proposed.filter(pc.is_null(proposed[REASON])).select(SYNTHESIZED_DIFFS.names)
        verified = join_outcomes([going_on], verify_rows([going_on], system.servers), VERIFIED_DIFFS)
        outcomes = iter([row for part in verified for row in part.to_pylist()])
        found += [next(outcomes) if row[REASON] is None else row for row in proposed.to_pylist()]
    kept = [row for row in found if row[REASON] is None]
    decisions = iter(judge(kept) if judge is not None else [None] * len(kept))
    return pa.RecordBatch.from_pylist(
        [_result(row, system, next(decisions) if row[REASON] is None else None) for row in found],
        TEACHER_RESULTS,
    )


def _result(row: Mapping[str, Any], system: ComparedTeacher, judged: bool | None) -> dict[str, Any]:
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
    """Aggregated results of one system, over the rows of one type or of all."""

    system: str
    rows: int
    applies: Share
    verified: Share
    judged: Share | None
    checks: int
    """Workspaces that the servers checked, for the teacher and for verification."""
    cost_usd: float | None
    """Of all answers; None: not known of some."""
    malformed: Share
    misplaced: Share
    characters: float | None
    """Mean length of an answer."""
    output_tokens: float | None
    signed_lines: float | None
    """Median of a verified diff."""
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
    """Aggregate `TEACHER_RESULTS` by system, in order of first appearance; `checks` by system."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["system"], []).append(row)
    return [_figures(name, group, checks.get(name, 0)) for name, group in groups.items()]


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
        judged=Share.of(sum(judged), len(judged)),
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
