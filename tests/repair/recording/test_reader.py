import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.curation.consent import Revocation
from repair.errors import ConfigurationError, InputError
from repair.recording.event import Event, Project, event_batch, events_of, numbered
from repair.recording.layout import is_recording
from repair.recording.reader import Recording
from repair.recording.text_at import text_at
from repair.recording.writer import RecordingWriter
from repair.schema.events import EVENTS, EventKind
from tests.gcs import gcs_bucket  # noqa: F401
from tests.recorded import NOON, Typist, diagnostic, hours

DAY = timedelta(days=1)
MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)


def write(folder: Path, events: dict[str, list[Event]], **options: object) -> Recording:
    with RecordingWriter(folder, **options) as writer:  # pyright: ignore[reportArgumentType]
        for project_id, of_project in events.items():
            writer.add_project(Project(project_id, "public", "python", "MIT", True))
            writer.write_events(project_id, of_project)
    return Recording(folder)


def read(
    recording: Recording, start: datetime, end: datetime, names: Iterable[str] | None = None
) -> list[Event]:
    return [event for batch in recording.events(start, end, names) for event in events_of(batch)]


def typed(project_id: str, *days: int) -> list[Event]:
    typist = Typist(project_id)
    return [typist.types("a.py", f"x = {day}\n", NOON + day * DAY) for day in days]


EVERYTHING = Event(
    project_id="p",
    timestamp=NOON,
    kind=EventKind.DIAGNOSTICS.value,
    session_id="s",
    sequence=7,
    path="ü.py",
    packet=b"\x00\xff",
    operation="move",
    destination="b.py",
    content=b"\xff",
    version=2**32 - 1,
    diagnostics=[diagnostic()],
    payload='{"a": "😀"}',
)


def test_an_event_is_a_row_of_the_schema() -> None:
    assert {field.name for field in fields(Event)} == set(EVENTS.names)
    batch = event_batch([EVERYTHING, Event("p", NOON, EventKind.SNAPSHOT.value, sequence=8)])
    assert batch.schema == EVENTS
    assert next(iter(events_of(batch))) == EVERYTHING


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    events = typed("p", 0)
    recording = write(tmp_path / "rec", {"p": events})
    found = read(recording, MIDNIGHT, MIDNIGHT + DAY)
    assert [(event.kind, event.sequence) for event in found] == [("snapshot", 0), ("ot", 1), ("snapshot", 2)]
    assert found[1].packet == events[0].packet
    assert recording.projects().to_pylist() == [
        {
            **{"project_id": "p", "visibility": "public", "language": "python", "licence": "MIT"},
            **{"consent": True, "consents": None},
        }
    ]


def test_a_recording_without_consent_records_is_read(tmp_path: Path) -> None:
    recording = write(tmp_path / "rec", {"p": typed("p", 0)})
    file = tmp_path / "rec" / "projects.parquet"
    older = recording.projects().drop_columns(["consents"])
    pq.write_table(older, file)
    (row,) = Recording(tmp_path / "rec").projects().to_pylist()
    assert (row["consent"], row["consents"]) == (True, None)


def test_a_revocation_is_in_the_record_of_its_project(tmp_path: Path) -> None:
    revoked = Event("p", NOON, EventKind.CONSENT_REVOKED.value, payload='{"purposes": ["training"]}')
    with RecordingWriter(tmp_path / "rec") as writer:
        for name in ("p", "q"):
            writer.add_project(Project(name, "public", consent=True))
        writer.write_events("p", [revoked])
        writer.write_events("q", typed("q", 0))
    recording = Recording(tmp_path / "rec")
    records = {row["project_id"]: row["consents"] for row in recording.projects().to_pylist()}
    assert records["q"] is None
    assert {record["purpose"]: record["revoked"] for record in records["p"]} == {
        "training": NOON,
        "evaluation": None,
        "synthesis": None,
    }
    assert recording.revocations(MIDNIGHT, MIDNIGHT + DAY) == [Revocation("p", NOON, ("training",))]
    assert recording.revocations(MIDNIGHT + DAY, MIDNIGHT + 2 * DAY) == []


def test_a_session_across_midnight_loses_nothing(tmp_path: Path) -> None:
    typist = Typist()
    moments = [NOON + hours(11) + timedelta(minutes=10) * number for number in range(12)]
    events = [typist.types("a.py", f"x = {number}\n", at) for number, at in enumerate(moments)]
    recording = write(tmp_path / "rec", {"p": events})
    halves = [read(recording, MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY) for day in range(2)]
    packets = [[event.packet for event in half if event.kind == "ot"] for half in halves]
    assert [len(half) for half in packets] == [6, 6]
    assert packets[0] + packets[1] == [event.packet for event in events]
    # the closing copy of the first day is the opening one of the second
    assert halves[0][-1] == halves[1][0]
    assert halves[1][0].content == b"x = 5\n"


def test_events_are_those_from_start_to_end_and_the_closing_copies(tmp_path: Path) -> None:
    recording = write(tmp_path / "rec", {"a": typed("a", 0, 1), "b": typed("b", 1), "c": typed("c", 0)})
    first = read(recording, MIDNIGHT, MIDNIGHT + DAY)
    # b begins at that midnight: its opening copy is none that closes this day
    assert {event.project_id for event in first} == {"a", "c"}
    assert recording.project_ids(MIDNIGHT, MIDNIGHT + DAY) == ["a", "c"]
    closing = [event for event in first if event.timestamp == MIDNIGHT + DAY]
    assert {(event.project_id, event.kind, event.content) for event in closing} == {
        ("a", "snapshot", b"x = 0\n"),
        ("c", "snapshot", b"x = 0\n"),
    }
    assert recording.count(MIDNIGHT, MIDNIGHT + DAY) == len(first) == 6


def test_events_of_some_projects(tmp_path: Path) -> None:
    recording = write(tmp_path / "rec", {name: typed(name, 0) for name in "abc"})
    found = read(recording, MIDNIGHT, MIDNIGHT + DAY, ["b"])
    assert [event.project_id for event in found] == ["b"] * 3
    assert read(recording, MIDNIGHT, MIDNIGHT + DAY, []) == []


def test_a_day_project_by_project_in_one_pass(tmp_path: Path) -> None:
    """The same rows as project by project, each with its closing copies, whatever else is in the files."""
    events = {name: typed(name, *days) for name, days in {"z": (0, 1), "a": (0,), "only-later": (1,)}.items()}
    recording = write(tmp_path / "r", events, buffer_bytes=1)
    batches = list(recording.events_of_day(MIDNIGHT.date()))
    assert all(len(batch.column("project_id").unique()) == 1 for batch in batches)
    found = [event for batch in batches for event in events_of(batch)]
    expected = [event for name in ("z", "a") for event in read(recording, MIDNIGHT, MIDNIGHT + DAY, [name])]
    assert found == expected
    assert len(found) == recording.count(MIDNIGHT, MIDNIGHT + DAY)
    assert list(recording.events_of_day(MIDNIGHT.date() - DAY)) == []


def test_a_day_whose_closing_copies_have_another_order(tmp_path: Path) -> None:
    recording = write(tmp_path / "r", {name: typed(name, 0) for name in "abc"})
    (file,) = (tmp_path / "r/events/date=2024-05-02").iterdir()
    table = pq.read_table(file, schema=EVENTS)
    pq.write_table(table.sort_by([("project_id", "descending")]), file)
    found = [event for batch in recording.events_of_day(MIDNIGHT.date()) for event in events_of(batch)]
    assert found == [event for name in "abc" for event in read(recording, MIDNIGHT, MIDNIGHT + DAY, [name])]


def test_a_project_in_parts_is_refused(tmp_path: Path) -> None:
    recording = write(tmp_path / "r", {name: typed(name, 0) for name in "ab"})
    (file,) = (tmp_path / "r/events/date=2024-05-01").iterdir()
    table = pq.read_table(file, schema=EVENTS)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), file)
    with pytest.raises(InputError, match="rows of project 'a' are not together on 2024-05-01"):
        list(recording.events_of_day(MIDNIGHT.date()))


def test_dates_and_active_dates(tmp_path: Path) -> None:
    recording = write(tmp_path / "rec", {"a": typed("a", 0, 3)})
    days = [date(2024, 5, day) for day in (1, 2, 4, 5)]
    assert recording.dates() == days
    assert recording.active_dates() == [days[0], days[2]]
    assert read(recording, NOON + 10 * DAY, NOON + 11 * DAY) == []
    assert recording.count(NOON + 10 * DAY, NOON + 11 * DAY) == 0


def test_a_range_without_a_zone_is_refused(tmp_path: Path) -> None:
    recording = write(tmp_path / "rec", {"a": typed("a", 0)})
    with pytest.raises(ValueError, match="time zone"):
        list(recording.events(datetime(2024, 5, 1), MIDNIGHT + DAY))


def test_memory_is_flushed_by_size_and_order_stays(tmp_path: Path) -> None:
    typist = Typist()
    events = [typist.types("a.py", "x" * number, NOON + timedelta(seconds=number)) for number in range(300)]
    recording = write(tmp_path / "rec", {"p": events}, buffer_bytes=10_000)
    parts = sorted((tmp_path / "rec" / "events" / "date=2024-05-01").iterdir())
    assert len(parts) > 5
    assert all(pq.ParquetFile(part).metadata.row_group(0).column(0).compression == "ZSTD" for part in parts)
    assert [event.sequence for event in read(recording, MIDNIGHT, MIDNIGHT + DAY)] == list(range(302))


def test_a_project_stands_in_one_run_across_files(tmp_path: Path) -> None:
    recording = write(
        tmp_path / "rec", {name: typed(name, *range(3)) for name in "abcdef"}, buffer_bytes=2000
    )
    day = [event.project_id for event in read(recording, MIDNIGHT, MIDNIGHT + DAY - hours(1))]
    assert day == sorted(day)
    assert len(set(day)) == 6


def broken_events() -> Iterator[Event]:
    yield from typed("p", 0)
    raise InputError("the source broke")


def test_a_partial_recording_is_never_seen(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the source broke"), RecordingWriter(tmp_path / "rec") as writer:
        writer.add_project(Project("p"))
        writer.write_events("p", broken_events())
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with RecordingWriter(tmp_path / "rec", buffer_bytes=1) as writer:
            writer.add_project(Project("p"))
            writer.write_events("p", typed("p", 0, 1, 2))
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / "rec").exists()
    assert write(tmp_path / "rec", {"p": typed("p", 0)}).dates()


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("my only copy")
    for options in ({}, {"replace": True}):
        with pytest.raises(ConfigurationError, match="no recording"):
            RecordingWriter(tmp_path, **options)
    with pytest.raises(ConfigurationError, match="is a file"):
        RecordingWriter(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "my only copy"


def test_a_recording_is_replaced_only_if_asked_and_only_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "rec", {"old": typed("old", 0)})
    with pytest.raises(ConfigurationError, match="holds a recording already"):
        RecordingWriter(tmp_path / "rec")
    with pytest.raises(InputError), RecordingWriter(tmp_path / "rec", replace=True) as writer:
        writer.write_events("p", broken_events())
    assert Recording(tmp_path / "rec").project_ids(MIDNIGHT, MIDNIGHT + DAY) == ["old"]
    write(tmp_path / "rec", {"new": typed("new", 0)}, replace=True)
    assert Recording(tmp_path / "rec").project_ids(MIDNIGHT, MIDNIGHT + DAY) == ["new"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["rec"]


def test_an_empty_folder_may_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    write(tmp_path / "rec", {})
    assert is_recording(tmp_path / "rec")
    assert Recording(tmp_path / "rec").dates() == []


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (lambda writer: writer.add_project(Project("p")), "two records"),
        (lambda writer: writer.write_events("p", []), "came twice"),
        (lambda writer: writer.write_events("q", typed("p", 0)), "among those of 'q'"),
    ],
)
def test_a_project_comes_once(tmp_path: Path, second: object, message: str) -> None:
    with pytest.raises(InputError, match=message), RecordingWriter(tmp_path / "rec") as writer:
        writer.add_project(Project("p"))
        writer.write_events("p", typed("p", 0))
        second(writer)  # pyright: ignore[reportCallIssue]


def test_a_folder_without_the_layout_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no recording"):
        Recording(tmp_path)


def test_a_recording_is_read_from_any_file_system(tmp_path: Path) -> None:
    local = write(tmp_path / "rec", {"p": typed("p", 0)})
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path / "rec"), "/bucket/rec", recursive=True)
    try:
        for remote in (Recording("memory://bucket/rec"), Recording("bucket/rec", filesystem=memory)):
            assert read(remote, MIDNIGHT, MIDNIGHT + DAY) == read(local, MIDNIGHT, MIDNIGHT + DAY)
            assert remote.projects() == local.projects()
            assert remote.dates() == local.dates()
            assert remote.fingerprint(MIDNIGHT, MIDNIGHT + DAY) == local.fingerprint(MIDNIGHT, MIDNIGHT + DAY)
    finally:
        memory.rm("/bucket", recursive=True)


@pytest.mark.usefixtures("gcs_bucket")
def test_a_recording_is_read_from_a_bucket(tmp_path: Path) -> None:
    local = write(tmp_path / "rec", {"p": typed("p", 0)})
    bucket = fsspec.filesystem("gs", skip_instance_cache=True)
    bucket.put(str(tmp_path / "rec"), "gs://bucket/rec", recursive=True)
    remote = Recording("gs://bucket/rec", filesystem=bucket)
    assert read(remote, MIDNIGHT, MIDNIGHT + DAY) == read(local, MIDNIGHT, MIDNIGHT + DAY)
    assert remote.active_dates() == local.active_dates()
    write(tmp_path / "other", {"q": typed("q", 0)})
    for name, source in (("copy", "rec"), ("other", "other")):
        bucket.put(str(tmp_path / source), f"gs://bucket/{name}", recursive=True)
    copy, other = (
        Recording(f"gs://bucket/{name}", filesystem=bucket).fingerprint(MIDNIGHT, MIDNIGHT + DAY)
        for name in ("copy", "other")
    )
    assert remote.fingerprint(MIDNIGHT, MIDNIGHT + DAY) == copy
    assert copy != other


@pytest.mark.usefixtures("gcs_bucket")
def test_a_day_that_another_process_puts_into_a_bucket_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "rec", {"p": typed("p", 0, 1)})
    other = fsspec.filesystem("gs", skip_instance_cache=True)
    uri, names = f"gs://bucket/{tmp_path.name}", sorted((tmp_path / "rec" / "events").iterdir())
    other.put(str(tmp_path / "rec" / "projects.parquet"), f"{uri}/projects.parquet")
    seen = []
    for day in names:
        other.put(str(day), f"{uri}/events/{day.name}", recursive=True)
        seen.append(len(Recording(uri).dates()))
    assert seen == [1, 2, 3]


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    one, same, other = (
        write(tmp_path / name, {"p": typed("p", *days)}).fingerprint(MIDNIGHT, MIDNIGHT + DAY)
        for name, days in (("one", (0, 5)), ("same", (0, 9)), ("other", (0, 1)))
    )
    assert one == same  # what happened days later is not read
    assert one != other  # the closing copies' file holds the next day too


def test_a_text_of_a_recording_at_a_moment(tmp_path: Path) -> None:
    recording = write(tmp_path / "rec", {"p": typed("p", 0, 1, 5)})
    table = [
        (NOON, "x = 0\n"),  # the packet of that instant counts
        (NOON + hours(20), "x = 0\n"),
        (NOON + DAY, "x = 1\n"),
        (NOON + 3 * DAY, "x = 1\n"),  # nothing happened on that day
        (NOON + 50 * DAY, "x = 5\n"),  # nor since
    ]
    assert [text_at(recording, "p", "a.py", moment) for moment, _ in table] == [text for _, text in table]
    with pytest.raises(InputError, match="does not exist"):
        text_at(recording, "p", "a.py", NOON - hours(1))
    with pytest.raises(InputError, match="has nothing of project 'p'"):
        text_at(recording, "p", "a.py", NOON - DAY)
    with pytest.raises(InputError, match="has nothing of project 'q'"):
        text_at(recording, "q", "a.py", NOON)


def test_a_text_that_does_not_replay_is_not_shown(tmp_path: Path) -> None:
    typist = Typist()
    events = [
        typist.types("a.py", "x\n", NOON),
        typist.types("a.py", "xy\n", NOON + hours(1), crc32=1),
        typist.event(EventKind.SNAPSHOT, NOON - hours(1), path="b.bin", content=b"\xff"),
    ]
    recording = write(tmp_path / "rec", {"p": sorted(events, key=lambda event: event.timestamp)})
    with pytest.raises(InputError, match="bad_crc"):
        text_at(recording, "p", "a.py", NOON + hours(2))
    with pytest.raises(InputError, match="not UTF-8"):
        text_at(recording, "p", "b.bin", NOON + hours(2))


SEQUENCES = st.lists(st.none() | st.integers(0, 50), max_size=30)


@given(SEQUENCES)
def test_numbers_rise_and_repeats_stay_repeats(sequences: list[int | None]) -> None:
    recorded = iter(sorted(number for number in sequences if number is not None))
    ordered = [None if number is None else next(recorded) for number in sequences]
    events = [Event("p", NOON, "ot", sequence=number) for number in ordered]
    found = [event.sequence for event in numbered(events)]
    latest: int | None = None
    for number, before, after in zip(ordered, [-1, *found], found, strict=False):
        assert before is not None
        assert after is not None
        # what repeats the latest recorded number repeats a number, so that it is rejected
        assert (after == before) if number is not None and number == latest else (after > before)
        latest = latest if number is None else number
    if None not in ordered:
        assert found == ordered
    if set(ordered) <= {None}:
        assert found == list(range(len(ordered)))


def test_rows_that_no_window_reads_are_counted(tmp_path: Path) -> None:
    typist = Typist("one")
    recording = write(
        tmp_path / "recording",
        {"one": [typist.types("a.py", f"{day}", MIDNIGHT + day * DAY + hours(9)) for day in range(6)]},
    )

    def file_under(day: int, other: int) -> None:
        """The rows of one day among the files of another, and nowhere else."""
        folder = tmp_path / "recording" / "events"
        (source,) = (folder / f"date={(MIDNIGHT + day * DAY).date()}").iterdir()
        source.rename(folder / f"date={(MIDNIGHT + other * DAY).date()}" / "moved.parquet")

    def misfiled(day: int, days: int = 1) -> int:
        start = MIDNIGHT + day * DAY
        return recording.misfiled(start, start + days * DAY, before=start - days * DAY)

    assert [misfiled(day) for day in range(6)] == [0] * 6
    file_under(1, 2)  # read with the day before, for its closing copies
    assert [misfiled(day) for day in (2, 3)] == [0, 0]
    assert read(recording, MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    rows = recording.rows_of([(MIDNIGHT + 5 * DAY).date()])
    file_under(5, 3)
    assert rows > 0
    assert misfiled(3) == rows
    assert misfiled(2, days=4) == 0  # of the same window
