"""Servers that die, hang or answer nonsense cost a snapshot one try, and do not affect other snapshots."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repair.language_servers import (
    LanguageServers,
    Request,
    ServerCrashError,
    ServersClosedError,
    ServerTimeoutError,
    ruff,
)
from repair.language_servers.environment import nothing_installed
from repair.language_servers.programs import Programs, programs
from repair.language_servers.pyright_server import PyrightServer
from repair.language_servers.worker import Worker
from repair.language_servers.workspace import PreparedWorkspace


def snapshot(number: int) -> dict[str, str]:
    """A workspace with one diagnostic of pyright, whose message has the workspace's number."""
    return {"main.py": f"import helper\nhelper.a{number}\n", "helper.py": "b = 1\n"}


def messages(result_or_list: object) -> list[str]:
    diagnostics = getattr(result_or_list, "diagnostics", result_or_list)
    return [one.message for one in diagnostics if one.code == "pyright[reportAttributeAccessIssue]"]


def expected(number: int) -> list[str]:
    return [f'"a{number}" is not a known attribute of module "helper"']


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def wait_until(condition, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_killed_server_loses_nothing() -> None:
    with LanguageServers(workers=1) as servers:
        results = servers.check_many(Request(snapshot(number)) for number in range(40))
        found = [messages(next(results))]
        [pid] = servers.pids
        os.kill(pid, signal.SIGKILL)  # in the middle of a batch
        found += [messages(result) for result in results]
        assert found == [expected(number) for number in range(40)]
        assert servers.pids != [pid]


@pytest.fixture(scope="module")
def time_limit() -> float:
    """Seconds that a server which has yet to start keeps to, however slow or busy this machine is."""
    start = time.monotonic()
    with LanguageServers(workers=1) as servers:
        servers.check(snapshot(0), "main.py")
    return max(3.0, 4 * (time.monotonic() - start))


def test_a_hanging_server_is_replaced_within_the_limit(time_limit: float) -> None:
    with LanguageServers(workers=1, timeout=time_limit) as servers:
        servers.check(snapshot(0), "main.py")
        [pid] = servers.pids
        os.kill(pid, signal.SIGSTOP)
        # more text than a pipe holds: writing must not block past the limit either
        large = {"main.py": snapshot(1)["main.py"] + "# long\n" * 20_000, "helper.py": "b = 1\n"}
        start = time.monotonic()
        assert messages(servers.check(large, "main.py")) == expected(1)
        assert time_limit <= time.monotonic() - start < 2 * time_limit + 60
        assert is_gone(pid)


def fake(tmp_path: Path, body: str) -> Programs:
    """The real programs, but for a pyright whose server runs `body`, a Python program."""
    script = tmp_path / "fake-node"
    script.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
    script.chmod(0o755)
    return replace(programs(), node=str(script))


ANSWERS = """
import json, sys
def read():
    length = int(sys.stdin.buffer.readline().split(b":")[1])
    sys.stdin.buffer.readline()
    return json.loads(sys.stdin.buffer.read(length))
def answer(message, result):
    body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
    sys.stdout.buffer.flush()
while True:
    message = read()
    if message["method"] == "initialize":
        answer(message, {})
    elif "id" in message:
"""


@pytest.mark.parametrize(
    ("body", "error", "part"),
    [
        # what a library prints as it crashes is read where a header is expected
        (
            "print('Segmentation fault', flush=True)\nimport time; time.sleep(60)",
            ServerCrashError,
            "Segmentation",
        ),
        ("import sys; sys.exit(3)", ServerCrashError, "exit code 3"),
        (
            "print('Content-Length: 9\\r\\n\\r\\n{{{{{{{{{', flush=True)\nimport time; time.sleep(60)",
            ServerCrashError,
            "JSON",
        ),
        (
            "print('Content-Length: many\\r\\n\\r\\n', flush=True)\nimport time; time.sleep(60)",
            ServerCrashError,
            "length",
        ),
        ("import time; time.sleep(60)", ServerTimeoutError, "no answer to initialize"),
        # an empty report without an id: the server does not know the file, which is not "clean"
        (
            ANSWERS + "        answer(message, {'kind': 'full', 'items': []})",
            ServerCrashError,
            "no diagnostics for",
        ),
        (ANSWERS + "        answer({'id': 99}, {})", ServerCrashError, "answer to no request"),
        (ANSWERS + "        pass", ServerTimeoutError, "no answer to textDocument/diagnostic"),
    ],
)
def test_a_server_that_fails_twice_gives_the_reason(
    body: str, error: type[Exception], part: str, tmp_path: Path
) -> None:
    seen = nothing_installed(tmp_path / "environment")
    # the program has to start and to answer `initialize` within the limit, where it gets further than that
    timeout = {"no answer to initialize": 0.5}.get(part, 3.0) if error is ServerTimeoutError else 30.0
    worker = Worker(fake(tmp_path, body), tmp_path / "worker", seen, timeout=timeout, memory_limit_mb=1500)
    try:
        [outcome] = worker.check([PreparedWorkspace.of(snapshot(0), None)])
        assert type(outcome) is error
        assert part in str(outcome)
        assert worker.pids == []
    finally:
        worker.close()


def hard(depth: int) -> str:
    """A program that takes pyright three times longer with each step of `depth`: minutes with 8."""
    expression = "1"
    for _ in range(depth):
        expression = f"max([{expression}, {expression}], key=lambda q: ({expression} if q else 0))"
    return f"y = {expression}\n"


@pytest.mark.slow
def test_a_file_that_takes_minutes_is_rejected_and_its_neighbours_are_not(time_limit: float) -> None:
    with LanguageServers(workers=1, timeout=time_limit) as servers:
        servers.check(snapshot(0), "main.py")
        [pid] = servers.pids
        requests = [Request(snapshot(1)), Request({"main.py": hard(8)}), Request(snapshot(2))]
        start = time.monotonic()
        before, slow, after = servers.check_many(requests)
        assert time.monotonic() - start < 4 * time_limit + 60  # two tries, and twice a new server
        assert slow.reason == "server_timeout"
        assert "main.py" in str(slow.error)
        assert [messages(before), messages(after)] == [expected(1), expected(2)]
        assert is_gone(pid)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_dies_of_memory_is_replaced(tmp_path: Path) -> None:
    seen = nothing_installed(tmp_path / "environment")
    # enough for pyright and its stubs of the standard library, too little for the tree of these; they are
    # one expression, so that it dies as it parses them and not after it looked at each
    large = {"main.py": f"x = [{'1, ' * 500_000}]\n"}
    folder = tmp_path / "worker"
    worker = Worker(programs(), folder, seen, timeout=200.0, memory_limit_mb=1500, heap_mb=160)
    try:
        workspaces = [PreparedWorkspace.of(files, None) for files in (snapshot(0), large, snapshot(1))]
        before, dead, after = worker.check(workspaces)
        assert isinstance(dead, ServerCrashError)
        assert "exit code" in str(dead)
        assert [messages(before), messages(after)] == [expected(0), expected(1)]
    finally:
        worker.close()


def test_a_worker_without_ruff_says_so(tmp_path: Path) -> None:
    seen = nothing_installed(tmp_path / "environment")
    dies = replace(programs(), ruff="/bin/false")  # ends with 1, as ruff does on findings, and says nothing
    worker = Worker(dies, tmp_path / "worker", seen, timeout=60.0, memory_limit_mb=1500)
    try:
        [outcome] = worker.check([PreparedWorkspace.of(snapshot(0), None)])
        assert isinstance(outcome, ServerCrashError)
    finally:
        worker.close()


def test_programs_behind_a_link_leak_nothing(tmp_path: Path) -> None:
    # node follows the link, so that pyright's stubs lie elsewhere than where it was started from; what is
    # read of them for the first time after a pause was looked up in every folder, and all seemed empty
    (tmp_path / "link").symlink_to(Path(programs().pyright_server).parent)
    linked = replace(programs(), pyright_server=str(tmp_path / "link" / "langserver.index.js"))
    seen = nothing_installed(tmp_path / "environment")
    server = PyrightServer(linked, tmp_path / "server", seen, 60.0)
    try:
        server.check(PreparedWorkspace.of(snapshot(0), None))
        time.sleep(1.0)
        server.check(PreparedWorkspace.of({"main.py": "import json, yaml, requests\n"}, None))
        time.sleep(1.0)
        assert messages(server.check(PreparedWorkspace.of(snapshot(1), None))) == expected(1)
    finally:
        server.close()


def test_a_server_that_holds_too_much_is_replaced() -> None:
    with LanguageServers(workers=1, memory_limit_mb=1.0) as servers:
        pids = []
        for number in range(3):
            assert messages(servers.check(snapshot(number), "main.py")) == expected(number)
            pids += servers.pids
        assert len(set(pids)) == 3
        assert all(is_gone(pid) for pid in pids[:2])


def test_a_server_whose_slots_are_used_up_has_no_room(tmp_path: Path) -> None:
    seen = nothing_installed(tmp_path / "environment")
    server = PyrightServer(programs(), tmp_path / "server", seen, 60.0, slots_of_a_kind=2)
    try:
        for number in range(2):
            assert server.has_room(1500)
            assert messages(server.check(PreparedWorkspace.of(snapshot(number), None))) == expected(number)
        assert not server.has_room(1500)
    finally:
        server.close()


def test_all_slots_are_searched_for_stub_packages_at_once(tmp_path: Path) -> None:
    # a partial stub package shows whether pyright looked into its slot before or after it was written
    stubs = {"foo-stubs/py.typed": "partial\n", "foo-stubs/z.pyi": "q: int\n"}
    files = {"foo/__init__.py": "", "foo/y.py": "from .z import q\nx: str = q\n", "foo/z.py": "q = ''\n"}
    partial = PreparedWorkspace.of({**files, **stubs}, None)
    seen = nothing_installed(tmp_path / "environment")
    server = PyrightServer(programs(), tmp_path / "server", seen, 60.0, slots_of_a_kind=32)
    try:
        assert len(server.check(partial)) == 1
        for number in range(20):
            assert messages(server.check(PreparedWorkspace.of(snapshot(number), None))) == expected(number)
        assert server.check(partial) == []
        for path in ("lib.py", "lib/__init__.py", "src/lib.py"):  # they do not stay empty
            files = {path: "a = 1\n", "main.py": "from lib import a\nprint(a)\n"}
            assert server.check(PreparedWorkspace.of(files, None)) == []
    finally:
        server.close()


@pytest.mark.parametrize(
    ("kind", "name"), [(PreparedWorkspace, "of"), (PyrightServer, "check"), (ruff, "check")]
)
def test_an_error_that_no_step_foresaw_is_that_of_its_workspace(
    kind: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = getattr(kind, name)

    def raising(*given: Any, **named: Any) -> Any:
        if "cursed.py" in str(given):
            raise KeyError("range")
        return step(*given, **named)

    monkeypatch.setattr(kind, name, raising)
    with LanguageServers() as servers:
        cursed = Request({"cursed.py": "x = y\n"})
        before, failed, after = servers.check_many([Request(snapshot(1)), cursed, Request(snapshot(2))])
    assert messages(before) == expected(1)
    assert messages(after) == expected(2)
    assert failed.error is not None
    assert (failed.error.reason, str(failed.error)) == ("unexpected", "KeyError: 'range'")


def test_nothing_stays_behind(tmp_path: Path) -> None:
    servers = LanguageServers(workers=1)
    servers.check(snapshot(0), "main.py")
    pids, folder = servers.pids, servers._scratch.path
    assert folder.is_dir()
    servers.close()
    servers.close()  # twice is as good as once
    # a killed process takes its time to end on a busy machine
    assert wait_until(lambda: all(is_gone(pid) for pid in pids), seconds=10)
    assert not folder.exists()
    with pytest.raises(ServersClosedError):
        servers.check(snapshot(0), "main.py")


def test_children_do_not_survive_a_killed_parent() -> None:
    program = """
import sys, time
from repair.language_servers import LanguageServers
servers = LanguageServers()
servers.check({"a.py": "x = y"}, "a.py")
print(*servers.pids, servers._scratch.path, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout
        pid, folder = parent.stdout.readline().split()
        with LanguageServers():
            assert Path(folder).is_dir()  # in use, so it was not removed as abandoned
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert wait_until(lambda: is_gone(int(pid)))
        with LanguageServers():
            assert not Path(folder).exists()  # swept up by the next one
    finally:
        parent.kill()


def test_a_server_outlives_the_thread_that_started_it() -> None:
    with LanguageServers(workers=1) as servers:
        thread = threading.Thread(target=servers.check, args=(snapshot(0), "main.py"))
        thread.start()
        thread.join()
        pids = servers.pids
        time.sleep(0.2)
        assert messages(servers.check(snapshot(1), "main.py")) == expected(1)
        assert servers.pids == pids


def test_threads_may_share_the_servers(servers: LanguageServers) -> None:
    found: dict[int, list[str]] = {}

    def ask(number: int) -> None:
        found[number] = messages(servers.check(snapshot(number), "main.py"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: expected(number) for number in range(8)}


def test_requests_are_taken_a_few_batches_ahead_only(servers: LanguageServers) -> None:
    requested = []

    def requests() -> Iterator[Request]:
        for number in range(10_000):
            requested.append(number)
            yield Request(snapshot(number))

    results = servers.check_many(requests())
    assert messages(next(results)) == expected(0)
    assert len(requested) < 100
    results.close()  # type: ignore[attr-defined]
    assert messages(servers.check(snapshot(1), "main.py")) == expected(1)


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyright makes a folder of its own for temporary files, and is killed at the end."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    stubs = {"typings/foo.pyi": "x: int\n", "main.py": "import foo\n"}  # for the command line
    with LanguageServers() as servers:
        servers.check_workspace({"main.py": "x = y\n"})
        servers.check_workspace(stubs)
    assert not list(tmp_path.rglob("*"))
