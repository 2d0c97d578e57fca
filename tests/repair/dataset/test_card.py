"""The data card counts what streamed by, however it was cut, and a strange name breaks no table."""

from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.dataset.card import SHOWN, MixtureCard
from repair.schema.outcomes import Reject, outcome_batch

INCOMING = pa.schema([("licence", pa.string()), ("teacher", pa.string())])
KEPT = pa.schema(
    [
        ("code", pa.string()),
        ("split", pa.string()),
        ("project_id", pa.string()),
        ("confidence", pa.float64()),
    ]
)

LICENCES, TEACHERS, CODES = [None, "MIT", "BSD-3-Clause"], ["history", "lm"], ["ruff[F821]", "pyright"]
incoming = st.lists(st.tuples(st.sampled_from(LICENCES), st.sampled_from(TEACHERS)))
CONFIDENCES = [None, 0.0, 0.49, 0.5, 0.9, 1.0]
outcomes = st.lists(
    st.tuples(st.sampled_from(CODES), st.sampled_from("ab"), st.sampled_from(CONFIDENCES), st.booleans())
)


def counted(
    rows: list[tuple[Any, ...]], results: list[tuple[Any, ...]], at: int, **facts: Any
) -> MixtureCard:
    card = MixtureCard(**facts)
    columns = [pa.array(column, pa.string()) for column in (zip(*rows, strict=True) if rows else ([], []))]
    batch = pa.RecordBatch.from_arrays(columns, schema=INCOMING)
    cut = [batch.slice(0, at), batch.slice(at)]
    assert list(card.count_incoming(cut)) == cut
    made = [
        {"code": code, "split": "train", "project_id": project, "confidence": confidence}
        if keep
        else Reject({}, "cap_code")
        for code, project, confidence, keep in results
    ]
    both = [outcome_batch(part, KEPT) for part in (made[:at], made[at:])]
    assert list(card.count_outcomes(both)) == both
    return card


@settings(deadline=None, max_examples=40)
@given(incoming, outcomes, st.integers(0, 5))
def test_the_card_counts_as_a_plain_count_does(
    rows: list[tuple[Any, ...]], results: list[tuple[Any, ...]], at: int
) -> None:
    card = counted(rows, results, at)
    assert card.came_in["licence"] == Counter(licence or "not known" for licence, _ in rows)
    assert card.kept["code"] == Counter(code for code, _, _, keep in results if keep)
    projects = {project for _, project, _, keep in results if keep}
    said = f"{sum(keep for *_, keep in results)} examples of {len(projects)} projects, out of {len(rows)} of"
    page = card.markdown(["2026-01-05", "2026-01-06"])
    assert said in page
    confidences = [confidence for _, _, confidence, keep in results if keep]
    high = sum(confidence is not None and confidence >= 0.9 for confidence in confidences)
    assert f"| 0.9 to 1.0 | {high} |" in page
    assert ("| not known: of types of diagnostic that were not measured |" in page) is (None in confidences)


def test_a_long_tail_shares_a_line_and_a_bar_stays_in_its_cell() -> None:
    rows = [("MIT", "a|b\nc"), *(("MIT", f"teacher {number:02}") for number in range(SHOWN + 4))]
    page = counted(rows, [], 0).markdown(["2026-01-05"])
    assert "| a\\|b c | 1 |" in page
    assert "| 5 others | 5 |" in page


def test_the_precision_of_each_teacher_is_there_or_said_to_be_unknown() -> None:
    measured = {"lm": {"injected": "60.0 [50.0, 70.0]", "published": "9"}, "other": {"injected": "1"}}
    page = counted([("MIT", "history"), ("MIT", "lm")], [], 0, measured=measured).markdown(["2026-01-05"])
    assert (
        "| Teacher | injected | published |\n|---|---|---|\n"
        "| history | not measured | not measured |\n| lm | 60.0 [50.0, 70.0] | 9 |\n"
    ) in page
    assert "No precision was asked for" in page


def test_what_was_asked_for_is_said() -> None:
    page = counted([], [], 0, least_precision=0.9, least_confidence=0.6547).markdown([])
    assert "A precision of 0.9 was asked for: every example has a confidence of 0.6547 at least" in page
