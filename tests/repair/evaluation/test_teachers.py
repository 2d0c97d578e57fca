"""Comparison of teachers: results, aggregated figures, the seeded sample."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from repair.evaluation.intervals import Share
from repair.evaluation.teachers import (
    TEACHER_RESULTS,
    ComparedTeacher,
    CountedServers,
    compare,
    draw,
    figures,
    results,
)
from repair.schema.outcomes import Reject
from repair.schema.stages import REPAIR_CANDIDATES
from repair.synthesis.teacher import Proposal
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found, marked


def row(number: int) -> dict[str, Any]:
    files = {"main.py": f"a = {number}\nb = error:name{number}x\n"}
    target = found("main.py", 1, f"found name{number}x", code=f"marker[name{number}x]")
    return candidate(files, target, marked(files), number=number)


class Scripted:
    """Answers rows by their index: a repair, prose, a diff of a line that is not there, nothing."""

    name = "scripted"

    def propose(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Proposal | Reject]:
        for number, asked in enumerate(rows):
            answers = (
                f"-2 b = error:name{number}x\n+2 b = name{number}x\n</diff>",
                "I can't",
                "-9 b\n+9 c\n</diff>",
            )
            if number % 4 == 3:
                yield Reject(asked, "no_idea", "none")
            else:
                yield Proposal(answers[number % 4], output_tokens=10 * (number + 1), cost_usd=0.5)


def test_each_answer_is_counted_by_its_outcome() -> None:
    system = ComparedTeacher(name="s", teacher=Scripted(), servers=CountedServers(FunctionServers(marked)))
    batch = as_batch([row(number) for number in range(5)], REPAIR_CANDIDATES)
    found_rows = results(batch, system, judge=lambda rows: [True, False][: len(rows)]).to_pylist()
    assert [result["outcome"] for result in found_rows] == [
        "verified",
        "no_diff",
        "wrong_line",
        "no_idea",
        "verified",
    ]
    [figure] = figures(found_rows, {"s": system.servers.checks})
    assert (figure.rows, figure.verified, figure.applies) == (5, Share(2, 5), Share(2, 5))
    assert (figure.malformed, figure.misplaced, figure.judged) == (Share(1, 5), Share(1, 5), Share(1, 2))
    assert (figure.checks, figure.checks_per_verified) == (2, 1.0)  # only what applies is checked
    assert (figure.cost_usd, figure.usd_per_verified) == (2.0, 1.0)  # wrong answers cost as much
    assert (figure.distinct, figure.entropy_bits, figure.signed_lines) == (1, 0.0, 2)
    assert figure.output_tokens == (10 + 20 + 30 + 50) / 4


def test_teachers_are_compared_in_turn_on_the_same_rows_and_closed() -> None:
    events: list[str] = []

    @contextmanager
    def opened(name: str) -> Generator[ComparedTeacher]:
        events.append(f"open {name}")
        servers = CountedServers(FunctionServers(marked))
        yield ComparedTeacher(name=name, teacher=Scripted(), servers=servers)
        events.append(f"close {name}")

    batch = as_batch([row(number) for number in range(3)], REPAIR_CANDIDATES)
    found_rows = {
        compared.name: (rows.to_pylist(), compared.servers.checks)
        for compared, rows in compare(batch, map(opened, ("a", "b")))
    }
    assert events == ["open a", "close a", "open b", "close b"]
    rows, checks = found_rows["b"]
    assert [(result["system"], result["diagnostic_id"]) for result in rows] == [
        ("b", number) for number in batch["diagnostic_id"].to_pylist()
    ]
    assert checks == found_rows["a"][1] == 1
    assert {result["judged"] for result in rows} == {None}


def test_nothing_is_divided_by_nothing() -> None:
    nothing = dict.fromkeys(TEACHER_RESULTS.names)
    lost = {**nothing, "system": "s", "outcome": "no_rule", "proposed": False, "applies": False}
    [figure] = figures([{**lost, "verified": False}], {})
    assert (figure.checks_per_verified, figure.usd_per_verified, figure.signed_lines) == (None, None, None)
    assert figures([], {}) == []


@pytest.mark.parametrize("at_most", [0, 2, 5, 9])
def test_a_draw_depends_on_the_seed_and_the_ids_alone(at_most: int) -> None:
    rows = [row(number) for number in range(5)]
    drawn = draw(rows, at_most=at_most, seed=1)
    assert len(drawn) == min(at_most, 5)
    again = draw(reversed(rows), at_most=at_most, seed=1)
    assert {candidate_row["diagnostic_id"] for candidate_row in again} == {
        candidate_row["diagnostic_id"] for candidate_row in drawn
    }
    assert drawn == [candidate_row for candidate_row in rows if candidate_row in drawn]  # in their order
