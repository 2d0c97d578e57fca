"""The query of docs/warehouse.md makes an export that is imported as the same events are from JSON Lines."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner

from repair.cli.main import main
from repair.recording.event import Event, Project
from repair.schema.events import EVENTS
from repair.sources import events
from repair.sources.report import Report
from tests.recorded import NOW
from tests.repair.sources.test_recordings_page import examples, put

__all__ = ["examples"]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "warehouse.md"

# The warehouse's own names and types -> the schema's
COLUMNS = {
    **{"workspace": "project_id", "session": "session_id", "happened_at": "timestamp", "number": "sequence"},
    **{"event_type": "kind", "file": "path", "ot_packet": "packet", "operation": "operation"},
    **{"destination": "destination", "body": "content", "version": "version", "published": "diagnostics"},
    "details": "payload",
}


def read(folder: Path) -> tuple[list[Event], list[Project]]:
    report = Report(NOW)
    found: list[Event] = []
    projects: list[Project] = []
    for project, timeline in events.projects_and_events(folder, report=report):
        projects.append(project)
        found += list(timeline)
    assert report.bad_rows == {}
    return found, projects


@pytest.fixture
def warehouse(examples: dict[str, str], tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """The events of docs/recordings.md in the tables of a warehouse, and the folder with their JSON."""
    folder = tmp_path / "json"
    put(folder, **{name: examples[name] for name in ("projects.jsonl", "events.jsonl")})
    found, projects = read(folder)
    rows = [{own: getattr(event, name) for own, name in COLUMNS.items()} for event in found]
    for row in rows:
        row["event_type"] = str(row["event_type"]).upper()
    schema = pa.schema([pa.field(own, EVENTS.field(name).type) for own, name in COLUMNS.items()])
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA warehouse")
        connection.register("given", pa.Table.from_pylist(rows, schema))
        connection.execute("CREATE TABLE warehouse.events AS SELECT * FROM given ORDER BY random()")
        records = [
            {
                **{"workspace": project.project_id, "is_public": project.visibility == "public"},
                **{"language": "Python", "licence": project.licence, "agreed": project.consent},
            }
            for project in projects
        ]
        connection.register("known", pa.Table.from_pylist(records))
        connection.execute("CREATE TABLE warehouse.projects AS SELECT * FROM known")
        yield connection, folder


def test_the_query_and_the_commands_import_what_the_warehouse_holds(
    warehouse: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, folder = warehouse
    monkeypatch.chdir(tmp_path)
    Path("exported").mkdir()
    [query] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    connection.execute(query)
    commands = re.findall(r"^repair (import .*?)(?: +#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        done = CliRunner().invoke(main, command.split())
        assert done.exit_code == 0, done.output
    expected, projects = read(folder)
    found, known = read(Path("exported"))
    assert found == expected and len(found) == 9
    assert [project.project_id for project in known] == [project.project_id for project in projects]
    assert {project.visibility for project in known} == {"public"}
    assert list(Path("recording").glob("events/date=2024-05-01/*.parquet"))


FAULTS = {
    "a time without a zone": ("happened_at::TIMESTAMPTZ", "happened_at::TIMESTAMP", "with a time zone"),
    "diagnostics as JSON": ("published AS", "to_json(published)::VARCHAR AS", "diagnostics"),
    "a payload as a struct": ("details::VARCHAR", "{'a': details}", "payload"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_export_that_goes_wrong_is_refused_by_its_column(
    fault: str, warehouse: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, _ = warehouse
    monkeypatch.chdir(tmp_path)
    Path("exported").mkdir()
    [query] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    right, wrong, says = FAULTS[fault]
    connection.execute(query.replace(right, wrong))
    done = CliRunner().invoke(main, ["import", "events", "exported", "--out", "recording"])
    assert done.exit_code != 0
    assert "exported/events.parquet" in done.output and says in done.output
