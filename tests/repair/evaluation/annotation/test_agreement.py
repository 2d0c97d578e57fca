"""Cohen's kappa against published tables, agreement of decisions, and the precision of audited labels."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.annotation.agreement import agreements, cohens_kappa, summary
from repair.evaluation.annotation.decisions import Decision, Decisions, sample_sha256
from repair.evaluation.annotation.samples import Sample
from tests.annotated import sample_row

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def pairs_of(table: Sequence[Sequence[int]]) -> list[tuple[str, str]]:
    """Items of a contingency table: rows are the first rater's labels."""
    return [
        (str(row), str(column))
        for row, counts in enumerate(table)
        for column, count in enumerate(counts)
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # Cohen (1960), A coefficient of agreement for nominal scales, three diagnoses of 200 patients
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.492),
        # Fleiss, Levin and Paik (2003), Statistical methods for rates and proportions, table 18.1
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.676),
        # the two tables of equal raw agreement (60 of 100) that show what marginals do
        ([[45, 15], [25, 15]], 0.1304),
        ([[25, 35], [5, 35]], 0.2593),
        # 50 grant proposals, two readers
        ([[20, 5], [10, 15]], 0.4),
        ([[10, 0], [0, 10]], 1.0),
        ([[0, 10], [10, 0]], -1.0),
        ([[25, 25], [25, 25]], 0.0),
    ],
)
def test_kappa_of_published_tables(table: Sequence[Sequence[int]], expected: float) -> None:
    assert cohens_kappa(pairs_of(table)) == pytest.approx(expected, abs=5e-4)


def test_kappa_is_undefined_where_chance_agrees_fully() -> None:
    assert cohens_kappa([]) is None
    assert cohens_kappa([("a", "a")] * 5) is None
    assert cohens_kappa([("a", "b")] * 5) == 0.0


LABELS = st.sampled_from(["accept", "correct", "reject"])


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=60))
def test_kappa_is_the_formula_over_proportions(pairs: list[tuple[str, str]]) -> None:
    n, labels = len(pairs), {label for pair in pairs for label in pair}
    observed = sum(a == b for a, b in pairs) / n
    chance = sum(
        sum(a == label for a, _ in pairs) / n * sum(b == label for _, b in pairs) / n for label in labels
    )
    found = cohens_kappa(pairs)
    assert found == cohens_kappa([(b, a) for a, b in pairs])
    if found is None:
        assert chance == pytest.approx(1)
    else:
        assert found == pytest.approx((observed - chance) / (1 - chance))
        assert found <= 1


def sample(number: int) -> Sample:
    row = sample_row()
    files = {"main.py": row["files"][0]["text"]}
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    sha256 = sample_sha256(files, diagnostic.as_row())
    return Sample(str(number), "p", diagnostic, files, {"main.py": row["target"]}, "P", sha256)


def decisions(rows: Sequence[tuple[int, str, str, str]]) -> Decisions:
    return Decisions(
        Decision(
            sample_id=str(number),
            sample_sha256=sample(number).sha256,
            annotator=name,
            decision=choice,  # pyright: ignore[reportArgumentType]
            reason="",
            line_diff=diff,
            timestamp=NOON,
        )
        for number, name, choice, diff in rows
    )


def test_agreement_counts_what_both_have_decided() -> None:
    known = decisions(
        [
            *((1, "ann", "accept", "P"), (1, "bob", "accept", "P")),
            *((2, "ann", "accept", "P"), (2, "bob", "reject", "P")),
            *((3, "ann", "correct", "Q"), (3, "bob", "correct", "R")),  # one label, two references
            *((4, "ann", "accept", "P"), (4, "bob", "skip", "P")),
            *((5, "ann", "reject", "P"), (5, "bob", "reject", "P")),
            (2, "adjudicator", "accept", "P"),
            *((9, "ann", "accept", "P"), (9, "bob", "accept", "P")),  # of no sample that is shown
        ]
    )
    [found] = agreements([sample(number) for number in range(6)], known)
    assert (found.annotators, found.n, found.agreed) == (("ann", "bob"), 4, 3)
    # labels: aa, ar, cc, rr: observed 12/16; by chance 2*1 + 1*1 + 1*2 = 5 of 16
    assert found.kappa == pytest.approx((12 - 5) / (16 - 5))
    assert found.disagreements == (("2", "accept", "reject"), ("3", "correct", "correct"))
    assert str(found) == "ann and bob: 3 of 4 (75.0%), Cohen's kappa 0.636"


def test_agreement_without_common_samples_is_unknown() -> None:
    two = [sample(1), sample(2)]
    only_skipped = decisions([(1, "ann", "accept", "P"), (2, "bob", "skip", "P")])
    assert agreements(two, only_skipped) == []
    [found] = agreements(
        [sample(1), sample(2)], decisions([(1, "ann", "accept", "P"), (2, "bob", "accept", "P")])
    )
    assert str(found) == "ann and bob: no sample in common, Cohen's kappa unknown"
    [found] = agreements([sample(1)], decisions([(1, "ann", "accept", "P"), (1, "bob", "accept", "P")]))
    assert str(found) == "ann and bob: 1 of 1 (100.0%), Cohen's kappa undefined (one label only)"


def test_precision_of_audited_labels() -> None:
    labels = ["right"] * 81 + ["wrong"] * 182 + ["unsure"] * 3
    known = decisions([(number, "ann", label, "P") for number, label in enumerate(labels)])
    known.add(next(iter(decisions([(0, "bob", "wrong", "P")]))))
    known.add(next(iter(decisions([(0, "adjudicator", "right", "P")]))))
    known.add(next(iter(decisions([(265, "bob", "wrong", "P")]))))
    lines = list(summary([sample(number) for number in range(270)], known, audit=True))
    assert "ann: 266 of 270 decided (81 right, 3 unsure, 182 wrong)" in lines
    # Newcombe (1998), table I, method 3: 81 of 263
    expected = "30.8% (81 of 263; 25.5% to 36.6%); 2 unsure, 1 disagreed, 4 open"
    assert lines[-2:] == [f"precision of F821: {expected}", f"precision of all types: {expected}"]
    nothing = list(summary([sample(1)], Decisions(), audit=True))
    assert nothing[-1] == "precision of all types: unknown; 0 unsure, 0 disagreed, 1 open"
