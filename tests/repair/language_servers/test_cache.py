"""The diagnostics cache: never wrong, bounded, shared, and alive after a kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from repair.database import STATE_VARIABLE, Location, PostgresAddress, open_database
from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request, shared_cache
from repair.language_servers.cache import LIMIT_BYTES, ResultCache, packed
from repair.language_servers.shared_cache import SharedResultCache
from repair.language_servers.workspace import PreparedWorkspace
from tests.databases import location, server
from tests.postgres import QUOTED, Server

__all__ = ["location", "server"]

ONE = Diagnostic("a.py", 0, 1, 2, 0, 3, 4, "ruff[F821]", "Undefined name `y` 😀", "error", False)


def opened(location: Location, limit_bytes: int = LIMIT_BYTES) -> ResultCache | SharedResultCache:
    kind = SharedResultCache if isinstance(location, PostgresAddress) else ResultCache
    return kind(location, limit_bytes)  # pyright: ignore[reportArgumentType]


def test_what_was_put_comes_back(location: Location) -> None:
    cache = opened(location)
    assert cache.get("k") is None
    cache.put("k", [ONE])
    cache.put("clean", [])
    assert cache.get("k") == [ONE]
    assert cache.get("clean") == []  # an empty result is a hit, not a miss
    cache.close()
    again = opened(location)
    assert again.get("k") == [ONE]
    again.put("k", [])
    assert again.get("k") == []
    again.close()


def test_the_oldest_are_evicted(location: Location) -> None:
    cache = opened(location, limit_bytes=20_000)
    for number in range(1025):
        cache.put(f"{number:04}", [ONE])
    kept = [number for number in range(1025) if cache.get(f"{number:04}") is not None]
    assert kept == list(range(kept[0], 1025))
    size = sum(len(packed([ONE])) + 4 for _ in kept)
    assert 10_000 < size <= 20_000
    cache.close()


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"no database" * 1000)
    cache = ResultCache(path)
    assert cache.get("k") is None
    cache.put("k", [ONE])
    assert cache.get("k") == [ONE]
    cache.close()


def folder_in_its_place(path: Path) -> None:
    path.mkdir()


def file_in_place_of_its_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


def link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "absent" / "cache.sqlite")


def damaged_and_not_to_be_replaced(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    Path(f"{path}-wal").mkdir()


@pytest.mark.parametrize(
    "obstacle",
    [folder_in_its_place, file_in_place_of_its_folder, link_to_nowhere, damaged_and_not_to_be_replaced],
)
def test_a_file_that_cannot_be_opened_is_warned_of_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, obstacle: Callable[[Path], None]
) -> None:
    path = tmp_path / "cache" / "cache.sqlite"
    path.parent.mkdir()
    obstacle(path)
    cache = ResultCache(path)
    for _ in range(3):
        cache.put("k", [ONE])
        assert cache.get("k") is None
    cache.close()
    [record] = caplog.records
    assert str(path) in record.getMessage()


def test_a_disk_that_is_full_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = ResultCache(tmp_path / "cache.sqlite")
    cache.put("before", [ONE])
    assert cache._connection is not None
    [[pages]] = cache._connection.execute("PRAGMA page_count")
    cache._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to a full disk
    many = [replace(ONE, message=os.urandom(9000).hex())]
    for number in range(3):
        cache.put(f"{number}", many)
        assert cache.get(f"{number}") is None
    assert cache.get("before") == [ONE]
    cache.close()
    [record] = caplog.records
    assert "full" in record.getMessage()


def test_a_read_only_file_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = ResultCache(tmp_path / "cache.sqlite")
    cache.put("before", [ONE])
    assert cache._connection is not None
    cache._connection.execute("PRAGMA query_only = ON")  # root may write any file
    for _ in range(3):
        cache.put("k", [ONE])
    assert cache.get("before") == [ONE]
    assert cache.get("k") is None
    cache.close()
    assert len(caplog.records) == 1


def test_a_damaged_row_is_absent(location: Location) -> None:
    cache = opened(location)
    cache.put("k", [ONE])
    with open_database(location) as database:
        database.execute("UPDATE results SET value = ?", (b"nonsense",))
    assert cache.get("k") is None
    cache.close()


def test_a_server_that_goes_away_is_warned_of_once_and_used_when_it_is_back(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_cache, "RETRY_S", 0.2)
    cache = SharedResultCache(PostgresAddress(server.address()))
    cache.put("before", [ONE])
    with server.restarted_after():
        for _ in range(3):
            cache.put("k", [ONE])
            assert cache.get("k") is None
    deadline = time.monotonic() + 60
    while cache.get("new") != [ONE]:  # the table itself is emptied by a crash
        assert time.monotonic() < deadline
        cache.put("new", [ONE])
    cache.close()
    [record] = caplog.records
    assert "127.0.0.1" in record.getMessage() and QUOTED not in record.getMessage()


def test_an_address_without_a_server_costs_no_run(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("psycopg")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        cache = SharedResultCache(
            PostgresAddress(f"postgresql://u:s3cret@127.0.0.1:{listener.getsockname()[1]}/x")
        )
        for _ in range(3):
            cache.put("k", [ONE])
            assert cache.get("k") is None
    cache.close()
    [record] = caplog.records
    assert "refused" in record.getMessage() and "s3cret" not in record.getMessage()


def test_it_survives_a_kill_and_is_shared(location: Location) -> None:
    program = """
import sys, itertools
from pathlib import Path
from repair.diagnostics.diagnostic import Diagnostic
from repair.database import shared_state
from repair.language_servers.servers import _cache
cache = _cache(shared_state() or Path(sys.argv[1]))
for number in itertools.count():
    cache.put(str(number), [Diagnostic("a.py", number, 0, 0, 0, 0, 0, "c", "m", "error")])
    print(number, flush=True)
"""
    variables = {STATE_VARIABLE: location.url} if isinstance(location, PostgresAddress) else {}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(location)],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, **variables),
        )
        for _ in range(2)
    ]
    written = []
    for writer in writers:
        assert writer.stdout
        while int(writer.stdout.readline()) < 50:
            pass
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        written.append(50)
    cache = opened(location)
    for number in range(51):
        [kept] = cache.get(str(number)) or [None]
        assert kept is not None
        assert kept.start_line == number
    cache.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda files: ({**files, "b.py": "x = 2\n"}, None), "another text"),
        (lambda files: ({**files, "c.py": ""}, None), "another file"),
        (lambda files: (files, ("a.py",)), "other targets"),
        (lambda files: ({**files, "pyrightconfig.json": '{"strict": ["a.py"]}'}, None), "other settings"),
        (lambda files: ({"a.pyb.py": files["a.py"] + files["b.py"]}, None), "the same bytes in a row"),
    ],
)
def test_keys_differ_with(change: Callable, reason: str) -> None:
    files = {"a.py": "x = y\n", "b.py": "x = 1\n"}
    plain = PreparedWorkspace.of(files, None)
    assert PreparedWorkspace.of(*change(files)).digest("v") != plain.digest("v"), reason
    assert plain.digest("v") != plain.digest("w")  # other versions
    backwards = dict(reversed(files.items()))
    # the order of files does not count
    assert PreparedWorkspace.of(backwards, None).digest("v") == plain.digest("v")


def test_servers_use_it(tmp_path: Path) -> None:
    files = {"a.py": "x = y\n"}
    with LanguageServers(cache=tmp_path / "cache.sqlite") as servers:
        first = servers.check_workspace(files)
        assert servers.pids
    with LanguageServers(cache=tmp_path / "cache.sqlite") as servers:
        assert [list(result.diagnostics) for result in servers.check_many([Request(files)])] == [first]
        assert servers.pids == []  # no server was started
        assert len(servers.check(files, "a.py")) == 2
        assert servers.pids
