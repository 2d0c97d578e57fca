import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.errors import InputError
from repair.ot.packets import decode_packet
from repair.recording.event import Event, Project, event_batch, events_of
from repair.recording.reader import Recording
from repair.recording.session_events import session_events
from repair.recording.writer import RecordingWriter
from repair.schema.events import EVENTS, PROJECTS, EventKind
from repair.sources import events as source
from repair.sources import ot
from repair.sources.importing import check_source, write_recording
from repair.sources.report import Report
from tests.recorded import NOON, NOW, Typist, diagnostic, hours

DAY = timedelta(days=1)
MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)


def read(
    path: Path, projects: Path | None = None, **options: int
) -> tuple[dict[str, list[Event]], dict[str, Project], Report]:
    report = Report(NOW)
    events, records = dict[str, list[Event]](), dict[str, Project]()
    for project, of_project in source.projects_and_events(path, projects=projects, report=report, **options):
        records[project.project_id] = project
        events[project.project_id] = list(of_project)
    return events, records, report


def write_projects(folder: Path, *names: str) -> None:
    rows = [{"project_id": name, "visibility": "public", "consent": True} for name in names]
    (folder / "projects.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_lines(file: Path, *rows: object) -> Path:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def row(**columns: object) -> dict[str, object]:
    defaults = {
        "project_id": "p",
        "timestamp": "2024-05-01T12:00:00Z",
        "kind": "shell_command",
        "payload": {},
    }
    return {**defaults, **columns}


def test_json_lines_in_every_form_that_the_schema_has(tmp_path: Path) -> None:
    write_projects(tmp_path, "p")
    typist = Typist()
    first = typist.packet("a.py", "x = '😀'\n", NOON)
    second = typist.types("a.py", "y\n", NOON + hours(1))
    write_lines(
        tmp_path / "events.jsonl",
        row(kind="ot", path="a.py", packet=json.loads(first.to_json()), payload=None),
        {
            "project_id": "p",
            "timestamp": "2024-05-01T15:00:00+02:00",  # 13:00 UTC
            "kind": "ot",
            "path": "a.py",
            "packet": base64.b64encode(second.packet or b"").decode(),
        },
        "",
        row(kind="file", path="b.bin", operation="create", content=base64.b64encode(b"\xff\x00").decode()),
        row(kind="diagnostics", path="a.py", diagnostics=[diagnostic()], session_id="s", payload=None),
        row(payload={"command": "ls"}),
        row(payload='{"command": "ls"}'),
    )
    events, _, report = read(tmp_path)
    assert report.bad_rows == {}
    found = events["p"]
    assert [event.timestamp for event in found] == [NOON] * 5 + [NOON + hours(1)]
    assert decode_packet(found[0].packet or b"") == first
    assert found[5].packet == second.packet
    assert found[1].content == b"\xff\x00"
    assert found[2].diagnostics == [diagnostic()]
    assert [json.loads(event.payload or "") for event in found[3:5]] == [{"command": "ls"}] * 2


@pytest.mark.parametrize(
    ("bad", "reason", "expected"),
    [
        ("{", "malformed_event", "a line of JSON"),
        ("[1]", "malformed_event", "a JSON object a line"),
        ('{"a": "\\ud800"}', "bad_utf8", "a line in UTF-8"),  # half a character
        (row(kind=None), "malformed_event", "event.kind is null, expected a string"),
        (row(kind=3), "malformed_event", "event.kind is 3, expected a string"),
        (row(project_id=None), "malformed_event", "project_id is null, expected a name"),
        (
            row(tiemstamp="x"),
            "malformed_event",
            "the unknown field 'tiemstamp'",
        ),  # a typo would lose a column
        (row(timestamp="2024-05-01T12:00:00"), "bad_timestamp", "with a zone"),
        (row(timestamp="yesterday"), "bad_timestamp", "ISO 8601"),
        (row(timestamp=1714564800), "bad_timestamp", "ISO 8601"),
        (row(timestamp="1960-01-01T00:00:00Z"), "bad_timestamp", "from 1970 on"),
        (row(timestamp="0001-01-01T00:00:00+10:00"), "bad_timestamp", "from 1970 on"),  # before any UTC year
        (row(timestamp="2031-01-01T00:00:00Z"), "bad_timestamp", "to 2024-06-02"),  # the future
        (row(sequence=-1), "malformed_event", "event.sequence is -1, expected a whole number"),
        (row(sequence=True), "malformed_event", "event.sequence is True, expected a whole number"),
        (row(version=2**32), "malformed_event", "event.version is 4294967296, expected a whole number"),
        (row(content="%%%"), "malformed_event", "event.content is '%%%', expected base64"),
        (row(content=["a"]), "malformed_event", "event.content is ['a'], expected a string"),
        (row(packet="%%%"), "malformed_packet", "event.packet is '%%%', expected base64"),
        (row(payload=[1]), "malformed_event", "event.payload is [1], expected an object"),
        (row(diagnostics={}), "malformed_event", "event.diagnostics is {}, expected a list or null"),
        (row(diagnostics=[1]), "malformed_event", "event.diagnostics[0] is 1, expected an object"),
        (row(diagnostics=[{"code": "x"}]), "malformed_event", "event.diagnostics[0] lacks message"),
        (
            row(diagnostics=[diagnostic() | {"line": 1}]),
            "malformed_event",
            "diagnostics[0] has the unknown field",
        ),
        (
            row(diagnostics=[diagnostic() | {"end_line": "1"}]),
            "malformed_event",
            "[0].end_line is '1', expected a whole",
        ),
        (row(diagnostics=[diagnostic() | {"code_action": 1}]), "malformed_event", "code_action"),
    ],
)
def test_a_row_that_can_not_be_placed_is_left_out_and_named(
    tmp_path: Path, bad: object, reason: str, expected: str
) -> None:
    write_projects(tmp_path, "p")
    file = write_lines(tmp_path / "events.jsonl", row(), bad, row())
    events, _, report = read(tmp_path)
    assert len(events["p"]) == 2
    assert report.bad_rows == {reason: 1}
    (problem,) = report.examples[reason]
    assert expected in problem.expected
    assert (problem.source, problem.row) == (str(file), "line 2")


@pytest.mark.parametrize("spoiled", ["projects.jsonl", "events.jsonl"])
def test_a_byte_order_mark_begins_a_file_and_nothing_else(tmp_path: Path, spoiled: str) -> None:
    write_projects(tmp_path, "p")
    write_lines(tmp_path / "events.jsonl", row(), row())
    file = tmp_path / spoiled
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    events, records, report = read(tmp_path)
    assert (len(events["p"]), records["p"].consent, report.bad_rows) == (2, True, {})
    with (tmp_path / "events.jsonl").open("ab") as more:
        more.write(b"\xef\xbb\xbf" + json.dumps(row()).encode() + b"\n")
    assert read(tmp_path)[2].bad_rows == {"malformed_event": 1}


SKIP = {"op": "skip", "count": 1}
INSERT = {"op": "insert", "chars": "x"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"crc32": "2348190011"},
            "packet.crc32 is '2348190011', expected a whole number from 0 to 4294967295",
        ),
        ({"crc32": -5}, "packet.crc32 is -5, expected a whole number"),
        ({"version": 1.0}, "packet.version is 1.0, expected a whole number"),
        ({"nonce": 2**32}, "packet.nonce is 4294967296, expected a whole number"),
        ({"userId": None}, "packet.userId is null, expected a whole number"),
        ({"spookyVersion": True}, "packet.spookyVersion is True, expected a whole number"),
        ({"author": "user"}, "packet.author is 'user', expected USER or GHOSTWRITER"),
        ({"author": 0}, "packet.author is 0, expected USER or GHOSTWRITER"),
        ({"committed": 7}, "packet.committed is 7, expected a time"),
        ({"committed": "2024-05-01T12:00:00"}, "packet.committed is '2024-05-01T12:00:00', expected a time"),
        ({"ops": []}, "packet has the unknown field 'ops', expected committed, op, crc32"),
        ({"user_id": 5}, "packet has the unknown field 'user_id'"),
        ({"op": "skip"}, "packet.op is 'skip', expected a list"),
        ({"op": [SKIP, 3]}, "packet.op[1] is 3, expected an object"),
        ({"op": [SKIP, {"op": "retain", "count": 1}]}, "packet.op[1].op is 'retain', expected skip, delete"),
        ({"op": [{"count": 1}]}, "packet.op[0] lacks op"),
        ({"op": [{"op": "skip"}]}, "packet.op[0] lacks count"),
        ({"op": [{"op": "insert", "text": "x"}]}, "packet.op[0] has the unknown field 'text'"),
        ({"op": [{"op": "insert"}]}, "packet.op[0] lacks chars"),
        (
            {"op": [INSERT, INSERT, INSERT, SKIP | {"count": "7"}]},
            "packet.op[3].count is '7', expected a whole",
        ),
        ({"op": [{"op": "insert", "chars": None}]}, "packet.op[0].chars is null, expected a string"),
        ({"op": [{"op": "insert", "chars": 5}]}, "packet.op[0].chars is 5, expected a string"),
    ],
)
def test_a_wrong_value_in_the_json_of_a_packet_is_named(
    tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    """By both importers and by the stage, which all read what the importer could not encode."""
    packet = json.loads(Typist().packet("a.py", "x", NOON).to_json()) | wrong
    write_projects(tmp_path, "p")
    write_lines(tmp_path / "events.jsonl", row(), row(kind="ot", path="a.py", packet=packet, payload=None))
    events, _, report = read(tmp_path)
    (problem,) = report.examples["malformed_packet"]
    assert told in problem.expected
    assert problem.row == "line 2"
    (staged,) = session_events([event_batch([replace(events["p"][1], sequence=0)])], now=NOW)
    assert staged.column("reason").to_pylist() == ["malformed_packet"]
    assert told in staged.column("detail")[0].as_py()
    (tmp_path / "p/packets").mkdir(parents=True)
    write_lines(tmp_path / "p/packets/a.py.jsonl", packet)
    report = Report(NOW)
    for _, of_project in ot.projects_and_events(tmp_path, report=report):
        list(of_project)
    (problem,) = report.examples["malformed_packet"]
    assert told in problem.expected
    assert problem.row == "line 1"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
ROWS = st.dictionaries(st.sampled_from([*EVENTS.names, "range", "code", "message"]) | st.text(), VALUES)
LIKELY = st.fixed_dictionaries(
    {
        "timestamp": st.just("2024-05-01T12:00:00Z"),
        "kind": st.sampled_from([*EventKind]),
        "path": st.just("a.py"),
    }
)


@settings(max_examples=75, deadline=None)
@given(
    st.lists(st.binary(max_size=20) | st.builds(lambda likely, row: likely | row, LIKELY, ROWS), max_size=4)
)
def test_any_lines_come_in_or_are_told(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes | dict[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write_projects(folder, "p")
    encoded = [
        line if isinstance(line, bytes) else json.dumps({"project_id": "p"} | line).encode() for line in lines
    ]
    (folder / "events.jsonl").write_bytes(b"\n".join(encoded))
    events, _, report = read(folder)
    told = report.bad_rows.total() - report.bad_rows["unknown_project"]
    assert sum(map(len, events.values())) + told >= sum(not isinstance(line, bytes) for line in lines)
    (folder / "p/packets").mkdir(parents=True)
    for name in ("packets/a.jsonl", "file_events.jsonl", "events.jsonl", "diagnostics.jsonl"):
        (folder / "p" / name).write_bytes(b"\n".join(encoded))
    report = Report(NOW)
    check_source(ot.projects_and_events(folder, report=report), report)


def test_lines_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    write_projects(tmp_path, "p")
    (tmp_path / "events.jsonl").write_bytes(json.dumps(row()).encode() + b"\n\xff\n")
    events, _, report = read(tmp_path)
    assert len(events["p"]) == 1
    assert report.bad_rows == {"bad_utf8": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(kind="telepathy"), "unknown_kind"),
        (row(kind="file", operation="remove", path="../x"), "unsafe_path"),
        (row(payload="ls"), "malformed_event"),
        (row(kind="ot", path="a.py", packet={"op": 3}), "malformed_packet"),
        (row(kind="ot", path="a.py", packet=base64.b64encode(b"\xff").decode()), "malformed_packet"),
    ],
)
def test_other_bad_rows_are_counted_and_go_on_to_be_rejected(
    tmp_path: Path, bad: object, reason: str
) -> None:
    write_projects(tmp_path, "p")
    write_lines(tmp_path / "events.jsonl", row(), bad)
    events, _, report = read(tmp_path)
    assert len(events["p"]) == 2
    assert report.bad_rows == {reason: 1}
    assert report.examples[reason][0].row == "line 2"


def some_events(seed: int = 0) -> list[Event]:
    random, typists = Random(seed), {name: Typist(name) for name in ("p", "q", "ü")}
    events = list[Event]()
    for number in range(300):
        typist = typists[random.choice("pqü")]
        moment = NOON + timedelta(minutes=9 * number)
        events.append(typist.types(random.choice(["a.py", "b.py"]), f"x = {number}\n", moment))
    numbers = dict.fromkeys(typists, 0)
    for index, event in enumerate(events):
        numbers[event.project_id] += 1
        events[index] = Event(
            **{name: getattr(event, name) for name in EVENTS.names} | {"sequence": numbers[event.project_id]}
        )
    return events


@pytest.mark.parametrize("at_once", [1 << 30, 1])  # all projects sorted together, and each alone
def test_parquet_files_in_any_order(tmp_path: Path, at_once: int) -> None:
    write_projects(tmp_path, "p", "q", "ü", "idle")
    events = some_events()
    shuffled = Random(1).sample(events, len(events))
    for number in range(3):
        table = pa.Table.from_batches([event_batch(shuffled[number::3])])
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=17)
    found, _, report = read(tmp_path, at_once=at_once)
    assert report.bad_rows == {}
    assert found == {
        name: [event for event in events if event.project_id == name] for name in ("p", "q", "ü", "idle")
    }


def test_columns_may_be_missing_and_of_a_kindred_type(tmp_path: Path) -> None:
    write_projects(tmp_path, "p")
    zone = timezone(timedelta(hours=2))
    table = pa.table(
        {
            "project_id": pa.array(["p"]).dictionary_encode(),
            "timestamp": pa.array([NOON.astimezone(zone)], pa.timestamp("ms", tz="+02:00")),
            "kind": pa.array(["shell_command"], pa.large_string()),
            "payload": ["{}"],
        }
    )
    pq.write_table(table, tmp_path / "events.parquet")
    found, _, report = read(tmp_path / "events.parquet")
    assert report.bad_rows == {}
    assert found["p"] == [Event("p", NOON, "shell_command", payload="{}")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"timestamp": None}, "lacks the columns"),
        ({"colour": ["red"]}, "colour"),
        ({"timestamp": pa.array([datetime(2024, 5, 1)], pa.timestamp("us"))}, "a timestamp with a time zone"),
        ({"timestamp": [1]}, "a timestamp with a time zone"),
        ({"diagnostics": ["none"]}, "diagnostics is string"),
    ],
)
def test_a_table_in_another_schema_is_refused_by_name(
    tmp_path: Path, columns: dict[str, object], message: str
) -> None:
    write_projects(tmp_path, "p")
    sound = {
        "project_id": ["p"],
        "timestamp": pa.array([NOON], pa.timestamp("us", tz="UTC")),
        "kind": ["shell_command"],
    }
    table = pa.table({name: values for name, values in {**sound, **columns}.items() if values is not None})
    pq.write_table(table, tmp_path / "events.parquet")
    with pytest.raises(InputError, match=message) as raised:
        read(tmp_path / "events.parquet")
    assert str(tmp_path / "events.parquet") in str(raised.value)


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path: Path) -> None:
    write_projects(tmp_path, "p")
    (tmp_path / "events.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(InputError, match=r"events\.parquet is not readable"):
        read(tmp_path)


def test_an_empty_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table of projects"):
        read(tmp_path)
    write_projects(tmp_path, "p")
    with pytest.raises(InputError, match="file with events"):
        read(tmp_path)
    with pytest.raises(InputError, match="there is nothing at"):
        read(tmp_path / "x", tmp_path / "projects.jsonl")


def test_projects_are_read_and_those_without_a_record_reported(tmp_path: Path) -> None:
    projects = [{"project_id": "p", "visibility": "private", "licence": "MIT", "consent": False}]
    pq.write_table(pa.Table.from_pylist(projects, PROJECTS), tmp_path / "known.parquet")
    write_lines(tmp_path / "events.jsonl", row(), row(project_id="stranger"))
    events, records, report = read(tmp_path / "events.jsonl", tmp_path / "known.parquet")
    assert records == {"p": Project("p", "private", None, "MIT", False), "stranger": Project("stranger")}
    assert len(events["stranger"]) == 1
    assert report.bad_rows == {"unknown_project": 1}


def test_bad_records_of_projects_are_named(tmp_path: Path) -> None:
    good = {"project_id": "p", "visibility": "public"}
    bad = [{"visibility": "public"}, good, good | {"consent": "yes"}, good | {"color": 1}, {"project_id": 7}]
    write_lines(tmp_path / "projects.jsonl", good, *bad)
    write_lines(tmp_path / "events.jsonl", row())
    _, records, report = read(tmp_path)
    assert records == {"p": Project("p", "public")}
    assert report.bad_rows == {"malformed_event": 5}
    assert [problem.row for problem in report.examples["malformed_event"]] == [
        f"line {number}" for number in range(2, 7)
    ]


def test_a_recording_imports_to_itself(tmp_path: Path) -> None:
    events = some_events()
    with RecordingWriter(tmp_path / "one") as writer:
        for name in ("p", "q", "ü"):
            writer.add_project(Project(name, "public"))
            writer.write_events(name, [event for event in events if event.project_id == name])
    report = Report(NOW)
    write_recording(source.projects_and_events(tmp_path / "one", report=report), tmp_path / "two", report)
    assert report.bad_rows == {}
    one, two = (
        [
            event
            for batch in Recording(tmp_path / name).events(MIDNIGHT, MIDNIGHT + 5 * DAY)
            for event in events_of(batch)
        ]
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == sum(report.events.values())


def test_checking_replays_and_writes_nothing(tmp_path: Path) -> None:
    write_projects(tmp_path, "p")
    typist = Typist()
    packets = [typist.packet("a.py", "x\n", NOON), typist.packet("a.py", "xy\n", NOON + hours(1), crc32=3)]
    write_lines(
        tmp_path / "events.jsonl",
        *(
            row(
                kind="ot",
                path="a.py",
                timestamp=packet.committed.isoformat(),
                packet=json.loads(packet.to_json()),
            )
            for packet in packets
        ),
    )
    before = sorted(tmp_path.rglob("*"))
    report = Report(NOW)
    check_source(source.projects_and_events(tmp_path, report=report), report)
    assert report.bad_rows == {"bad_crc": 1}
    assert report.events == {EventKind.OT.value: 2}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_row_that_was_delivered_twice_is_counted(tmp_path: Path) -> None:
    write_projects(tmp_path, "p")
    write_lines(tmp_path / "events.jsonl", row(sequence=1), row(sequence=2), row(sequence=1))
    report = Report(NOW)
    check_source(source.projects_and_events(tmp_path, report=report), report)
    assert report.bad_rows == {"duplicate_event": 1}
