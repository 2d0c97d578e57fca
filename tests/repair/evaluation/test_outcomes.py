"""Kinds of outcomes: every reason of verification has one, and they add up."""

import pytest

from repair.evaluation.outcomes import KINDS, WRONG, kind_of, shares_of_kinds
from repair.language_servers import ServerCrashError
from repair.verification.verifier import REASONS


@pytest.mark.parametrize("outcome", [*REASONS, "repaired", "unexpected"])
def test_every_reason_is_of_a_kind(outcome: str) -> None:
    kind = kind_of({"answer": "-1 a\n</diff>", "outcome": outcome})
    assert kind in KINDS
    assert (kind == WRONG) is (outcome in {"diagnostic_remains", "new_error"})


@pytest.mark.parametrize("answer", ["", "  \n", None, "</diff>", "<diff>\n</diff>"])
def test_an_answer_that_proposes_nothing_abstains(answer: str | None) -> None:
    assert kind_of({"answer": answer, "outcome": "no_change"}) == "abstained"


def test_shares_add_up() -> None:
    outcomes = [
        "repaired",
        "no_change",
        "cheat",
        ServerCrashError.reason,
        "malformed",
        "new_error",
        "later_reason",
    ]
    found = shares_of_kinds({"answer": "-1 a\n</diff>", "outcome": outcome} for outcome in outcomes)
    assert sum(share.successes for share in found.values()) == len(outcomes)
    assert found["wrong"].successes == 2
    assert shares_of_kinds([]) == {}
