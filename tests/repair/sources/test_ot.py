import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.internal import encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.errors import InputError
from repair.ot.packets import Packet, decode_packet, encode_packet
from repair.recording.event import Event, Project
from repair.recording.reader import Recording
from repair.recording.session_events import session_events
from repair.sources.importing import check_source, write_recording
from repair.sources.ot import projects_and_events
from repair.sources.report import Report
from tests.recorded import NOON, NOW, Typist, hours

DAY = timedelta(days=1)
MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)
RANGE = {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 5}}


def delimited(*packets: bytes) -> bytes:
    return b"".join(encoder._VarintBytes(len(packet)) + packet for packet in packets)


class Folder:
    """An OT folder that is being written."""

    def __init__(self, root: Path, *projects: str) -> None:
        self.root = root
        rows = [{"project_id": name, "visibility": "public"} for name in projects]
        self.lines("projects.jsonl", *rows)

    def lines(self, name: str, *rows: object) -> None:
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        self.put(name, text.encode())

    def put(self, name: str, data: bytes) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def packets(self, name: str, *packets: Packet | bytes) -> None:
        raw = [packet if isinstance(packet, bytes) else encode_packet(packet) for packet in packets]
        self.put(name, delimited(*raw))

    def read(self) -> tuple[dict[str, list[Event]], Report]:
        report = Report(NOW)
        found = {
            project.project_id: list(events)
            for project, events in projects_and_events(self.root, report=report)
        }
        return found, report


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "ot", "p")


def test_packets_in_protobuf_and_json_are_the_same_events(folder: Folder) -> None:
    typist = Typist()
    packets = [
        typist.packet("a.py", text, NOON + hours(number)) for number, text in enumerate(["x", "x😀", ""])
    ]
    folder.packets("p/packets/src/a.py.otp", *packets)
    folder.lines("p/packets/src/b.py.jsonl", *(packet.to_json() for packet in packets))
    found, report = folder.read()
    assert report.bad_rows == {}
    by_path = {
        path: [event for event in found["p"] if event.path == path] for path in ("src/a.py", "src/b.py")
    }
    for events in by_path.values():
        assert [decode_packet(event.packet or b"") for event in events] == packets
        assert [event.timestamp for event in events] == [packet.committed for packet in packets]
        assert {event.kind for event in events} == {"ot"}
    assert sum(map(len, by_path.values())) == len(found["p"])


def test_diagnostics_of_one_publication_are_one_event(folder: Folder) -> None:
    def line(second: int, path: str, code: str | None, **more: object) -> dict[str, object]:
        at = (NOON + timedelta(seconds=second)).isoformat()
        return {"timestamp": at, "path": path, "code": code, "message": "m", "range": RANGE, **more}

    folder.lines(
        "p/diagnostics.jsonl",
        line(2, "a.py", None, message=None, range=None),  # the file is clean now
        line(1, "a.py", "ruff[F821]", project_id="p", session_id="s", severity="error", code_action=True),
        line(1, "b.py", "pyright"),
        line(1, "a.py", "pyright[reportX]"),
    )
    found, report = folder.read()
    assert report.bad_rows == {}
    assert [
        (
            event.timestamp - NOON,
            event.path,
            event.session_id,
            [diagnostic["code"] for diagnostic in event.diagnostics or ()],
        )
        for event in found["p"]
    ] == [
        (timedelta(seconds=1), "a.py", "s", ["ruff[F821]", "pyright[reportX]"]),
        (timedelta(seconds=1), "b.py", None, ["pyright"]),
        (timedelta(seconds=2), "a.py", None, []),
    ]
    first = (found["p"][0].diagnostics or [])[0]
    assert first == {
        "code": "ruff[F821]",
        "message": "m",
        "severity": "error",
        "start_line": 0,
        "start_character": 4,
        "end_line": 0,
        "end_character": 5,
        "code_action": True,
    }


def test_at_one_instant_stored_copies_come_first_and_publications_after_edits(folder: Folder) -> None:
    typist = Typist()
    at = NOON.isoformat()
    folder.packets("p/packets/a.py.otp", typist.packet("a.py", "x", NOON))
    folder.lines(
        "p/file_events.jsonl", {"timestamp": at, "operation": "create", "path": "a.py", "content": ""}
    )
    folder.lines("p/diagnostics.jsonl", {"timestamp": at, "path": "a.py", "code": None})
    folder.lines("p/events.jsonl", {"timestamp": at, "kind": "execution", "payload": {"exit": 0}})
    folder.put(f"p/snapshots/{at}/b.py", b"stored")
    found, report = folder.read()
    assert report.bad_rows == {}
    assert [event.kind for event in found["p"]] == ["snapshot", "file", "ot", "diagnostics", "execution"]


def test_file_events(folder: Folder) -> None:
    folder.lines(
        "p/file_events.jsonl",
        {
            "timestamp": NOON.isoformat(),
            "operation": "create",
            "path": "a.py",
            "content": base64.b64encode("é".encode()).decode(),
        },
        {
            "timestamp": (NOON + hours(1)).isoformat(),
            "operation": "move",
            "path": "a.py",
            "destination": "b.py",
        },
    )
    found, report = folder.read()
    assert report.bad_rows == {}
    assert [(e.operation, e.path, e.destination, e.content) for e in found["p"]] == [
        ("create", "a.py", None, "é".encode()),
        ("move", "a.py", "b.py", None),
    ]


def test_stored_copies_of_all_files_and_of_none(folder: Folder) -> None:
    folder.put("p/snapshots/20240501T000000Z/src/ü.py", b"x = '\r\n'")
    folder.put("p/snapshots/20240501T000000Z/logo.png", b"\x89PNG\xff")
    (folder.root / "p/snapshots/2024-05-02T00:00:00+00:00").mkdir(parents=True)
    found, report = folder.read()
    assert report.bad_rows == {}
    assert [(event.timestamp, event.path, event.content) for event in found["p"]] == [
        (MIDNIGHT, "logo.png", b"\x89PNG\xff"),
        (MIDNIGHT, "src/ü.py", b"x = '\r\n'"),
        (MIDNIGHT + DAY, None, None),
    ]


def test_a_whole_folder_becomes_a_recording_that_keeps_its_stored_copies(
    folder: Folder, tmp_path: Path
) -> None:
    typist = Typist()
    moments = [MIDNIGHT + DAY + timedelta(minutes=minutes) for minutes in (-20, -10, 10, 20)]
    texts = ["a", "ab", "abc", "abcd"]
    folder.packets(
        "p/packets/a.py.otp",
        *(typist.packet("a.py", text, at) for text, at in zip(texts, moments, strict=True)),
    )
    folder.put("p/snapshots/2024-05-02T00:00:00Z/a.py", b"ab")
    report = Report(NOW)
    write_recording(projects_and_events(folder.root, report=report), tmp_path / "rec", report)
    assert report.bad_rows == {}
    recording = Recording(tmp_path / "rec")
    halves = [
        [
            (row["kind"], row["content"])
            for batch in recording.events(MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY)
            for row in batch.to_pylist()
        ]
        for day in range(2)
    ]
    ot = ("ot", None)
    assert halves == [
        [("snapshot", None), ot, ot, ("snapshot", b"ab")],
        [("snapshot", b"ab"), ot, ot, ("snapshot", b"abcd")],
    ]


def test_a_packet_that_does_not_fit_is_imported_and_reported(folder: Folder, tmp_path: Path) -> None:
    typist = Typist()
    folder.packets(
        "p/packets/a.py.otp",
        typist.packet("a.py", "x", NOON),
        typist.packet("a.py", "xy", NOON + hours(1), crc32=7),
    )
    gap = Typist()
    folder.packets(
        "p/packets/b.py.otp",
        gap.packet("b.py", "x", NOON),
        gap.packet("b.py", "xy", NOON + hours(1), version=3),
    )
    report = Report(NOW)
    write_recording(projects_and_events(folder.root, report=report), tmp_path / "rec", report)
    assert report.bad_rows == {"bad_crc": 1, "version_gap": 1}
    assert report.events["ot"] == 4
    checked = Report(NOW)
    check_source(projects_and_events(folder.root, report=checked), checked)
    assert checked.bad_rows == report.bad_rows


def test_a_packet_that_does_not_decode_goes_on_to_be_rejected(folder: Folder, tmp_path: Path) -> None:
    typist = Typist()
    sound = [typist.packet("a.py", text, NOON + hours(number)) for number, text in enumerate(["x", "xy"])]
    folder.packets("p/packets/a.py.otp", b"\xff", sound[0], b"\x08", sound[1])
    folder.lines("p/packets/b.py.jsonl", sound[0].to_json(), {"op": 3, "committed": NOON.isoformat()})
    folder.packets("p/packets/c.py.otp", b"\xff")  # nothing in it says when
    report = Report(NOW)
    write_recording(projects_and_events(folder.root, report=report), tmp_path / "rec", report)
    assert report.bad_rows["malformed_packet"] == 3 + 1 + 2  # as rows, c.py's, and the two files as broken
    assert [problem.row for problem in report.examples["malformed_packet"]][:2] == [
        "byte 0",
        f"byte {2 + len(delimited(encode_packet(sound[0])))}",
    ]
    recording = Recording(tmp_path / "rec")
    outcomes = [
        row
        for batch in session_events(recording.events(MIDNIGHT, MIDNIGHT + DAY), recording.projects(), now=NOW)
        for row in batch.to_pylist()
        if row["kind"] == "ot"
    ]
    assert [(row["path"], row["timestamp"] - NOON, row["reason"]) for row in outcomes] == [
        ("a.py", timedelta(0), "malformed_packet"),  # takes the time of the next
        ("a.py", timedelta(0), None),
        ("a.py", timedelta(0), "malformed_packet"),  # takes the time of the one before
        ("b.py", timedelta(0), None),
        ("b.py", timedelta(0), "malformed_packet"),
        ("a.py", hours(1), None),
    ]


def test_packets_keep_their_order_whatever_a_clock_said(folder: Folder) -> None:
    typist = Typist()
    moments = [NOON, NOON - hours(1), NOON + hours(1)]
    packets = [typist.packet("a.py", "x" * number, at) for number, at in enumerate(moments, start=1)]
    folder.packets("p/packets/a.py.otp", *packets)
    found, _ = folder.read()
    assert [decode_packet(event.packet or b"").version for event in found["p"]] == [1, 2, 3]
    assert [event.timestamp for event in found["p"]] == [NOON, NOON, NOON + hours(1)]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5), st.data())
def test_a_cut_file_is_refused_with_its_name_and_the_byte(packets: list[bytes], data: st.DataObject) -> None:
    from tempfile import TemporaryDirectory

    whole = delimited(*packets)
    starts = [len(delimited(*packets[:number])) for number in range(len(packets) + 1)]
    cut = data.draw(st.integers(0, len(whole)))
    with TemporaryDirectory() as temporary:
        folder = Folder(Path(temporary), "p")
        folder.put("p/packets/a.py.otp", whole[:cut])
        if cut in starts:
            folder.read()
            return
        begun = max(start for start in starts if start < cut)
        with pytest.raises(InputError, match=rf"a\.py\.otp ends within .* at byte {begun}\D"):
            folder.read()


def test_a_file_that_is_not_length_delimited_is_refused(folder: Folder) -> None:
    folder.put("p/packets/a.py.otp", b"\xff" * 20)
    with pytest.raises(InputError, match="no packet length at byte 0"):
        folder.read()


def test_links_are_not_followed(folder: Folder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.py").write_text("password")
    (secret / "a.jsonl").write_text(
        json.dumps({"timestamp": NOON.isoformat(), "kind": "execution", "payload": {}})
    )
    top = folder.root / "p"
    for name in ("packets", "snapshots/20240501T000000Z"):
        (top / name).mkdir(parents=True)
    (top / "packets/folder").symlink_to(secret)
    (top / "snapshots/20240501T000000Z/a.py").symlink_to(secret / "a.py")
    (top / "snapshots/20240502T000000Z").symlink_to(secret)
    (top / "events.jsonl").symlink_to(secret / "a.jsonl")
    (folder.root / "q").symlink_to(secret)
    found, report = folder.read()
    assert set(found) == {"p"}
    # the snapshot's folder itself is sound: it says that the project had no file
    assert [(event.kind, event.path) for event in found["p"]] == [("snapshot", None)]
    assert report.bad_rows == {"unsafe_path": 5}


def test_names_that_climb_are_reported(folder: Folder) -> None:
    folder.lines("projects.jsonl", {"project_id": "p"}, {"project_id": "../up"}, {"project_id": "a/b"})
    folder.put("p/packets/a\\b.py.otp", b"")
    folder.lines(
        "p/file_events.jsonl", {"timestamp": NOON.isoformat(), "operation": "remove", "path": "../../x"}
    )
    found, report = folder.read()
    assert found == {"p": []}
    assert report.bad_rows == {"unsafe_path": 4}


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("file_events.jsonl", {"operation": "burn", "path": "a.py"}, "malformed_event"),
        ("file_events.jsonl", {"operation": "remove"}, "malformed_event"),
        ("events.jsonl", {"kind": "telepathy", "payload": {}}, "unknown_kind"),
        ("events.jsonl", {"kind": "execution", "payload": {}, "project_id": "q"}, "malformed_event"),
        ("diagnostics.jsonl", {"path": "a.py", "code": "x"}, "malformed_event"),
        ("diagnostics.jsonl", {"path": "a.py", "code": "x", "message": "m", "range": {}}, "malformed_event"),
        ("diagnostics.jsonl", {"path": "a.py", "code": "x", "range": RANGE}, "malformed_event"),
        ("diagnostics.jsonl", {"code": None}, "malformed_event"),
        ("diagnostics.jsonl", {"path": "a.py", "code": None, "rule": 1}, "malformed_event"),
        ("diagnostics.jsonl", {"path": "a.py", "code": None, "project_id": "q"}, "malformed_event"),
        ("diagnostics.jsonl", {"path": "../a.py", "code": None}, "unsafe_path"),
        ("diagnostics.jsonl", {"path": "a.py", "code": None, "timestamp": "noon"}, "bad_timestamp"),
    ],
)
def test_bad_rows_are_left_out_and_named(
    folder: Folder, name: str, row: dict[str, object], reason: str
) -> None:
    folder.lines(f"p/{name}", {"timestamp": NOON.isoformat(), **row})
    found, report = folder.read()
    assert found == {"p": []}
    assert report.bad_rows == {reason: 1}
    (problem,) = report.examples[reason]
    assert (problem.source, problem.row) == (f"p/{name}", "line 1")


def test_what_is_no_time_or_no_packet_is_reported(folder: Folder) -> None:
    folder.put("p/snapshots/yesterday/a.py", b"")
    folder.put("p/packets/a.py.zip", b"")
    found, report = folder.read()
    assert found == {"p": []}
    assert report.bad_rows == {"bad_timestamp": 1, "malformed_event": 1}


def test_projects_without_a_record_or_without_a_folder(folder: Folder) -> None:
    typist = Typist()
    folder.packets("stranger/packets/a.py.otp", typist.packet("a.py", "x", NOON))
    report = Report(NOW)
    found = {
        project: len(list(events)) for project, events in projects_and_events(folder.root, report=report)
    }
    assert found == {Project("p", "public"): 0, Project("stranger"): 1}
    assert report.bad_rows == {"unknown_project": 1}


def test_a_folder_without_projects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no projects\.jsonl"):
        list(projects_and_events(tmp_path, report=Report(NOW)))


def test_a_file_of_packets_of_any_size_is_left_out_unread(folder: Folder) -> None:
    """A sparse file: it takes no disk, and reading it would take 64 GiB of memory."""
    folder.lines("p/packets/a.py.jsonl", Typist().packet("a.py", "x = 1\n", NOON).to_json())
    with (folder.root / "p/packets/b.py.otp").open("wb") as sparse:
        sparse.truncate(64 << 30)
    events, report = folder.read()
    assert [event.path for event in events["p"]] == ["a.py"]
    assert report.bad_rows == {"too_large": 1}


@pytest.mark.parametrize(
    "name", ["packets/a.py.jsonl", "file_events.jsonl", "diagnostics.jsonl", "events.jsonl"]
)
def test_a_byte_order_mark_begins_any_file(folder: Folder, name: str) -> None:
    at = {"timestamp": NOON.isoformat()}
    rows = {
        "packets/a.py.jsonl": json.loads(Typist().packet("a.py", "x = 1\n", NOON).to_json()),
        "file_events.jsonl": at | {"operation": "remove", "path": "a.py"},
        "diagnostics.jsonl": at | {"path": "a.py", "code": None},
        "events.jsonl": at | {"kind": "shell_command", "payload": {}},
    }
    folder.put(f"p/{name}", b"\xef\xbb\xbf" + json.dumps(rows[name]).encode())
    events, report = folder.read()
    assert (len(events["p"]), report.bad_rows) == (1, {})


def wrong_range(**more: object) -> dict[str, object]:
    return {"timestamp": NOON.isoformat(), "path": "a.py", "code": "c", "message": "m", "range": RANGE} | more


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (wrong_range(range=None), "lacks message or range"),
        (wrong_range(range={"start": {"line": 0}}), "diagnostic.range.start lacks character"),
        (
            wrong_range(range=RANGE | {"end": {"line": "0", "character": 0}}),
            "diagnostic.range.end.line is '0'",
        ),
        (wrong_range(message=7), "diagnostic.message is 7, expected a string or null"),
        (wrong_range(path=None), "diagnostic.path is null, expected a string"),
        (wrong_range(column=1), "diagnostic has the unknown field 'column', expected path"),
    ],
)
def test_a_wrong_value_of_a_diagnostic_is_named(folder: Folder, row: object, told: str) -> None:
    folder.lines("p/diagnostics.jsonl", row)
    _, report = folder.read()
    (problem,) = report.examples["malformed_event"]
    assert told in problem.expected
    assert (problem.source, problem.row) == ("p/diagnostics.jsonl", "line 1")
