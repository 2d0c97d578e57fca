"""A planted key: services echo it in every way, and no file of a deployment holds it afterwards."""

import base64
import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partitions.keys import Key
from repair.schema.events import EventKind
from repair.schema.stages import REPAIR_CANDIDATES
from repair.synthesis.lm.program import TeacherProgram
from repair_assets.session_events import session_events
from repair_assets.synthesized_diffs import synthesized_diffs
from repair_assets.teacher_program import PROGRAM
from resources.alerts.channels import DeliveryError
from resources.alerts.resource import AlertsResource
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.reporting import preview, rejected_rows
from tests.graph import DAY, House, Session, record
from tests.model_server import Exchange, ModelServer
from tests.postgres import QUOTED, Server, server
from tests.repair.synthesis.support import candidate, found, marked
from tests.resources.alerts.receiver import receiver
from tests.resources.alerts.test_message import alert
from tests.servers_over_http import ScriptedHttpServers, answer

__all__ = ["server"]
ROOT = Path(__file__).parents[2]
NAMES = Key(DAY, "F821")
KEY = "sk-plantedKey/9+aZ"
PATH_TOKEN = "pathTOKENpathTOKEN"
PASSWORD = "passWORDpassWORD"
PLANTED = (
    *(
        form.encode().lower()
        for secret in (KEY, PATH_TOKEN, PASSWORD)
        for form in (
            secret,
            secret[:-3],
            secret.replace("/", "%2F").replace("+", "%2B"),
            secret.encode().hex(),
            base64.b64encode(secret.encode()).decode().rstrip("=")[:-1],
        )
    ),
    base64.b64encode(f"Bearer {KEY}".encode())[12:-4].lower(),
)


def in_headers(exchange: Exchange, status: int) -> None:
    said = {"Authorization": f"Bearer {KEY}", "b64": base64.b64encode(f"Bearer {KEY}".encode()).decode()}
    exchange.error(status, f"not with {json.dumps(said)} at /{PATH_TOKEN}/v1")


def as_page(exchange: Exchange) -> None:
    exchange.send(500, f"<html>{'x' * 470}{KEY} and more</html>".encode(), {"Content-Type": "text/html"})


def in_a_reply(exchange: Exchange) -> None:
    exchange.send(200, json.dumps({"choices": [], "error": f"no credit for {KEY}"}).encode())


def in_an_answer(exchange: Exchange) -> None:
    exchange.answer(f"You sent me {KEY}, {base64.b64encode(KEY.encode()).decode()}.")


def elsewhere(exchange: Exchange) -> None:
    exchange.send(302, KEY.encode(), {"Location": f"http://127.0.0.1:9/{KEY}"})


SERVICES: dict[str, Any] = {
    "401 with headers": lambda exchange: in_headers(exchange, 401),
    "400 with headers": lambda exchange: in_headers(exchange, 400),
    "500 with a page": as_page,
    "a reply that is none": in_a_reply,
    "an answer": in_an_answer,
    "a redirect": elsewhere,
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A stage of two rows to synthesize, in a Dagster instance with its databases and logs in the folder."""
    monkeypatch.setenv("PLANTED_KEY", KEY)
    house = House(tmp_path)
    rows: list[dict[str, Any]] = []
    for number in range(2):
        files = {"main.py": f"b = error:name{number}x\n"}
        rows.append(candidate(files, found("main.py", 0, "found it"), marked(files), number=number))
    with house.store.writer("repair_candidates", NAMES.segments()) as writer:
        writer.write("data", pa.Table.from_pylist(rows, REPAIR_CANDIDATES))
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=len(rows))
    with house.store.writer("teacher_program", {}) as writer:
        writer.write_bytes(PROGRAM, TeacherProgram().to_json())
        writer.write("data", pa.table({"example_id": pa.array([], pa.string())}))
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=0)
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        house.instance = instance
        yield house


def planted_in(folder: Path) -> set[str]:
    """The files below a folder in which something planted can be read, compressed or not."""
    held: set[str] = set()
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        contents = [path.read_bytes()]
        if path.suffix == ".parquet":
            contents.append(str(pq.read_table(path).to_pylist()).encode())
        if contents[0].startswith(b"SQLite format 3"):
            contents += _cells(path)
        if any(form in content.lower() for form in PLANTED for content in contents):
            held.add(str(path.relative_to(folder)))
    return held


def _cells(path: Path) -> Iterator[bytes]:
    """The values of a database; Dagster compresses its snapshots."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    yield str(value).encode(errors="replace") if not isinstance(value, bytes) else value
                    if isinstance(value, bytes) and value[:1] == b"\x78":
                        yield zlib.decompress(value)


def materialize(house: House, asset: dg.AssetsDefinition, key: Key, **config: Any) -> str:
    """What Dagster says of a run that failed; empty: it did not."""
    name = asset.key.path[-1]
    result = dg.materialize(
        [asset],
        instance=house.instance,
        partition_key=key.dagster(),
        resources=house.resources,
        run_config={"ops": {name: {"config": config}}} if config else None,
        raise_on_error=False,
    )
    return "" if result.success else str(result.failure_data_for_node(name))


def synthesize(house: House, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run of the stage with a model at `url`, which stands in the environment as in a deployment."""
    monkeypatch.setenv("PLANTED_URL", url)
    house.resources["language_model"] = LanguageModelResource(
        model="openai/scripted",
        base_url=dg.EnvVar("PLANTED_URL"),
        key_variable="PLANTED_KEY",
        answers=str(house.folder / "answers.sqlite"),
        state_variable="PLANTED_STATE",
    )
    return materialize(house, synthesized_diffs, NAMES, teacher="lm")


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_that_a_service_echoes_is_written_nowhere(
    service: str, house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("repair.synthesis.lm.client.LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr("resources.retries.WAITS_S", (0.01, 0.01))
    with ModelServer(SERVICES[service]) as server:
        url = server.base_url.replace("/v1", f"/{PATH_TOKEN}/v1")
        server.path = f"/{PATH_TOKEN}/v1/chat/completions"
        said = synthesize(house, url, monkeypatch)
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    (house.folder / "said.txt").write_text(said + "".join(capfd.readouterr()))
    assert planted_in(house.folder) == set()
    if manifest := house.store.manifest("synthesized_diffs", NAMES.segments()):
        assert json.loads(manifest.versions["model"])["base_url"] == server.base_url.removesuffix("/v1")


def test_what_finds_the_planted_key_would_find_it(house: House) -> None:
    database = house.folder / "x.sqlite"
    with sqlite3.connect(database) as file:
        file.execute("CREATE TABLE t (x)")
        file.execute("INSERT INTO t VALUES (?)", (zlib.compress(KEY.encode()),))
    (house.folder / "x.log").write_text(base64.b64encode(f"Bearer {KEY}".encode()).decode())
    pq.write_table(pa.table({"x": [f"at {PATH_TOKEN}"]}), house.folder / "x.parquet")
    assert planted_in(house.folder) == {"x.sqlite", "x.log", "x.parquet"}


@pytest.mark.parametrize(
    "url", [f"http://user:{PASSWORD}@127.0.0.1:9/v1", f"http://127.0.0.1:9/v1?key={PATH_TOKEN}", PATH_TOKEN]
)
def test_an_address_of_a_model_that_can_not_be_used_is_not_repeated(
    url: str, house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = synthesize(house, url, monkeypatch)
    assert "address" in said
    (house.folder / "said.txt").write_text(said + "".join(capfd.readouterr()))
    assert planted_in(house.folder) == set()


def test_the_token_and_the_address_of_language_servers_are_written_nowhere(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANTED_TOKEN", KEY)
    with ScriptedHttpServers(answer, (401, f"not with Bearer {KEY}".encode())) as scripted:
        monkeypatch.setenv("PLANTED_URL", f"{scripted.url}?key={PATH_TOKEN}")
        house.resources["language_servers"] = LanguageServersResource(
            url=dg.EnvVar("PLANTED_URL"), token_variable="PLANTED_TOKEN"
        )
        said = materialize(house, synthesized_diffs, NAMES, teacher="history")
    assert f"{scripted.url} answered 401: not with Bearer ***" in said
    (house.folder / "said.txt").write_text(said + "".join(capfd.readouterr()))
    assert planted_in(house.folder) == set()


def test_the_password_of_the_shared_state_is_written_nowhere(
    house: House, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    address = server.address()
    database = address.rpartition("/")[2]
    server.run("DROP ROLE IF EXISTS planted")
    server.run(f"CREATE ROLE planted SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    said = ""
    with ModelServer(in_an_answer) as model:
        for user, requests in (("absent", 0), ("planted", 2)):
            monkeypatch.setenv("PLANTED_STATE", address.replace(f"tester:{QUOTED}", f"{user}:{PASSWORD}"))
            said += synthesize(house, model.base_url, monkeypatch)
            assert len(model.requests) == requests
    assert "authentication failed" in said
    (house.folder / "said.txt").write_text(said + "".join(capfd.readouterr()))
    assert planted_in(house.folder) == set()
    tables = server.run("SELECT tablename FROM pg_tables WHERE schemaname = 'repair'", database)
    held = [server.run(f"SELECT * FROM repair.{table}", database) for (table,) in tables]
    assert sum(len(rows) for rows in held) == 2  # the answers
    (house.folder / "held.txt").write_text(str(held))
    assert planted_in(house.folder) == set()


def test_the_token_of_slack_and_the_address_of_a_webhook_are_written_nowhere(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANTED_TOKEN", KEY)
    echoed = json.dumps({"ok": False, "error": f"not with {KEY}"})
    with receiver(ok=echoed) as there, contextlib.closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/{PATH_TOKEN}"
        alerts = AlertsResource(
            outbox=str(house.folder / "alerts.sqlite"),
            ui_url="http://127.0.0.1:3000",
            webhook_url=address,
            slack_channel="#alerts",
            slack_token_variable="PLANTED_TOKEN",
            slack_url=f"{there.url}/",
        )
        said: list[str] = []
        for channel in alerts.channels()[1:]:
            with pytest.raises(DeliveryError) as refused:
                channel.send(alert(), "1")
            said.append(f"{channel!r} {refused.value}")
        assert [headers["Authorization"] for _, headers, _ in there.requests] == [f"Bearer {KEY}"]
    (house.folder / "said.txt").write_text("".join([*said, *capfd.readouterr()]))
    assert planted_in(house.folder) == set()


def test_a_model_s_fingerprint_has_its_origin_and_nothing_secret() -> None:
    def fingerprint(url: str, **settings: Any) -> str:
        return LanguageModelResource(model="m", base_url=url, answers="a", **settings).fingerprint_settings()

    one = fingerprint("https://gw.example.org/t/first/v1", key_variable="ONE")
    assert one == fingerprint("https://gw.example.org/t/second/v2", key_variable="TWO")
    assert one != fingerprint("https://other.example.org/t/first/v1")
    assert json.loads(one)["base_url"] == "https://gw.example.org"


CODE_LOCATION = """
import dagster as dg
from code_location.definitions import defs
for name in ("diagnostics", "teacher"):
    dg.DagsterInstance.get().create_run_for_job(defs.resolve_job_def(name))
print([defs.resources[name] for name in ("language_model", "language_servers")])
"""


def test_addresses_of_the_environment_are_not_in_dagster_s_snapshots(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE_LOCATION],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "REPAIR_HOME": str(tmp_path),
            "DAGSTER_HOME": str(home),
            "REPAIR_MODEL": "openai/m",
            "REPAIR_MODEL_URL": f"http://127.0.0.1:9/{PATH_TOKEN}/v1",
            "REPAIR_LANGUAGE_SERVERS_URL": f"http://user:{PASSWORD}@127.0.0.1:9",
            "REPAIR_ALERT_SLACK_CHANNEL": "#alerts",
            "REPAIR_ALERT_SLACK_TOKEN": KEY,
            "REPAIR_ALERT_WEBHOOK_URL": f"http://127.0.0.1:9/{PATH_TOKEN}",
            "REPAIR_SHARED_STATE": f"postgresql://user:{PASSWORD}@127.0.0.1:9/repair",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "said.txt").write_text(done.stdout + done.stderr)
    assert (home / "history" / "runs.db").exists()
    assert planted_in(tmp_path) == set()


def test_previews_show_the_size_of_what_users_wrote(house: House) -> None:
    session = Session("project")
    session.edits("main.py", f"token = '{KEY}'\n")
    session.happens(EventKind.SHELL_COMMAND, payload=json.dumps({"command": f"login {PASSWORD}"}))
    session.happens(EventKind.SHELL_COMMAND, payload=f"[{PASSWORD!r}]")  # no object: rejected
    record(house.folder / "recording", [session])
    assert materialize(house, session_events, Key(DAY)) == ""
    assert {held.split("/")[0] for held in planted_in(house.folder)} == {"recording", "store"}
    manifest = house.store.manifest("session_events", Key(DAY).segments())
    assert manifest is not None and manifest.rejects == {"malformed_event": 1}
    shown = [record.data for record in preview(house.store, manifest).records]
    assert any(str(record["payload"]).endswith(" bytes") for record in shown)
    assert any(str(record["packet"]).endswith(" bytes") for record in shown)
    rejected = rejected_rows(house.store, manifest)
    assert len(rejected.records) == 1 and PASSWORD not in str(rejected)
