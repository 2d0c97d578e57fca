"""A database, on SQLite and PostgreSQL alike: statements, transactions, claims, kills, lost connections."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repair.database import (
    STATE_VARIABLE,
    DatabaseError,
    DatabaseUnavailableError,
    Execute,
    Location,
    PostgresAddress,
    open_database,
    shared_state,
)
from repair.errors import ConfigurationError
from tests.databases import location, server
from tests.postgres import PASSWORD, QUOTED, Server

__all__ = ["location", "server"]
ROOT = Path(__file__).parents[3]
TABLE = (
    "CREATE TABLE IF NOT EXISTS numbers"
    " (number {dialect.serial}, name TEXT UNIQUE, at TEXT DEFAULT {dialect.utc_text})"
)
HOLDER = """
import sys
from pathlib import Path
from repair.database import PostgresAddress, open_database
kind, where = sys.argv[1:]
database = open_database(Path(where) if kind == "file" else PostgresAddress(where))
print(database.claim("question"), flush=True)
sys.stdin.read()
"""


def holder(location: Location) -> "subprocess.Popen[str]":
    """Another process that claims `question`."""
    arguments = ["file", str(location)] if isinstance(location, Path) else ["server", location.url]
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_statements_and_times(location: Location) -> None:
    with open_database(location) as database:
        for _ in range(2):
            database.create([TABLE])
        database.execute("INSERT INTO numbers (name) VALUES (?)", ("a",))
        [[number, name, at]] = database.execute("SELECT number, name, at FROM numbers")
        assert (number, name) == (1, "a")
        assert at[10] == "T" and at.endswith("Z") and len(at) == len("2026-01-01T00:00:00.000Z")
        [[now]] = database.execute(f"SELECT {database.dialect.now}")
        assert abs(now - time.time()) < 60
        with pytest.raises(DatabaseError, match="wrong"):
            database.execute("SELECT wrong FROM numbers")
        with pytest.raises(DatabaseError):
            database.execute("INSERT INTO numbers (name) VALUES (?)", ("a",))
        assert database.execute("SELECT count(*) FROM numbers") == [(1,)]


def test_a_transaction_is_whole_or_not_at_all(location: Location) -> None:
    def fails(execute: Execute) -> None:
        execute("INSERT INTO numbers (name) VALUES (?)", ("a",))
        raise ZeroDivisionError

    with open_database(location) as database:
        database.create([TABLE])
        with pytest.raises(ZeroDivisionError):
            database.transact(fails)
        assert database.execute("SELECT * FROM numbers") == []
        database.transact(lambda execute: execute("INSERT INTO numbers (name) VALUES (?)", ("b",)))
        assert database.execute("SELECT name FROM numbers") == [("b",)]


def test_transactions_with_one_lock_do_not_overlap(location: Location) -> None:
    def count_up(execute: Execute) -> None:
        [[largest]] = execute("SELECT coalesce(max(at), '00') FROM numbers")
        time.sleep(0.002)
        execute("INSERT INTO numbers (at) VALUES (?)", (f"{int(largest) + 1:02}",))

    def work(_: int) -> None:
        with open_database(location) as database:
            for _ in range(5):
                database.transact(count_up, lock="numbers")

    with open_database(location) as database:
        database.create([TABLE])
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, range(4)))
        assert database.execute("SELECT at FROM numbers ORDER BY at") == [(f"{n:02}",) for n in range(1, 21)]


def test_many_open_a_new_one_at_once(location: Location) -> None:
    together = threading.Barrier(4)

    def opened(_: int) -> int:
        together.wait()
        with open_database(location) as database:
            database.create([TABLE])
            return len(database.execute("SELECT * FROM numbers"))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(opened, range(4))) == [0] * 4


def test_a_claim_is_one_process_s_until_it_ends(location: Location) -> None:
    child = holder(location)
    assert child.stdin and child.stdout
    assert child.stdout.readline() == "True\n"
    with open_database(location) as database, open_database(location) as other:
        assert not database.claim("question")
        assert database.claim("another") and not other.claim("another")
        database.release("another")
        assert other.claim("another")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        deadline = time.monotonic() + 30
        while not database.claim("question"):  # a server notices it after a moment
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not other.claim("question")
    with open_database(location) as database:
        assert database.claim("question")


@pytest.fixture
def address(server: Server) -> Iterator[PostgresAddress]:
    return PostgresAddress(server.address())


def test_a_lost_connection_is_opened_again_and_keeps_its_claims(
    address: PostgresAddress, server: Server
) -> None:
    with open_database(address) as database, open_database(address) as other:
        database.create([TABLE])
        assert database.claim("question")
        server.stop()
        started = threading.Timer(0.5, server.start)
        started.start()
        database.execute("INSERT INTO numbers (name) VALUES (?)", ("a",))
        started.join()
        assert database.execute("SELECT name FROM numbers") == [("a",)]
        assert not other.claim("question")
        database.release("question")
        assert other.claim("question")


def test_a_transaction_that_loses_its_connection_is_done_again(
    address: PostgresAddress, server: Server
) -> None:
    calls: list[int] = []

    def work(execute: Execute) -> None:
        calls.append(1)
        execute("INSERT INTO numbers (name) VALUES (?)", ("a",))
        if len(calls) == 1:
            server.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'repair'"
            )
        execute("INSERT INTO numbers (name) VALUES (?)", ("b",))

    with open_database(address) as database:
        database.create([TABLE])
        database.transact(work)
        assert database.execute("SELECT name FROM numbers ORDER BY name") == [("a",), ("b",)]
    assert len(calls) == 2


def test_a_server_that_stays_away_is_told_of(address: PostgresAddress, server: Server) -> None:
    database = open_database(address, patience_s=0.3)
    with server.restarted_after():
        with pytest.raises(DatabaseUnavailableError, match="see that the server runs") as caught:
            database.execute("SELECT 1")
        with pytest.raises(DatabaseUnavailableError, match="refused"):
            open_database(address)
    assert database.execute("SELECT 1") == [(1,)]
    database.close()
    assert type(pickle.loads(pickle.dumps(caught.value))) is DatabaseUnavailableError


def test_a_user_who_may_create_no_schema_uses_one_that_is_there(server: Server) -> None:
    address = PostgresAddress(server.address())
    name = address.url.rpartition("/")[2]
    server.run("DROP ROLE IF EXISTS guest")
    server.run("CREATE ROLE guest LOGIN PASSWORD 'x'")
    guest = PostgresAddress(address.url.replace(f"tester:{QUOTED}", "guest:x"))
    with pytest.raises(DatabaseError, match="permission denied"):
        open_database(guest)
    server.run("CREATE SCHEMA repair AUTHORIZATION guest", name)
    with open_database(guest) as database:
        database.create([TABLE])
        assert database.execute("SELECT * FROM numbers") == []


WRONG = {
    "password": (lambda url: url.replace(QUOTED, "wr0ngPASS"), "authentication failed"),
    "port": (lambda url: url.replace("@127.0.0.1:", "@127.0.0.1:1"), "invalid port|refused|failed"),
    "parameter": (lambda url: f"{url}?passwd={QUOTED}", "invalid URI query parameter"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_an_address_is_told_without_its_secrets(wrong: str, server: Server) -> None:
    change, says = WRONG[wrong]
    address = PostgresAddress(change(server.address_of("postgres")))
    with pytest.raises(DatabaseError, match=says) as caught:
        open_database(address)
    told = f"{caught.value} {caught.value.__cause__!r} {address!r} {address}"
    assert isinstance(caught.value, DatabaseUnavailableError) == (wrong == "port")
    assert not any(secret in told for secret in (PASSWORD, QUOTED, "wr0ngPASS", "tester:"))


def test_an_address_is_of_the_environment_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared_state() is None
    monkeypatch.setenv(STATE_VARIABLE, "postgresql://user:s3cr%2Fet@[::1]:5432/repair?sslpassword=other9")
    address = shared_state()
    assert address is not None
    assert str(address) == "postgresql://[::1]:5432/repair"
    assert "s3cr" not in repr(address)
    said = f"{address.url} s3cr/et s3cr%2Fet other9 {'x' * 5}"
    assert address.mask(said) == f"{address} *** *** *** xxxxx"
    for url in ("mysql://user:s3cret@host/x", "s3cret", "http://[s3cret"):
        monkeypatch.setenv(STATE_VARIABLE, url)
        with pytest.raises(ConfigurationError, match=f"^{STATE_VARIABLE}: expected an address") as caught:
            shared_state()
        assert "s3cret" not in str(caught.value)
