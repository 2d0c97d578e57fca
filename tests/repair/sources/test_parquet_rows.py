"""Parquet of strangers: a row comes in or is told, a file is read or refused by name, in bounded memory."""

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.errors import InputError
from repair.recording.event import Event, event_batch
from repair.sources import events as source
from repair.sources import parquet_rows
from repair.sources.report import Report
from tests.recorded import NOON, NOW, diagnostic

MIB = 1 << 20
UTC_TIMES = pa.timestamp("us", tz="UTC")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "projects.jsonl").write_text('{"project_id": "p"}\n')
    return tmp_path


def table(rows: int = 2, **columns: Any) -> pa.Table:
    sound = {
        "project_id": ["p"] * rows,
        "timestamp": pa.array([NOON] * rows, UTC_TIMES),
        "kind": ["shell_command"] * rows,
        "payload": ["{}"] * rows,
    }
    return pa.table({name: column for name, column in {**sound, **columns}.items() if column is not None})


def read(folder: Path, content: pa.Table | None = None, **options: Any) -> tuple[list[Event], Report]:
    if content is not None:
        pq.write_table(content, folder / "events.parquet", **options)
    report = Report(NOW)
    return [event for _, of in source.projects_and_events(folder, report=report) for event in of], report


def test_nanoseconds_are_cut_as_in_json(folder: Path) -> None:
    noon = int(NOON.timestamp()) * 10**9
    times = pa.array([noon + 123_456_789, noon + 999], pa.timestamp("ns", tz="Europe/Berlin"))
    events, report = read(folder, table(timestamp=times))
    assert report.bad_rows == {}
    assert [event.timestamp for event in events] == [NOON, NOON.replace(microsecond=123_456)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("count", [2**63 - 1, -(2**63), -1, None])
def test_a_time_that_does_not_fit_is_that_rows(folder: Path, unit: str, count: int | None) -> None:
    if unit == "s" and count not in (-1, None):
        pytest.skip("Parquet has no seconds: they are stored as milliseconds")
    sound = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit] * int(NOON.timestamp())
    events, report = read(folder, table(timestamp=pa.array([sound, count], pa.timestamp(unit, tz="UTC"))))
    assert [event.timestamp for event in events] == [NOON]
    assert report.bad_rows == {"bad_timestamp": 1}
    assert report.examples["bad_timestamp"][0].row == "row 2"


@pytest.mark.parametrize(
    ("sequences", "bad"),
    [
        (pa.array([2**63 - 1, None], pa.int64()), 1),
        (pa.array([2**62 - 1, None], pa.int64()), 0),
        (pa.array([2**64 - 1, 5], pa.uint64()), 1),
        (pa.array([-1, 0], pa.int64()), 1),
        (pa.array([1.0, 2.5], pa.float64()), 1),
        (pa.array([float("nan"), 2.0], pa.float64()), 1),
        (pa.array([1.0, None], pa.float64()), 0),  # pandas' integers with a null
    ],
)
def test_a_sequence_that_does_not_fit_is_that_rows(folder: Path, sequences: pa.Array, bad: int) -> None:
    events, report = read(folder, table(sequence=sequences))
    assert (len(events), report.bad_rows) == (2 - bad, {"malformed_event": 1} if bad else {})


def structs(lacks: str = "", **more: Any) -> pa.Array:
    kept = {name: value for name, value in diagnostic().items() if name != lacks}
    return pa.array([[kept | more]])


def test_structs_may_lack_what_may_be_null(folder: Path) -> None:
    for lacks in ("severity", "code_action"):
        content = table(1, kind=["diagnostics"], path=["a.py"], diagnostics=structs(lacks))
        ((event,), report) = read(folder, content)
        assert report.bad_rows == {}
        assert event.diagnostics == [diagnostic() | {lacks: None}]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (structs("message"), "diagnostics lacks 'message'"),
        (structs("start_line"), "diagnostics lacks 'start_line'"),
        (structs(colour="red"), "has 'colour' too"),
        (pa.array([["x"]]), "diagnostics is string, expected struct"),
        (pa.array(["x"]), "diagnostics is string, expected list"),
    ],
)
def test_structs_in_another_form_are_refused_by_name(folder: Path, column: pa.Array, told: str) -> None:
    with pytest.raises(InputError, match=r"events\.parquet") as raised:
        read(folder, table(1, diagnostics=column))
    assert told in str(raised.value)


def test_bytes_that_are_no_text_are_that_rows(folder: Path) -> None:
    events, report = read(folder, table(session_id=pa.array([b"\xff", b"s"], pa.binary())))
    assert [event.session_id for event in events] == ["s"]
    assert report.bad_rows == {"bad_utf8": 1}


def test_projects_may_be_damaged_row_by_row(folder: Path) -> None:
    (folder / "projects.jsonl").unlink()
    projects = pa.table(
        {"project_id": pa.array([b"\xff", b"", None, b"p"], pa.binary()), "consent": [True] * 4}
    )
    pq.write_table(projects, folder / "projects.parquet")
    events, report = read(folder, table())
    assert (len(events), report.bad_rows) == (2, {"bad_utf8": 1, "malformed_event": 2})


@pytest.mark.parametrize("name", ["kind", "session_id", "project_id", "operation"])
def test_a_name_that_is_too_long_is_that_rows(folder: Path, name: str) -> None:
    sound = {"kind": "shell_command", "project_id": "p"}.get(name, "x")
    _, report = read(folder, table(**{name: [sound, "x" * 1025]}))
    assert report.bad_rows == {"too_large": 1}


def everything(rows: int = 40) -> pa.Table:
    random = Random(0)
    events = [
        Event(
            "p",
            NOON,
            random.choice(["ot", "file", "diagnostics", "shell_command"]),
            sequence=number,
            path="a.py",
            content=random.randbytes(random.randrange(300)),
            diagnostics=[diagnostic(message="m" * random.randrange(50))] * random.randrange(3),
            payload="{}",
        )
        for number in range(rows)
    ]
    return pa.Table.from_batches([event_batch(events)])


@pytest.mark.parametrize(
    "options", [{"compression": "none"}, {"compression": "zstd"}, {"use_dictionary": False}]
)
def test_a_damaged_file_is_refused_by_name_or_read(folder: Path, options: dict[str, Any]) -> None:
    """No other error than InputError, whatever is damaged, and whatever is read is told or comes in."""
    file = folder / "events.parquet"
    pq.write_table(everything(), file, **options)
    whole, random, refused = file.read_bytes(), Random(1), 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(random.choice([1, 3])):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        file.write_bytes(
            bytes(damaged[: random.choice([len(damaged)] * 4 + [random.randrange(len(damaged))])])
        )
        try:
            read(folder)
        except InputError as error:
            refused += 1
            assert str(file) in str(error)
    assert refused > 10


TYPES = [
    pa.string(),
    pa.binary(),
    pa.int8(),
    pa.uint64(),
    pa.float32(),
    pa.bool_(),
    pa.timestamp("ns", tz="UTC"),
]
TYPES += [
    pa.timestamp("s"),
    pa.date32(),
    pa.list_(pa.string()),
    pa.large_string(),
    pa.decimal128(5, 2),
    pa.null(),
]
VALUES: dict[str, Any] = {
    "string": st.text(max_size=5),
    "large_string": st.text(max_size=5),
    "binary": st.binary(max_size=5),
    "bool": st.booleans(),
}


@st.composite
def columns(draw: Any) -> dict[str, pa.Array]:
    names = draw(st.lists(st.sampled_from(source.ROWS.names), unique=True, max_size=6))
    found: dict[str, pa.Array] = {}
    for name in names:
        kind = draw(st.sampled_from(TYPES))
        values = VALUES.get(
            str(kind), st.none() if kind in (TYPES[9], TYPES[11], TYPES[12]) else st.integers(0, 100)
        )
        found[name] = pa.array(draw(st.lists(st.none() | values, min_size=2, max_size=2)), kind)
    return found


@settings(max_examples=60, deadline=None)
@given(columns())
def test_any_columns_come_in_or_are_told(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, pa.Array]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "projects.jsonl").write_text('{"project_id": "p"}\n')
    try:
        events, report = read(folder, table(**found))
    except InputError as error:
        assert "events.parquet" in str(error)
        return
    told = report.bad_rows.total() - report.bad_rows["unknown_project"]
    assert len(events) + told >= 2


def test_a_row_group_that_is_too_large_unpacked_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = table(content=[bytes(MIB)] * 2)
    assert len(read(folder, content)[0]) == 2
    monkeypatch.setattr(parquet_rows, "LARGEST_ROW_GROUP", MIB)
    with pytest.raises(InputError, match=r"events\.parquet has a row group of 1,\d{3},\d{3} bytes unpacked"):
        read(folder)


def shared(value: bytes, kind: pa.DataType) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([value], kind))


def bomb(name: str) -> pa.Table:
    """A file of few kilobytes, whose values take half a gigabyte when each row has its own."""
    if name.startswith("content"):
        files = {"kind": ["file"] * ROWS, "operation": ["modify"] * ROWS, "path": ["a.bin"] * ROWS}
        return table(ROWS, **files, content=shared(bytes(int(name[-2:]) * MIB), pa.binary()))
    if name == "payload":
        return table(ROWS, payload=shared(b'{"x": "' + b"x" * (15 * MIB) + b'"}', pa.string()))
    one = diagnostic() | {"message": None}
    message = shared(b"m" * 15 * MIB, pa.string())
    parts = [message if value is None else pa.array([value] * ROWS) for value in one.values()]
    offsets = pa.array(range(ROWS + 1), pa.int32())
    published = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(parts, names=list(one)))
    return table(ROWS, kind=["diagnostics"] * ROWS, path=["a.py"] * ROWS, diagnostics=published)


ROWS = 30
PEAK = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from repair.sources import events, importing
from repair.sources.report import Report
report = Report(datetime.now(UTC))
read = events.projects_and_events(Path(sys.argv[1]), report=report)
importing.write_recording(read, Path(sys.argv[2]), report)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) >> 10, report.events.total() + report.bad_rows.total())
"""


@pytest.mark.parametrize("name", ["content-15", "content-17", "payload", "message"])
def test_a_small_file_takes_little_memory(folder: Path, name: str) -> None:
    pq.write_table(
        bomb(name), folder / "events.parquet", compression="zstd", dictionary_pagesize_limit=1 << 30
    )
    assert (folder / "events.parquet").stat().st_size < 30_000
    arguments = [sys.executable, "-c", PEAK, str(folder), str(folder / "recording")]
    mebibytes, told = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()
    assert int(told) >= ROWS
    assert int(mebibytes) < 500, mebibytes  # the interpreter and its libraries take 150 of them
