"""The index of a day's events by project."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.recording import row_ranges
from repair.recording.row_ranges import RowRanges
from repair.schema.events import EVENTS, PROJECT_ROWS, EventKind


def batch(project_id: str, rows: int, codes: tuple[str, ...] = ()) -> pa.RecordBatch:
    """The last row publishes the codes."""
    diagnostics = [
        {"code": code, "message": "m"}
        | dict.fromkeys(("start_line", "start_character", "end_line", "end_character"), 0)
        for code in codes
    ]
    events = [
        dict.fromkeys(EVENTS.names)
        | {"project_id": project_id, "timestamp": 0, "sequence": row, "kind": EventKind.DIAGNOSTICS.value}
        | {"diagnostics": diagnostics if row == rows - 1 else []}
        for row in range(rows)
    ]
    return pa.RecordBatch.from_pylist(events, schema=EVENTS)


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    most=st.one_of(st.none(), st.integers(1, 15)),
    gap=st.integers(0, 20),
    data=st.data(),
)
def test_ranges_hold_every_wanted_project_whole(
    counts: list[int], most: int | None, gap: int, data: st.DataObject
) -> None:
    names = [f"p{number}" for number in range(len(counts))]
    ids = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
    wanted = data.draw(st.sets(st.sampled_from(names)))
    step = data.draw(st.integers(1, 7))
    index = RowRanges()
    for name, count in zip(names, counts, strict=True):
        whole = batch(name, count)
        for start in range(0, count, step):
            index.record(whole.slice(start, step))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_ranges, "GAP_ROWS", gap)
        runs = index.coalesce(wanted, most)
    assert all(before[1] <= after[0] for before, after in pairwise(runs))
    rows = {
        name: (ids.index(name), ids.index(name) + count) for name, count in zip(names, counts, strict=True)
    }
    for name in wanted:
        assert sum(start <= rows[name][0] and rows[name][1] <= stop for start, stop in runs) == 1
    for start, stop in runs:
        assert most is None or stop - start <= most or (start, stop) in rows.values()
        unwanted = [name for name in names if name not in wanted and rows[name][0] >= start]
        assert all(
            sum(rows[name][1] - rows[name][0] for name in unwanted if first <= rows[name][0] < last) <= gap
            for first, last in pairwise(
                sorted({stop, *(rows[name][0] for name in wanted if start <= rows[name][0] < stop)})
            )
        )
    if most is None and gap >= len(ids):
        assert len(runs) == min(1, len(wanted))
    assert len(runs) <= len(wanted)


def test_the_codes_of_each_project_and_back_from_a_table() -> None:
    index = RowRanges()
    index.record(batch("b", 2, ("X1",)))
    index.record(batch("b", 3, ("X2", "X1")))
    index.record(batch("a", 1))
    index.record(batch("c", 1, ("X2",)))
    index.record(batch("d", 0))
    table = index.table()
    assert table.schema == PROJECT_ROWS
    assert table.to_pylist() == [
        {"project_id": "b", "start": 0, "stop": 5, "codes": ["X1", "X2"]},
        {"project_id": "a", "start": 5, "stop": 6, "codes": []},
        {"project_id": "c", "start": 6, "stop": 7, "codes": ["X2"]},
    ]
    assert RowRanges.of_table(table) == index
    assert index.publishing(lambda code: code == "X2") == ["b", "c"]
    assert index.publishing(lambda code: code == "X3") == []


def test_rows_of_a_project_that_come_in_parts_are_refused() -> None:
    index = RowRanges()
    index.record(batch("a", 1))
    index.record(batch("b", 1))
    with pytest.raises(ValueError, match="project 'a' are not together"):
        index.record(batch("a", 1))
