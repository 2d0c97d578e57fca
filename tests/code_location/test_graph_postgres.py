"""Dagster's own storage in PostgreSQL, as `docker/storage.yaml` sets it: a run materializes and is found."""

from pathlib import Path

import dagster as dg
import pytest

from partitions.keys import Key
from repair_assets.session_events import session_events
from tests.code_location.test_graph_credentials import PASSWORD, planted_in
from tests.graph import DAY, House, Session, record
from tests.postgres import QUOTED, Server, server

__all__ = ["server"]
ROOT = Path(__file__).parents[2]


def test_a_run_materializes_with_dagster_s_storage_in_postgres(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dagster_postgres")
    server.run("DROP ROLE IF EXISTS keeper")
    server.run(f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    address = server.address().replace(f"tester:{QUOTED}", f"keeper:{PASSWORD}")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", address.replace("postgresql:", "postgresql+psycopg2:"))
    monkeypatch.setenv("DAGSTER_FILES", str(tmp_path / "files"))
    home = tmp_path / "dagster"
    home.mkdir()
    parts = [ROOT / "dagster.yaml", ROOT / "docker" / "storage.yaml"]
    (home / "dagster.yaml").write_text("".join(part.read_text() for part in parts))
    session = Session("project")
    session.edits("main.py", "x = 1\n")
    house = House(tmp_path)
    record(tmp_path / "recording", [session])
    with dg.DagsterInstance.from_config(str(home)) as instance:
        house.instance = instance
        run = house.run([session_events], Key(DAY))
    with dg.DagsterInstance.from_config(str(home)) as instance:  # as another process sees it
        assert "Postgres" in type(instance.event_log_storage).__name__
        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is dg.DagsterRunStatus.SUCCESS
        event = instance.get_latest_materialization_event(session_events.key)
        assert event is not None and event.run_id == run.run_id
        assert instance.get_materialized_partitions(session_events.key) == {DAY}
        shown = str(instance.info_dict())
    (tmp_path / "said.txt").write_text(shown + "".join(capfd.readouterr()))
    database = address.rpartition("/")[2]
    tables = server.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
    held = [server.run(f'SELECT * FROM "{table}"', database) for (table,) in tables]
    assert sum(map(len, held)) > 10
    (tmp_path / "held.txt").write_text(str(held))
    assert planted_in(tmp_path) == set()
