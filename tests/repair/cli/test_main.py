import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from repair.cli import main
from repair.recording.reader import Recording
from tests.recorded import NOON, Typist, hours


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def counts(result: Result) -> dict[str, int]:
    """The summary of an import."""
    cells = (line.strip("│ ").split("│") for line in result.stdout.splitlines() if "│" in line)
    return {name.strip(): int(count.replace(",", "")) for name, count in cells}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Events of one project in JSON Lines."""
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "projects.jsonl").write_text('{"project_id": "p", "visibility": "public"}\n')
    typist = Typist()
    events = [
        typist.types("main.py", text, NOON + hours(number))
        for number, text in enumerate(["x = 1\n", "x = '😀'\r\n"])
    ]
    rows = [
        {
            "project_id": "p",
            "session_id": "s",
            "timestamp": event.timestamp.isoformat(),
            "kind": event.kind,
            "path": event.path,
            "packet": base64.b64encode(event.packet or b"").decode(),
        }
        for event in events
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def spoil(exported: Path) -> None:
    with (exported / "events.jsonl").open("a") as events:
        events.write('{"kind": "execution"}\n')


def test_events_are_imported_and_counted(exported: Path, tmp_path: Path) -> None:
    result = run("import", "events", exported, "--out", tmp_path / "rec")
    assert result.exit_code == 0
    assert counts(result) == {
        "projects": 1,
        "sessions": 1,
        "events": 2,
        "ot": 2,
        "publications of diagnostics": 0,
        "bad rows": 0,
    }
    assert Recording(tmp_path / "rec").projects().num_rows == 1


def test_bad_rows_are_named_and_do_not_stop_an_import(exported: Path, tmp_path: Path) -> None:
    spoil(exported)
    result = run("import", "events", exported, "--out", tmp_path / "rec")
    assert result.exit_code == 0
    assert counts(result)["malformed_event"] == 1
    assert f"{exported}/events.jsonl, line 3: malformed_event: event lacks project_id" in result.stderr


@pytest.mark.parametrize("kind", ["[/b]", "[red]x", "\x1b[31mx", "x\u202ey", "k" * 900])
def test_a_strangers_kind_is_no_markup_and_moves_no_cursor(exported: Path, kind: str) -> None:
    with (exported / "events.jsonl").open("a") as events:
        row = {"project_id": "p", "timestamp": NOON.isoformat(), "kind": kind}
        events.write(json.dumps(row) + "\n" + json.dumps(row | {"kind": "file", "operation": kind}) + "\n")
    result = run("import", "events", exported, "--check")
    assert result.exit_code == 1
    for line in result.stdout.splitlines() + result.stderr.splitlines():
        assert line.isprintable()
        assert len(line) < 500
    assert "[/b]" not in kind or "[/b]" in result.stdout


def test_a_wrong_value_of_any_size_is_cut(exported: Path) -> None:
    with (exported / "events.jsonl").open("a") as events:
        for wrong in (
            {"kind": ["x" * 10**6]},
            {"timestamp": "x" * 10**6},
            {"x" * 10**6: 1},
            {"packet": "x" * 10**6},
        ):
            row = {"project_id": "p", "timestamp": NOON.isoformat(), "kind": "ot", "path": "a.py"}
            events.write(json.dumps(row | wrong) + "\n")
    result = run("import", "events", exported, "--check")
    assert [f"line {line}: " in result.stderr for line in (3, 4, 5, 6)] == [True] * 4
    assert len(result.stderr) < 3000


def odd_places(folder: Path) -> dict[str, Path]:
    """What stands where a file or a folder is due."""
    places = {
        name: folder / name for name in ("missing", "empty", "loop", "garbage", "table.parquet", "no.parquet")
    }
    places["empty"].mkdir()
    places["loop"].symlink_to("loop")
    places["garbage"].write_bytes(bytes(range(256)) * 9)
    places["no.parquet"].write_bytes(bytes(range(256)) * 9)
    pq.write_table(pa.table({"a": [1]}), places["table.parquet"])
    named = ("projects.jsonl", "projects.parquet", "events.jsonl", "main.py", "pyproject.toml", "events", "p")
    for name, make in {
        "folders": Path.mkdir,
        "loops": lambda path: path.symlink_to(path.name),
        "bytes": lambda path: path.write_bytes(b"\xff\x00" * 99),
        "nothing": Path.touch,
    }.items():
        places[name] = folder / name
        for file in named:
            places[name].mkdir(exist_ok=True)
            make(places[name] / file)
    for name, file in {
        "unread": "date=2024-01-01/part.parquet",
        "undated": "date=never/part.parquet",
    }.items():
        (folder / name / "events" / file).parent.mkdir(parents=True)
        (folder / name / "events" / file).write_bytes(b"x")
        pq.write_table(pa.table({"project_id": ["p"]}), folder / name / "projects.parquet")
        places[name] = folder / name
    return places


@pytest.mark.parametrize(
    "command",
    [
        "import events PLACE --check",
        "import events EXPORTED --out PLACE",
        "import events EXPORTED --projects PLACE --check",
        "import ot PLACE --check",
        "import simulated --projects 1 --days 1 --corpus PLACE --check",
        "replay PLACE --file main.py --at 2024-01-01T12:00:00Z",
        "replay PLACE --file main.py --at 2024-01-01T12:00:00Z --project p",
        "run session_events PLACE --out OUT",
        "run session_events PLACE --out PLACE",
        "run repair_candidates PLACE --out OUT",
        "export PLACE verified_diffs 2024-01-01 --out OUT",
        "stale PLACE",
    ],
)
def test_what_stands_where_a_file_is_due_ends_in_one_line(
    command: str, exported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name, place in odd_places(folder).items():
        words = {"PLACE": place, "EXPORTED": exported, "OUT": tmp_path / f"{name}.out"}
        result = run(*(words.get(word, word) for word in command.split()))
        assert "Traceback" not in result.output, name
        if result.exit_code == 1 and "--check" not in command:
            assert result.stderr.count("\n") <= 2, result.stderr


def test_check_writes_nothing_and_tells_by_its_exit_status(exported: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert run("import", "events", exported, "--check").exit_code == 0
    spoil(exported)
    result = run("import", "events", exported, "--check")
    assert result.exit_code == 1
    assert "line 3" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_an_ot_folder_is_imported(tmp_path: Path) -> None:
    (tmp_path / "ot/p/packets").mkdir(parents=True)
    (tmp_path / "ot/projects.jsonl").write_text('{"project_id": "p"}\n')
    packet = Typist().packet("a.py", "x\n", NOON)
    (tmp_path / "ot/p/packets/a.py.jsonl").write_text(packet.to_json() + "\n")
    assert run("import", "ot", tmp_path / "ot", "--out", tmp_path / "rec").exit_code == 0
    assert run("replay", tmp_path / "rec", "--file", "a.py", "--at", "2024-05-01T12:00:00Z").stdout == "x\n"


def test_replay_prints_the_file_as_it_was(exported: Path, tmp_path: Path) -> None:
    run("import", "events", exported, "--out", tmp_path / "rec")
    table = [
        ("2024-05-01T12:00:00Z", b"x = 1\n"),  # the edits of that instant count
        ("2024-05-01T14:59:59.999999+02:00", b"x = 1\n"),  # another zone
        ("2024-05-01T13:00:00Z", "x = '😀'\r\n".encode()),  # to the byte
        ("2025-01-01T00:00:00Z", "x = '😀'\r\n".encode()),
    ]
    for at, expected in table:
        result = run("replay", tmp_path / "rec", "--file", "main.py", "--at", at)
        assert (result.exit_code, result.stdout_bytes) == (0, expected), at


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--file", "x.py", "--at", "2024-05-01T12:00:00Z"], 1, "x.py does not exist"),
        (["--file", "main.py", "--at", "2024-04-01T12:00:00Z"], 1, "has nothing of project 'p'"),
        (["--file", "main.py", "--at", "2024-05-01T12:00:00"], 2, "no time with a zone"),
        (["--file", "main.py", "--at", "noon"], 2, "no time with a zone"),
        (["--file", "main.py", "--at", "2024-05-01T12:00:00Z", "--project", "q"], 1, "project 'q'"),
    ],
)
def test_replay_says_what_is_missing(
    exported: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    run("import", "events", exported, "--out", tmp_path / "rec")
    result = run("replay", tmp_path / "rec", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_replay_asks_which_project(exported: Path, tmp_path: Path) -> None:
    with (exported / "projects.jsonl").open("a") as projects:
        projects.write('{"project_id": "other"}\n')
    run("import", "events", exported, "--out", tmp_path / "rec")
    at = ("--file", "main.py", "--at", "2024-05-01T12:00:00Z")
    result = run("replay", tmp_path / "rec", *at)
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: the recording has 2 projects; choose one with --project: other, p\n",
    )
    assert run("replay", tmp_path / "rec", *at, "--project", "p").stdout == "x = 1\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["import", "events", "nowhere", "--out", "rec"], 1, "Error: no table of projects at "),
        (["import", "ot", ".", "--out", "rec"], 1, "Error: . is no folder of OT packets"),
        (["import", "ot", "."], 2, "Give --out DIR to import, or --check"),
        (["import", "ot", ".", "--check", "--out", "rec"], 2, "Give --out DIR to import, or --check"),
        (["import", "simulated", "--days", "0", "--check"], 2, "Error: days is 0"),
        (["import", "git", "nowhere", "--check"], 2, "Error: "),
        (["replay", ".", "--file", "a", "--at", "2024-05-01T12:00:00Z"], 1, "Error: . is no recording"),
        (["check", "nowhere.py"], 2, "does not exist"),
    ],
)
def test_mistakes_are_one_clear_line(
    tmp_path: Path, arguments: list[str], code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == code
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("Usage:", "Try "))]
    assert len([line for line in lines if line]) == 1
    assert message in lines[-1]


def test_a_recording_is_not_overwritten_unless_asked(exported: Path, tmp_path: Path) -> None:
    command = ("import", "events", exported, "--out", tmp_path / "rec")
    assert run(*command).exit_code == 0
    again = run(*command)
    assert again.exit_code == 2
    assert "holds a recording already" in again.stderr
    assert run(*command, "--replace").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("import",),
        ("import", "events"),
        ("import", "ot"),
        ("import", "git"),
        ("import", "simulated"),
        ("check",),
        ("replay",),
        ("run",),
        ("export",),
        ("reasons",),
    ],
)
def test_help_shows_an_example(command: tuple[str, ...]) -> None:
    shown = run(*command, "--help").stdout
    assert "Example:\n" in shown
    assert f"    repair {' '.join(command)}".rstrip() in shown


def test_help_is_instant_for_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from repair.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('pyarrow', 'rich', 'fsspec', 'dagster', 'torch') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_simulated_people_are_recorded_with_the_servers_diagnostics(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/shapes.py").write_text(
        '"""Shapes."""\n\nimport math\n\n\n'
        + "".join(
            f"def area_{number}(radius: float) -> float:\n"
            f'    """The area of a circle, {number} times."""\n'
            f"    area = {number} * math.pi * radius**2\n"
            "    return area\n\n\n"
            for number in range(12)
        )
    )
    options = ("--projects", 1, "--days", 1, "--corpus", tmp_path / "corpus")
    result = run("import", "simulated", *options, "--out", tmp_path / "rec")
    assert result.exit_code == 0, result.stderr
    recording = Recording(tmp_path / "rec")
    start = datetime(2024, 5, 6, tzinfo=UTC)
    rows = [row for batch in recording.events(start, start + timedelta(days=1)) for row in batch.to_pylist()]
    kinds = {row["kind"] for row in rows}
    assert {"ot", "diagnostics", "snapshot"} <= kinds
    assert any(row["diagnostics"] for row in rows)


def test_check_shows_what_the_servers_say(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("VALUE = 1\n")
    (tmp_path / "main.py").write_text("import helper\n\nprint(helper.VALUE, helper.OTHER)\n")
    (tmp_path / "clean.py").write_text("print(1)\n")
    of_file = run("check", tmp_path / "main.py")
    assert of_file.exit_code == 1
    (line,) = of_file.stdout.splitlines()  # the helper beside it was found
    assert line.startswith(f"{tmp_path}/main.py:3:28: error: pyright[reportAttributeAccessIssue]: ")
    assert run("check", tmp_path).stdout == of_file.stdout
    clean = run("check", tmp_path / "clean.py")
    assert (clean.exit_code, clean.stdout) == (0, "")


def test_check_refuses_what_is_no_python_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "latin.py").write_bytes(b"# \xff\n")
    for name in ("notes.txt", "latin.py"):
        result = run("check", tmp_path / name)
        assert result.exit_code == 1
        assert "is no Python file in UTF-8" in result.stderr
