"""Each gate of a release: what passes it, what refuses, and the figures that it says."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from repair.evaluation import release_gates as gates
from repair.evaluation.release_gates import Scored
from repair.models.golden import EXAMPLES
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.manifest import Manifest

COMPARABLE = (("samples", "r1"), ("pyright", "1"))
OTHER = (("samples", "r2"), ("pyright", "1"))


def scored(right: int, of: int = 20, comparable: Any = COMPARABLE) -> Scored:
    """Scores of one cell, of which the first are right."""
    rows = [
        {
            "sample_id": f"s{number}",
            "benchmark": "workspace",
            "system": "model",
            "answer_index": 0,
            **dict.fromkeys(("ast_match", "ast_or_string_match", "repaired"), number < right),
        }
        for number in range(of)
    ]
    return {("workspace", "F821"): (comparable, rows)} if rows else {}


def manifest(**changed: Any) -> Manifest:
    known: dict[str, Any] = {
        **{"asset": "a", "partition": {"date": "2026-01-06"}, "fingerprint": "f", "versions": {}},
        **{"inputs": {"checkpoint[2026-01-06]": "v1"}, "rows_in": 0, "rows_out": 0, "rejects": {}},
        **{"files": (), "data_version": "v1", "created": datetime(2026, 1, 7, tzinfo=UTC)},
    }
    return Manifest(**{**known, **changed})


@pytest.mark.parametrize(
    ("own", "earlier", "passed", "said"),
    [
        (scored(10), None, True, "the first release; workspace ast_match 50.0 [29.9, 70.1]"),
        (scored(0, of=0), None, False, "has no score: materialize predictions"),
        (scored(10), scored(10), True, "no worse than the release last, beyond chance"),
        (scored(20), scored(10), True, "no worse"),
        (scored(6), scored(10), True, "no worse"),  # four lost and none won may be chance
        (scored(5), scored(10), False, "worse than the release last: workspace, all types"),
        (scored(10), scored(10, comparable=OTHER), False, "nothing can be compared"),
    ],
)
def test_scores(own: Scored, earlier: Scored | None, passed: bool, said: str) -> None:
    found = gates.scores_gate(own, earlier, "last")
    assert found.passed is passed
    assert said in found.said
    assert str(found).startswith(f"scores {'passed' if passed else 'refused'}: ")


def test_a_refusal_has_the_figures() -> None:
    found = gates.scores_gate(scored(5), scored(10), "last")
    assert "5 lost and 0 won of 20 (p = 0.031)" in found.said
    assert found.figures["workspace repaired"] == "25.0 [11.2, 46.9]"


@pytest.mark.parametrize(
    ("contaminated", "unchecked", "passed"), [(0, 0, True), (1, 0, False), (0, 1, False)]
)
def test_leaks(contaminated: int, unchecked: int, passed: bool) -> None:
    counts = {"samples": 36, "contaminated": contaminated, "unchecked": unchecked}
    found = gates.leaks_gate(manifest(extra={"contamination": counts}))
    assert found.passed is passed
    assert f"{contaminated} of 36 samples" in found.said
    assert found.figures == counts


def test_what_was_evaluated_are_these_weights() -> None:
    checkpoint = manifest()
    assert gates.evaluated_gate(checkpoint, {"predictions": manifest(), "scorecard": manifest()}).passed
    other = manifest(inputs={"checkpoint[2026-01-06]": "v0"})
    found = gates.evaluated_gate(checkpoint, {"predictions": other, "scorecard": manifest()})
    assert not found.passed
    assert found.said.startswith("predictions are of another checkpoint[2026-01-06]")


def test_the_version_of_the_prompt() -> None:
    assert gates.prompt_gate({"prompt_version": PROMPT_VERSION}).passed
    assert not gates.prompt_gate({"prompt_version": "0"}).passed


@pytest.mark.parametrize(
    ("count", "earlier", "passed"),
    [(0, None, False), (1, None, True), (8, 8, True), (5, 8, False), (6, 8, True), (0, 1, False)],
)
def test_golden_answers(count: int, earlier: int | None, passed: bool) -> None:
    found = gates.golden_gate(count, 8, earlier)
    assert found.passed is passed
    assert f"{count} of 8 golden answers" in found.said


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("-3 print(math.squareroot(2))\n+3 print(math.sqrt(2))\n</diff>", True),
        ("-3 print(math.squareroot(9))\n+3 print(math.sqrt(2))\n</diff>", False),  # not the file's line
        ("use sqrt instead", False),
        ("", False),
    ],
)
def test_an_answer_in_form_is_a_diff_that_applies(answer: str, expected: bool) -> None:
    assert gates.in_form(answer, EXAMPLES[0]) is expected


def test_stored_scores_are_what_they_were() -> None:
    rows = gates.scores_table(scored(3, of=4)).to_pylist()
    assert [row["repaired"] for row in rows] == [True, True, True, False]
    assert {row["diagnostic_type"] for row in rows} == {"F821"}
    assert json.loads(rows[0]["comparable"]) == [list(pair) for pair in COMPARABLE]
