"""Malformed timelines of all kinds, through validation, sampling and replay: the counts still add up.

A state machine records one project beside a healthy neighbour and does whatever a stranger's recorder may do:
it repeats rows, loses them, mixes their order, lies about versions and checksums, names impossible files and
times. At the end of each run

- every row is kept or rejected with a reason, at each stage,
- each workspace that is kept equals that of an oracle, which applies event by event to a plain dict,
- without anything malformed, nothing is rejected,
- the neighbour's workspaces are what they are without the project beside it.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from repair.diagnostics.codes import type_of_code
from repair.error_states.project import error_states
from repair.error_states.sampling import SamplingSettings, sample_partition
from repair.errors import InputError
from repair.ot import packets as ot
from repair.recording.session_events import session_events
from repair.schema.events import EVENTS, PROJECTS, PUBLISHED_DIAGNOSTIC, EventKind, FileOperation
from repair.schema.outcomes import REASON, REJECTS, ROWS
from repair.schema.stages import SAMPLED_EPISODES
from repair.text.paths import is_readable, safe_path

MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(days=30)
KNOWN = ("F821", "syntax")
PROJECT = {"visibility": "public", "language": "python", "licence": "MIT", "consent": True}

GOOD_PATHS = ["main.py", "Main.py", "pkg/a.py", "b.pyi", "README.md", "ruff.toml"]
BAD_PATHS = ["../main.py", "/etc/main.py", "a\0.py", "\ud800.py", "x" * 300 + ".py", "", "a//b.py", "a\\b.py"]
TEXTS = ["", "x = 1\n", "import os\n\nos.y\n", "a\0b\r\n", "é😀\n", "\u2028\n"]
CONTENTS = [text.encode() for text in TEXTS] + [b"\xff\xfe", b"\xed\xa0\x80"]
CODES = ["ruff[F821]", "pyright", "pyright[reportCallIssue]"]
MESSAGES = ["Undefined name `x`", "a\0b", "\ud800"]

Row = dict[str, Any]


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    """Rows as Arrow takes them from a file: text may be no UTF-8."""

    def texts(values: list[str | None]) -> pa.Array:
        raw = [None if value is None else value.encode(errors="surrogatepass") for value in values]
        return pa.array(raw, pa.binary()).cast(pa.string(), safe=False)

    columns: list[pa.Array] = []
    for field in EVENTS:
        values = [row.get(field.name) for row in rows]
        if pa.types.is_string(field.type):
            columns.append(texts(values))
        elif field.name == "diagnostics":
            flat = [item for value in values for item in value or ()]
            fields = [
                texts([item[one.name] for item in flat])
                if pa.types.is_string(one.type)
                else pa.array([item[one.name] for item in flat], one.type)
                for one in PUBLISHED_DIAGNOSTIC
            ]
            structs = pa.StructArray.from_arrays(fields, fields=list(PUBLISHED_DIAGNOSTIC))
            offsets = [0]
            for value in values:
                offsets.append(offsets[-1] + len(value or ()))
            absent = pa.array([value is None for value in values], pa.bool_())
            lists = pa.ListArray.from_arrays(
                pa.array(offsets, pa.int32()), structs, type=field.type, mask=absent
            )
            columns.append(lists)
        else:
            columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def published(line: int = 0, code: str = CODES[0], message: str = MESSAGES[0], **places: int) -> Row:
    place = {"start_line": line, "start_character": 0, "end_line": line, "end_character": 1} | places
    return {"code": code, "message": message, "severity": "error", "code_action": None, **place}


class Recorder:
    """Rows of one project, and what its editor holds. A row comes a minute after the one before."""

    def __init__(self, project_id: str) -> None:
        self.project_id = project_id
        self.rows: list[Row] = []
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.now = MIDNIGHT

    def add(self, kind: str, **columns: Any) -> Row:
        self.now += timedelta(minutes=1)
        row = {"project_id": self.project_id, "timestamp": self.now, "sequence": len(self.rows), "kind": kind}
        self.rows.append(row | columns)
        return self.rows[-1]

    def snapshot(self, files: Mapping[str, bytes | None] | None = None) -> None:
        """A stored copy: what the editor holds, or something else."""
        copy = {path: text.encode() for path, text in self.texts.items()} if files is None else files
        at = self.now + timedelta(minutes=1)
        for path, content in copy.items():
            version = self.versions.get(path, 0)
            self.add(EventKind.SNAPSHOT, path=path, content=content, version=version)["timestamp"] = at
        if not copy:
            self.add(EventKind.SNAPSHOT)["timestamp"] = at
        self.now = at

    def types(self, path: str, text: str, **wrong: Any) -> None:
        before, version = self.texts.get(path, ""), self.versions.get(path, 0) + 1
        self.texts[path], self.versions[path] = text, version
        right = {
            "ops": tuple(ot.minimal_ops(before, text)),
            "crc32": zlib.crc32(text.encode()),
            "version": version,
        }
        packet = ot.Packet(committed=self.now, **(right | wrong))
        self.add(EventKind.OT, path=path, packet=ot.encode_packet(packet))

    def publishes(self, path: str, *shown: Row) -> None:
        self.add(EventKind.DIAGNOSTICS, path=path, diagnostics=list(shown), session_id="s")


def a_healthy_project() -> Recorder:
    recorder = Recorder("healthy")
    recorder.texts = {"main.py": "x = 0\n", "helper.py": "y = 0\n"}
    recorder.snapshot()
    for number in range(1, 4):
        recorder.types("main.py", f"x = {number}\n")
        recorder.publishes("main.py", published(message=f"{number}"))
    recorder.snapshot()
    return recorder


# --- the oracle ------------------------------------------------------------------------------------------


def oracle(rows: list[Row], moment: tuple[datetime, int]) -> dict[str, str | bytes | None] | None:
    """The files at a moment, by nothing but the meaning of each kept row; None for one that is not known."""
    files: dict[str, tuple[str | bytes | None, int | None]] = {}
    has_base = False
    for place, group in in_order(rows):
        if place > moment:
            break
        if group[0]["kind"] == EventKind.SNAPSHOT:
            has_base = True
            files = {row["path"]: (decoded(row["content"]), row["version"]) for row in group if row["path"]}
            continue
        if has_base:
            happen(group[0], files)
    return {path: content for path, (content, _) in files.items()} if has_base else None


def in_order(rows: list[Row]) -> Iterator[tuple[tuple[datetime, int], list[Row]]]:
    """Each change alone, the rows of a snapshot together where its last one is."""
    groups: dict[Any, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["timestamp"], row["sequence"])):
        if row["kind"] in (EventKind.OT, EventKind.FILE, EventKind.SNAPSHOT):
            groups.setdefault(row["timestamp"] if row["kind"] == EventKind.SNAPSHOT else id(row), []).append(
                row
            )
    placed = [((group[-1]["timestamp"], group[-1]["sequence"]), group) for group in groups.values()]
    yield from sorted(placed, key=lambda each: each[0])


def decoded(content: bytes | None) -> str | bytes | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return content


def happen(row: Row, files: dict[str, tuple[str | bytes | None, int | None]]) -> None:
    path = row["path"]
    if row["kind"] == EventKind.OT:
        text, version = files.get(path, ("", None))
        try:
            packet = ot.decode_packet(row["packet"])
            after = ot.apply(text, packet.ops) if isinstance(text, str) else None
        except InputError:
            files[path] = (None, None)
            return
        sound = after is not None and packet.crc32 == zlib.crc32(after.encode())
        sound = sound and version in (None, packet.version - 1)
        files[path] = (after, packet.version) if sound else (None, None)
        return
    under = [path] if path in files else [file for file in files if file.startswith(path + "/")]
    match row["operation"]:
        case FileOperation.REMOVE:
            for file in under:
                del files[file]
        case FileOperation.MOVE:
            moved = {file: files.pop(file) for file in under}
            for file, content in moved.items():
                target = row["destination"] + file[len(path) :]
                files[target] = content if safe_path(target) else (None, None)
            if not moved:
                files[row["destination"]] = (None, None)
        case operation:
            empty = b"" if operation == FileOperation.CREATE else None
            files[path] = (decoded(empty if row["content"] is None else row["content"]), row["version"])


# --- the stages --------------------------------------------------------------------------------------------


def through_validation(rows: list[Row]) -> list[Row]:
    """The rows that the stage `session_events` keeps, given as a recording gives them."""
    projects = pa.Table.from_pylist([{"project_id": name} | PROJECT for name in ("odd", "healthy")], PROJECTS)
    ordered = sorted(rows, key=lambda row: (row["project_id"] or "", row["timestamp"] or MIDNIGHT))
    batches = [batch_of(ordered[start : start + 7]) for start in range(0, len(ordered), 7)]
    found = list(session_events(batches, projects, now=NOW))
    assert [batch.num_rows for batch in found] == [batch.num_rows for batch in batches]
    assert all(set(batch.column(ROWS).to_pylist()) <= {1} for batch in found)
    return [row for batch in found for row in batch.to_pylist() if row[REASON] is None]


def through_sampling(kept: list[Row]) -> list[Row]:
    """The sampled episodes of all types; each published diagnostic is in one type and accounted for there."""
    table = pa.Table.from_pylist(kept, EVENTS)
    shown = Counter(
        name if (name := type_of_code(diagnostic["code"])) in KNOWN else "other"
        for row in kept
        for diagnostic in row["diagnostics"] or ()
        if row["kind"] == EventKind.DIAGNOSTICS
    )
    sampled: list[Row] = []
    for diagnostic_type in (*KNOWN, "other"):
        rejects = [REJECTS.empty_table()]
        found, counts = sample_partition(
            [table],
            diagnostic_type=diagnostic_type,
            known_types=frozenset(KNOWN),
            project_rejects={},
            settings=SamplingSettings(),
            reject=rejects.append,
        )
        rejected = sum(pa.concat_tables(rejects)[ROWS].to_pylist())
        assert counts.publications == shown[diagnostic_type] == found.num_rows + rejected
        sampled += found.to_pylist()
    return sampled


def through_replay(kept: list[Row], sampled: list[Row], project_id: str) -> list[Row]:
    events = pa.Table.from_pylist([row for row in kept if row["project_id"] == project_id], EVENTS)
    episodes = [row for row in sampled if row["project_id"] == project_id]
    table = pa.Table.from_pylist(episodes, SAMPLED_EPISODES)
    found = error_states(events, table, {"project_id": project_id} | PROJECT).to_pylist()
    assert [row["diagnostic_id"] for row in found] == [row["diagnostic_id"] for row in episodes]
    return found


HEALTHY = a_healthy_project()
_KEPT = through_validation(HEALTHY.rows)
EXPECTED = through_replay(_KEPT, through_sampling(_KEPT), "healthy")
assert [row[REASON] for row in EXPECTED] == [None] * 3


# --- the machine -------------------------------------------------------------------------------------------

good_paths, bad_paths = st.sampled_from(GOOD_PATHS), st.sampled_from(BAD_PATHS)
texts, contents = st.sampled_from(TEXTS), st.sampled_from(CONTENTS)


class MalformedTimeline(RuleBasedStateMachine):
    """`sound`: nothing malformed was recorded so far."""

    def __init__(self) -> None:
        super().__init__()
        self.recorder = Recorder("odd")
        self.sound = True

    @initialize(files=st.dictionaries(good_paths, texts, max_size=4))
    def begins(self, files: dict[str, str]) -> None:
        self.recorder.texts = dict(files)
        self.recorder.snapshot()

    @invariant()
    def is_looked_at(self) -> None:
        """Behind each step there is a diagnostic of a file that the editor holds, an episode of its own."""
        paths = [path for path in self.recorder.texts if path.endswith((".py", ".pyi"))]
        if paths:
            number = len(self.recorder.rows)
            self.recorder.publishes(paths[number % len(paths)], published(message=f"{number}"))

    # what an editor does

    @rule(path=good_paths, text=texts)
    def types(self, path: str, text: str) -> None:
        self.recorder.types(path, text)

    @rule(
        path=good_paths, text=texts, operation=st.sampled_from([FileOperation.CREATE, FileOperation.MODIFY])
    )
    def writes(self, path: str, text: str, operation: str) -> None:
        self.recorder.texts[path] = text
        self.recorder.add(EventKind.FILE, path=path, operation=operation, content=text.encode())

    @precondition(lambda self: self.recorder.texts)
    @rule(data=st.data(), destination=good_paths)
    def moves(self, data: st.DataObject, destination: str) -> None:
        path = data.draw(st.sampled_from(sorted(self.recorder.texts)))
        text, version = self.recorder.texts.pop(path), self.recorder.versions.pop(path, 0)
        self.recorder.texts[destination], self.recorder.versions[destination] = text, version
        self.recorder.add(EventKind.FILE, path=path, operation="move", destination=destination)

    @rule(path=good_paths)
    def removes(self, path: str) -> None:
        """A file that is there, or one that never was."""
        self.recorder.texts.pop(path, None)
        self.recorder.add(EventKind.FILE, path=path, operation="remove")

    @rule(data=st.data(), code=st.sampled_from(CODES))
    def publishes(self, data: st.DataObject, code: str) -> None:
        """Of a file that the editor holds."""
        paths = [path for path in self.recorder.texts if path.endswith((".py", ".pyi"))]
        if paths:
            self.recorder.publishes(data.draw(st.sampled_from(paths)), published(code=code))

    @rule()
    def stores_a_copy(self) -> None:
        self.recorder.snapshot()

    # what it does not

    @rule(path=good_paths, text=texts, wrong=st.sampled_from([{"version": 0}, {"version": 77}]))
    def misses_a_packet(self, path: str, text: str, wrong: Row) -> None:
        self.types_wrongly(path, text, wrong)

    @rule(
        path=good_paths,
        text=texts,
        wrong=st.sampled_from([{"crc32": 1}, {"ops": (ot.Skip(999),)}, {"ops": (ot.Delete(999),)}]),
    )
    def types_wrongly(self, path: str, text: str, wrong: Row) -> None:
        self.sound = False
        self.recorder.types(path, text, **wrong)

    @rule(path=good_paths, packet=st.sampled_from([b"", b"\xff", b"\x12\x03\x1a\x01\xff\x22\x00"]))
    def sends_what_is_no_packet(self, path: str, packet: bytes) -> None:
        self.sound = False
        self.recorder.add(EventKind.OT, path=path, packet=packet)

    @precondition(lambda self: self.recorder.rows)
    @rule(data=st.data(), renumbered=st.booleans())
    def delivers_twice(self, data: st.DataObject, renumbered: bool) -> None:
        self.sound = False
        again = dict(data.draw(st.sampled_from(self.recorder.rows)))
        self.recorder.rows.append(again | ({"sequence": len(self.recorder.rows)} if renumbered else {}))

    @precondition(lambda self: len(self.recorder.rows) > 2)
    @rule(data=st.data())
    def loses_a_row(self, data: st.DataObject) -> None:
        self.sound = False
        row = data.draw(st.sampled_from(self.recorder.rows[1:]))
        self.recorder.rows[self.recorder.rows.index(row)] = {
            "project_id": "odd",
            "timestamp": row["timestamp"],
            "sequence": row["sequence"],
            "kind": EventKind.EXECUTION,
            "payload": "{}",
        }

    @precondition(lambda self: len(self.recorder.rows) > 2)
    @rule(data=st.data())
    def mixes_the_order(self, data: st.DataObject) -> None:
        self.sound = False
        one, other = (data.draw(st.sampled_from(self.recorder.rows)) for _ in range(2))
        one["timestamp"], other["timestamp"] = other["timestamp"], one["timestamp"]

    @rule(
        moment=st.sampled_from(
            [
                datetime(1969, 12, 31, tzinfo=UTC),
                datetime(1970, 1, 1, tzinfo=UTC),
                datetime(2199, 1, 1, tzinfo=UTC),
                MIDNIGHT,
                None,
            ]
        )
    )
    def has_a_wrong_clock(self, moment: datetime | None) -> None:
        self.sound = False
        self.types("main.py", "late = 1\n")
        self.recorder.rows[-1]["timestamp"] = moment

    @rule(
        path=bad_paths,
        text=texts,
        operation=st.sampled_from(["create", "modify", "remove", "move", "ot", "shown"]),
    )
    def leaves_the_project(self, path: str, text: str, operation: str) -> None:
        self.sound = False
        if operation == "ot":
            self.recorder.types(path, text)
            del self.recorder.texts[path]
        elif operation == "shown":
            self.recorder.publishes(path, published())
        else:
            move = {"destination": path, "path": "main.py"} if operation == "move" else {}
            self.recorder.add(
                EventKind.FILE, **{"path": path, "operation": operation, "content": text.encode()} | move
            )

    @rule(path=st.sampled_from(["main.py/part.py", "pkg", "pkg/a.py/b.py"]), content=contents)
    def makes_a_file_a_folder(self, path: str, content: bytes) -> None:
        self.sound = False
        self.recorder.add(EventKind.FILE, path=path, operation="create", content=content)

    @rule(
        source=st.sampled_from(["pkg", "gone.py", "main.py"]),
        onto=st.sampled_from(["main.py", "y" * 250, "pkg/x"]),
    )
    def moves_what_may_not_be_there(self, source: str, onto: str) -> None:
        self.sound = False
        self.recorder.add(EventKind.FILE, path=source, operation="move", destination=onto)

    @rule(
        path=good_paths,
        content=st.one_of(st.none(), contents),
        operation=st.sampled_from(["create", "modify"]),
    )
    def writes_bytes(self, path: str, content: bytes | None, operation: str) -> None:
        self.sound = False
        self.recorder.add(EventKind.FILE, path=path, operation=operation, content=content)

    @rule(files=st.dictionaries(st.one_of(good_paths, bad_paths), st.one_of(st.none(), contents), max_size=3))
    def stores_another_copy(self, files: dict[str, bytes | None]) -> None:
        self.sound = False
        self.recorder.snapshot(files)

    @rule(path=good_paths, content=contents)
    def stores_one_file_twice(self, path: str, content: bytes) -> None:
        self.sound = False
        self.recorder.snapshot()
        self.recorder.add(EventKind.SNAPSHOT, path=path, content=content)["timestamp"] = self.recorder.now

    @rule(
        path=good_paths,
        message=st.sampled_from(MESSAGES),
        places=st.sampled_from([{}, {"line": 99}, {"line": -1}, {"end_line": -5}, {"line": 2**31 - 1}]),
    )
    def publishes_what_can_not_be(self, path: str, message: str, places: dict[str, int]) -> None:
        self.sound = False
        self.recorder.publishes(path, published(message=message, **places))

    @rule(
        kind=st.sampled_from(["telepathy", "", "\ud800", *EventKind]),
        payload=st.sampled_from([None, "[1]", "\ud800"]),
    )
    def records_what_says_nothing(self, kind: str, payload: str | None) -> None:
        self.sound = False
        self.recorder.add(kind, payload=payload)

    @precondition(lambda self: self.recorder.rows)
    @rule(
        data=st.data(),
        column=st.sampled_from(["kind", "path", "sequence", "project_id", "content", "operation"]),
    )
    def loses_a_column(self, data: st.DataObject, column: str) -> None:
        self.sound = False
        data.draw(st.sampled_from(self.recorder.rows))[column] = None

    def teardown(self) -> None:
        """Once for each run, when all is recorded."""
        kept = through_validation([*self.recorder.rows, *HEALTHY.rows])
        sampled = through_sampling(kept)
        states = through_replay(kept, sampled, "odd")
        assert through_replay(kept, sampled, "healthy") == EXPECTED
        if self.sound:
            assert len(kept) == len(self.recorder.rows) + len(HEALTHY.rows)
            assert [row[REASON] for row in states] == [None] * len(states)
        mine = [row for row in kept if row["project_id"] == "odd"]
        for row in states:
            if row[REASON] is not None:
                assert row["detail"]
                continue
            files = oracle(mine, (row["moment"], row["sequence"]))
            assert files is not None
            readable = {path: content for path, content in files.items() if is_readable(path)}
            assert None not in readable.values()
            texts = {path: content for path, content in readable.items() if isinstance(content, str)}
            assert {file["path"]: file["text"] for file in row["files"]} == texts


TestMalformedTimelines = MalformedTimeline.TestCase
TestMalformedTimelines.settings = settings(
    max_examples=75, stateful_step_count=16, deadline=None, derandomize=True
)
