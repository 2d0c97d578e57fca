"""The data card counts what streamed by, however it was cut, and a strange name breaks no table."""

from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.dataset.card import SHOWN, MixtureCard
from repair.schema.outcomes import Reject, outcome_batch

INCOMING = pa.schema([("licence", pa.string()), ("teacher", pa.string())])
KEPT = pa.schema([("code", pa.string()), ("split", pa.string()), ("project_id", pa.string())])

LICENCES, TEACHERS, CODES = [None, "MIT", "BSD-3-Clause"], ["history", "lm"], ["ruff[F821]", "pyright"]
incoming = st.lists(st.tuples(st.sampled_from(LICENCES), st.sampled_from(TEACHERS)))
outcomes = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from("ab"), st.booleans()))


def counted(rows: list[tuple[Any, ...]], results: list[tuple[Any, ...]], at: int) -> MixtureCard:
    card = MixtureCard()
    columns = [pa.array(column, pa.string()) for column in (zip(*rows, strict=True) if rows else ([], []))]
    batch = pa.RecordBatch.from_arrays(columns, schema=INCOMING)
    cut = [batch.slice(0, at), batch.slice(at)]
    assert list(card.count_incoming(cut)) == cut
    made = [
        {"code": code, "split": "train", "project_id": project} if keep else Reject({}, "cap_code")
        for code, project, keep in results
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
    assert card.kept["code"] == Counter(code for code, _, keep in results if keep)
    projects = {project for _, project, keep in results if keep}
    said = f"{sum(keep for *_, keep in results)} examples of {len(projects)} projects, out of {len(rows)} of"
    assert said in card.markdown(["2026-01-05", "2026-01-06"])


def test_a_long_tail_shares_a_line_and_a_bar_stays_in_its_cell() -> None:
    rows = [("MIT", "a|b\nc"), *(("MIT", f"teacher {number:02}") for number in range(SHOWN + 4))]
    page = counted(rows, [], 0).markdown(["2026-01-05"])
    assert "| a\\|b c | 1 |" in page
    assert "| 5 others | 5 |" in page
