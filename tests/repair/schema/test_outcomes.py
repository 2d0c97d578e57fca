"""The merge join of outcomes and rows: nothing is lost, doubled or moved, wherever either side is cut."""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.schema.outcomes import Reject, join_outcomes, outcome_batch, outcome_schema

ROWS = pa.schema(
    [
        ("diagnostic_id", pa.string()),
        ("code", pa.string()),
        ("files", pa.list_(pa.struct([("text", pa.string())]))),
    ]
)
ADDS = pa.schema([ROWS.field("diagnostic_id"), ROWS.field("files"), pa.field("length", pa.int64())])
OUTPUT = pa.schema([*ROWS, ADDS.field("length")])


def row(number: int) -> dict[str, Any]:
    return {"diagnostic_id": str(number), "code": f"c{number}", "files": [{"text": f"t{number}"}]}


def outcome(number: int) -> dict[str, Any] | Reject:
    known = {"diagnostic_id": str(number)}
    if number % 3 == 0:
        return Reject(known, "third", f"{number}")
    return {**known, "files": [{"text": "redacted"}], "length": number}


def cut(count: int, cuts: list[int]) -> list[list[int]]:
    edges = [0, *sorted(min(place, count) for place in cuts), count]
    return [list(range(start, stop)) for start, stop in pairwise(edges)]


PLACES = st.lists(st.integers(0, 12), max_size=4)


@settings(deadline=None)
@given(st.integers(0, 12), PLACES, PLACES)
def test_any_cut_gives_the_same_rows(count: int, left: list[int], right: list[int]) -> None:
    rows = [pa.RecordBatch.from_pylist([row(n) for n in part], schema=ROWS) for part in cut(count, left)]
    outcomes = [outcome_batch([outcome(n) for n in part], ADDS) for part in cut(count, right)]
    joined = list(join_outcomes(rows, outcomes, OUTPUT))
    assert all(batch.schema == outcome_schema(OUTPUT) for batch in joined)
    found = [row for batch in joined for row in batch.to_pylist()]
    rejected = {"length": None, "reason": "third", "rows": 1}
    kept = {"files": [{"text": "redacted"}], "reason": None, "detail": None, "rows": 1}
    assert found == [
        {**row(n), **rejected, "detail": str(n)} if n % 3 == 0 else {**row(n), **kept, "length": n}
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ([0, 1], "the row 2 and those after it have no outcome"),
        ([0, 1, 2, 3], "3 has an outcome, and the input has no further row"),
        ([0, 2, 1], "the outcome of 2 came in the place of that of 1"),
    ],
)
def test_a_lost_doubled_or_moved_outcome_is_an_error(outcomes: list[int], message: str) -> None:
    rows = pa.RecordBatch.from_pylist([row(n) for n in range(3)], schema=ROWS)
    with pytest.raises(RuntimeError, match=message):
        list(join_outcomes([rows], [outcome_batch([outcome(n) for n in outcomes], ADDS)], OUTPUT))


def test_a_reject_carries_no_text() -> None:
    [kept, rejected] = outcome_batch([{**row(1), "length": 1}, Reject(row(2), "third")], OUTPUT).to_pylist()
    assert kept["files"] == [{"text": "t1"}]
    assert (rejected["files"], rejected["code"], rejected["reason"]) == (None, "c2", "third")
