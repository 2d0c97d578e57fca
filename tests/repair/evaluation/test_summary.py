"""Shares over samples: several answers to a sample do not make several samples of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.intervals import Share
from repair.evaluation.summary import (
    VerifierPrecision,
    first_answers,
    pass_at,
    scores_by,
    system_scores,
    verifier_precisions,
)

Row = dict[str, Any]


def row(sample: int, right: bool, index: int | None = None, **columns: Any) -> Row:
    metrics = ("ast_match", "ast_or_string_match", "repaired")
    known = {"sample_id": str(sample), "benchmark": "workspace", "system": "model", "functional": None}
    known |= {"answer": "-1 a\n</diff>", "outcome": "repaired" if right else "no_change"}
    own = {} if index is None else {"answer_index": index}
    return {**known, **dict.fromkeys(metrics, right), **own, **columns}


def test_rows_without_an_answer_index_are_first_answers() -> None:
    (score,) = system_scores([row(1, True), row(2, False), row(3, True, index=None)])
    assert score.metrics["repaired"] == Share(2, 3)
    assert score.metrics["functional"] is None
    assert (score.kinds["no_change"], score.kinds["wrong"]) == (Share(1, 3), Share(0, 3))


def test_shares_are_of_the_first_answer_to_each_sample_in_any_order() -> None:
    answers = [row(sample, index == 2, index) for index in (2, 0, 1) for sample in range(5)]
    (score,) = system_scores(answers)
    assert (score.samples, score.metrics["repaired"]) == (5, Share(0, 5))
    assert [one["answer_index"] for one in first_answers(answers)] == [0] * 5


def test_equal_sample_ids_of_two_benchmarks_and_systems_are_apart() -> None:
    rows = [row(1, True), row(1, False, benchmark="leetcode"), row(1, False, system="base")]
    assert len(system_scores(rows)) == 3


def test_the_precision_of_the_verifier_is_of_the_first_answer_that_verifies() -> None:
    def answered(sample: int, *outcomes: tuple[bool, bool]) -> list[Row]:
        """(verifies, passes the tests) of each answer."""
        return [row(sample, ok, index, functional=passes) for index, (ok, passes) in enumerate(outcomes)]

    rows = [
        *answered(1, (True, True), (True, False)),
        *answered(2, (True, False), (True, True)),
        *answered(3, (False, True), (True, True)),  # right, and not verified: no part of the precision
        *answered(4, (False, False), (False, False)),
        row(5, True, 0, functional=None),  # it has no tests
        row(1, False, 0, functional=False, system="base"),
        row(1, True, 0, system="untested"),
    ]
    assert verifier_precisions(rows) == [
        VerifierPrecision("model", 1, Share(2, 4), Share(1, 2)),
        VerifierPrecision("model", 2, Share(3, 4), Share(2, 3)),
        VerifierPrecision("base", 1, Share(0, 1), None),
    ]


def test_scores_by_group() -> None:
    found = scores_by(
        [row(1, True), row(2, False), row(3, False)],
        lambda one: "odd" if int(one["sample_id"]) % 2 else "even",
    )
    assert {name: score.metrics["repaired"] for name, (score,) in found.items()} == {
        "odd": Share(1, 2),
        "even": Share(0, 1),
    }


def test_pass_at_k_is_the_mean_over_samples() -> None:
    # one right of 4, four of 4
    rows = [row(1, index == 3, index) for index in range(4)] + [row(2, True, index) for index in range(4)]
    found = pass_at(rows, "repaired")
    assert {k: share.value for k, share in found.items()} == {1: 0.625, 2: 0.75, 4: 1.0}
    assert found[1].samples == 2, "the interval is that of 2 samples, not of 8 answers"
    assert pass_at(rows, "functional") == {}


def test_a_k_that_a_sample_has_too_few_answers_for_is_left_out() -> None:
    rows = [row(1, True, index) for index in range(5)] + [row(2, False, index) for index in range(3)]
    assert list(pass_at(rows, "repaired")) == [1, 2, 3]


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=8))
def test_pass_at_1_is_the_share_of_right_answers(samples: list[list[bool]]) -> None:
    rows = [
        row(number, right, index) for number, own in enumerate(samples) for index, right in enumerate(own)
    ]
    found = pass_at(rows, "repaired")
    assert found[1].value == pytest.approx(sum(map(sum, samples)) / (3 * len(samples)))
    assert found[1].value <= found[2].value + 1e-12
    assert found[3].value == pytest.approx(sum(map(any, samples)) / len(samples))
