from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.errors import InputError
from repair.recording import snapshots as snapshots_module
from repair.recording.event import Event, event_batch, numbered
from repair.recording.snapshots import with_snapshots
from repair.replay.workspace import workspaces_at
from repair.replay.workspace_file import LARGEST_CONTENT, Broken
from repair.schema.events import EVENTS, EventKind, FileOperation
from tests.recorded import NOON, Typist, hours

MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def snapshots(events: Iterable[Event]) -> dict[datetime, dict[str, bytes]]:
    """Moment -> the files of the stored copy; an empty project is there with no file."""
    found: dict[datetime, dict[str, bytes]] = {}
    for event in events:
        if event.kind == EventKind.SNAPSHOT:
            files = found.setdefault(event.timestamp, {})
            if event.path is not None:
                assert event.path not in files, "one event per file"
                files[event.path] = event.content or b""
    return found


def test_an_active_day_begins_and_ends_with_a_snapshot() -> None:
    typist = Typist()
    found = list(with_snapshots([typist.types("a.py", "x = 1\n", NOON)]))
    assert snapshots(found) == {MIDNIGHT: {}, MIDNIGHT + DAY: {"a.py": b"x = 1\n"}}
    assert [event.kind for event in found] == ["snapshot", "ot", "snapshot"]
    assert found[-1].version == 1
    assert found[0].path is None


def test_between_adjacent_days_there_is_one_snapshot_and_across_a_gap_two() -> None:
    typist = Typist()
    moments = [NOON, NOON + DAY, NOON + 4 * DAY]
    found = snapshots(
        with_snapshots([typist.types("a.py", f"x = {number}\n", at) for number, at in enumerate(moments)])
    )
    # days 1 and 2 share the midnight between them; day 3 closes nothing and day 5 opens with its own
    assert {(moment - MIDNIGHT).days: files.get("a.py") for moment, files in found.items()} == {
        0: None,
        1: b"x = 0\n",
        2: b"x = 1\n",
        4: b"x = 1\n",
        5: b"x = 2\n",
    }


def test_days_are_those_of_utc() -> None:
    typist = Typist()
    new_york = datetime.fromisoformat("2024-05-01T22:00:00-05:00")  # the 2nd in UTC
    found = snapshots(with_snapshots([typist.types("a.py", "x\n", new_york)]))
    assert sorted(found) == [MIDNIGHT + DAY, MIDNIGHT + 2 * DAY]


def test_an_event_at_midnight_belongs_to_the_day_that_begins() -> None:
    typist = Typist()
    found = list(with_snapshots([typist.types("a.py", "x\n", MIDNIGHT)]))
    assert [event.kind for event in found] == ["snapshot", "ot", "snapshot"]
    assert snapshots(found) == {MIDNIGHT: {}, MIDNIGHT + DAY: {"a.py": b"x\n"}}


def test_a_stored_snapshot_is_kept_and_none_is_made_up_beside_it() -> None:
    typist = Typist()
    stored = typist.event(EventKind.SNAPSHOT, MIDNIGHT + DAY, path="a.py", content=b"stored\n")
    found = list(with_snapshots([typist.types("a.py", "typed\n", NOON), stored]))
    assert snapshots(found) == {MIDNIGHT: {}, MIDNIGHT + DAY: {"a.py": b"stored\n"}}
    assert found[-1] is stored


def test_a_stored_snapshot_opens_the_next_active_day() -> None:
    typist = Typist()
    stored = typist.event(EventKind.SNAPSHOT, MIDNIGHT + DAY, path="a.py", content=b"x\n", version=1)
    events = [typist.types("a.py", "x\n", NOON), stored, typist.types("a.py", "xy\n", NOON + DAY)]
    found = snapshots(with_snapshots(events))
    assert found == {MIDNIGHT: {}, MIDNIGHT + DAY: {"a.py": b"x\n"}, MIDNIGHT + 2 * DAY: {"a.py": b"xy\n"}}


def test_a_recording_that_begins_with_a_stored_snapshot_opens_with_it() -> None:
    typist = Typist()
    typist.texts["a.py"] = "old\n"
    typist.versions["a.py"] = 41
    stored = typist.event(EventKind.SNAPSHOT, NOON, path="a.py", content=b"old\n", version=41)
    found = list(with_snapshots([stored, typist.types("a.py", "new\n", NOON + hours(1))]))
    assert snapshots(found) == {
        MIDNIGHT: {"a.py": b"old\n"},
        NOON: {"a.py": b"old\n"},
        MIDNIGHT + DAY: {"a.py": b"new\n"},
    }
    assert [event.version for event in found if event.kind == EventKind.SNAPSHOT] == [41, 41, 42]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"crc32": 1}, "bad_crc"),  # the author saw another file
        ({"version": 9}, "version_gap"),  # packets were lost
    ],
)
def test_a_file_that_does_not_replay_is_left_out_until_it_is_told_anew(
    wrong: dict[str, int], reason: str
) -> None:
    typist, told = Typist(), list[tuple[str, str, Broken]]()
    events = [
        typist.types("good.py", "g\n", NOON),
        typist.types("bad.py", "a\n", NOON),
        typist.types("bad.py", "ab\n", NOON + hours(1), **wrong),
        typist.types("bad.py", "abc\n", NOON + hours(2)),
        typist.types("good.py", "gg\n", NOON + DAY),
        typist.event(
            EventKind.FILE, NOON + DAY, operation=FileOperation.MODIFY.value, path="bad.py", content=b"told\n"
        ),
    ]
    found = snapshots(with_snapshots(events, lambda *broken: told.append(broken)))
    assert found[MIDNIGHT + DAY] == {"good.py": b"g\n"}
    assert found[MIDNIGHT + 2 * DAY] == {"good.py": b"gg\n", "bad.py": b"told\n"}
    assert [(project, path, broken.reason) for project, path, broken in told] == [("p", "bad.py", reason)]


def test_undecodable_packets_break_their_file_alone() -> None:
    typist, told = Typist(), list[str]()
    events = [
        typist.types("good.py", "g\n", NOON),
        typist.event(EventKind.OT, NOON, path="bad.py", packet=b"\x07"),
    ]
    found = snapshots(with_snapshots(events, lambda _, path, broken: told.append(f"{path} {broken.reason}")))
    assert found[MIDNIGHT + DAY] == {"good.py": b"g\n"}
    assert told == ["bad.py malformed_packet"]


def test_a_stored_copy_that_differs_from_the_replay_is_told() -> None:
    typist, told = Typist(), list[str]()
    stored = typist.event(EventKind.SNAPSHOT, MIDNIGHT + DAY, path="a.py", content=b"other\n")
    events = [typist.types("a.py", "typed\n", NOON), stored]
    list(with_snapshots(events, lambda _, path, broken: told.append(f"{path} {broken.reason}")))
    assert told == ["a.py snapshot_mismatch"]


def test_a_packet_that_was_delivered_twice_counts_once() -> None:
    typist = Typist()
    first, *rest = numbered(
        [typist.types("a.py", "x\n", NOON), typist.types("a.py", "xy\n", NOON + hours(1))]
    )
    found = snapshots(with_snapshots([first, first, *rest]))
    assert found[MIDNIGHT + DAY] == {"a.py": b"xy\n"}


def test_a_path_that_climbs_out_is_in_no_snapshot() -> None:
    typist = Typist()
    events = [typist.types("../a.py", "x\n", NOON)]
    assert snapshots(with_snapshots(events))[MIDNIGHT + DAY] == {}


def test_events_that_are_not_in_time_order_are_refused() -> None:
    typist = Typist()
    events = [typist.types("a.py", "x\n", NOON), typist.types("a.py", "xy\n", NOON - hours(1))]
    with pytest.raises(InputError, match="not in time order"):
        list(with_snapshots(events))


def test_no_events_no_snapshots() -> None:
    assert list(with_snapshots([])) == []


STEPS = st.lists(
    st.tuples(
        st.integers(0, 30),  # hours since the step before: up to more than a day
        st.sampled_from(["a.py", "b.py", "ordner/ü.py"]),
        st.sampled_from(["", "x = 1\n", "x = '😀é'\n", "def f():\r\n    pass\n", "y\n"]),
        st.sampled_from(["type", "type", "type", "create", "remove", "move"]),
    ),
    max_size=25,
)


@settings(max_examples=75, deadline=None)
@given(STEPS)
def test_every_day_replays_from_its_own_snapshot_to_the_next(steps: list[tuple[int, str, str, str]]) -> None:
    """The plain oracle is a dictionary that every step writes to."""
    typist, now, events = Typist(), NOON, list[Event]()
    expected: dict[datetime, dict[str, str]] = {}
    for gap, path, text, what in steps:
        for midnight in (MIDNIGHT + day * DAY for day in range(60)):
            if now < midnight <= now + hours(gap):
                expected[midnight] = dict(typist.texts)
        now += hours(gap)
        if what == "type":
            events.append(typist.types(path, text, now))
        elif what == "create" and path not in typist.texts:
            typist.texts[path], typist.versions[path] = text, 0
            events.append(
                typist.event(
                    EventKind.FILE,
                    now,
                    operation=FileOperation.CREATE.value,
                    path=path,
                    content=text.encode(),
                )
            )
        elif what == "remove" and path in typist.texts:
            del typist.texts[path], typist.versions[path]
            events.append(typist.event(EventKind.FILE, now, operation=FileOperation.REMOVE.value, path=path))
        elif what == "move" and path in typist.texts and "moved.py" not in typist.texts:
            typist.texts["moved.py"], typist.versions["moved.py"] = (
                typist.texts.pop(path),
                typist.versions.pop(path),
            )
            events.append(
                typist.event(
                    EventKind.FILE, now, operation=FileOperation.MOVE.value, path=path, destination="moved.py"
                )
            )
    told: list[object] = []
    found = list(numbered(with_snapshots(events, lambda *broken: told.append(broken))))
    assert told == []
    assert [replace(event, sequence=None) for event in found if event.kind != EventKind.SNAPSHOT] == events
    copies = snapshots(found)
    for moment, files in copies.items():
        known = {path: text.encode() for path, text in expected.get(moment, {}).items()}
        if moment in expected:
            assert files == known
    active = {event.timestamp.date() for event in events}
    assert {moment.date() for moment in copies} == active | {day + DAY for day in active}
    for day in sorted(active):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        rows = [
            event
            for event in found
            if start <= event.timestamp < start + DAY
            or (event.timestamp == start + DAY and event.kind == EventKind.SNAPSHOT)
        ]
        table = pa.Table.from_batches([event_batch(rows)], EVENTS)
        (state,) = workspaces_at(table, [(start + DAY - timedelta(microseconds=1), 2**62)])
        assert state.broken == {}
        assert {path: text.encode() for path, text in state.files.items()} == copies[start + DAY]


def active_days(count: int) -> list[Event]:
    """A file of 100 bytes and a smaller one, and something on each of some days that do not touch."""
    files = {"large.bin": bytes(100), "small.py": b"x = 1\n"}
    created = [
        Event("p", NOON, EventKind.FILE, path=path, operation=FileOperation.CREATE, content=content)
        for path, content in files.items()
    ]
    return created + [
        Event("p", NOON + 2 * day * DAY, EventKind.EXECUTION, payload="{}") for day in range(1, count)
    ]


@pytest.mark.parametrize(
    ("of_file", "in_all", "large_copies", "small_copies"),
    [
        (10**6, 10**6, 19, 19),  # ten days: a copy before and after each, and none before the first
        (500, 10**6, 5, 19),
        (1900, 10**6, 19, 19),
        (10**6, 5 * 106 + 6, 5, 6),  # what is in all of them counts together
        (10**6, 90, 0, 15),
    ],
)
def test_copies_at_midnight_are_limited(
    monkeypatch: pytest.MonkeyPatch, of_file: int, in_all: int, large_copies: int, small_copies: int
) -> None:
    monkeypatch.setattr(snapshots_module, "LARGEST_COPIES_OF_FILE", of_file)
    monkeypatch.setattr(snapshots_module, "LARGEST_COPIES", in_all)
    told: list[tuple[str, str, str]] = []
    events = list(
        with_snapshots(
            active_days(10), lambda project, path, broken: told.append((project, path, broken.reason))
        )
    )
    copies = Counter(path for files in snapshots(events).values() for path in files)
    assert (copies["large.bin"], copies["small.py"]) == (large_copies, small_copies)
    left_out = [
        path for path, count in (("large.bin", large_copies), ("small.py", small_copies)) if count < 19
    ]
    assert told == [("p", path, "too_large") for path in left_out]
    assert len({event.timestamp for event in events if event.kind == EventKind.SNAPSHOT}) == 20
    assert len([event for event in events if event.kind != EventKind.SNAPSHOT]) == 11


def test_few_bytes_on_many_days_are_a_small_recording() -> None:
    """16 MiB on 200 days took 6 GiB; the limit is reached after the first days, and memory stays small."""
    days = [
        replace(event, content=b"\xff" * LARGEST_CONTENT) if event.path == "large.bin" else event
        for event in active_days(200)
    ]
    copied = sum(
        len(event.content or b"") for event in with_snapshots(days) if event.kind == EventKind.SNAPSHOT
    )
    assert 16 * LARGEST_CONTENT <= copied <= snapshots_module.LARGEST_COPIES_OF_FILE + 400 * 6
