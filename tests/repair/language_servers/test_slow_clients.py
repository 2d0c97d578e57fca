"""An instance under attack on loopback: slow, idle, wrong and greedy clients stop neither health nor work."""

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from repair.language_servers import Request, wire
from repair.language_servers.child import resident_megabytes
from repair.language_servers.http_worker import HEAD_SECONDS, STALL_SECONDS
from repair.language_servers.memory_budget import MemoryBudget, NoRoomError, Share
from repair.language_servers.remote import RemoteLanguageServers
from repair.language_servers.settings import FunctionSettings
from tests.cpu_time import cpu_bound
from tests.servers_over_http import Instance, ScriptedHttpServers, answer

TOKEN = "a token"
AUTHORIZED = f"Authorization: Bearer {TOKEN}\r\n"
POST = "POST / HTTP/1.1\r\nHost: x\r\n"
IDLE = 60


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("slow")
    with Instance(folder / "log", token=TOKEN, REPAIR_FUNCTION_WORKERS="1") as started:
        with RemoteLanguageServers(started.url, TOKEN) as remote:
            assert remote.check({"a.py": "x = y\n"}, "a.py")  # the servers are warm
        yield started


def connected(instance: Instance, data: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", instance.port), timeout=60)
    client.sendall(data)
    return client


def healthy(instance: Instance) -> None:
    """It says so before the time of a client that sends nothing is over."""
    answer = httpx.get(f"{instance.url}/health", trust_env=False, timeout=HEAD_SECONDS - 1)
    assert answer.status_code == 200


def healthy_and_working(instance: Instance) -> None:
    healthy(instance)
    with RemoteLanguageServers(instance.url, TOKEN, timeout=60, patience=60) as remote:
        assert remote.check({"a.py": "x = y\n"}, "a.py")


SLOW = {
    "half a line": "POST / HT",
    "half a head": POST + "Content-Len",
    "empty lines": "\r\n\r\n",
    "no body, not authorized": POST + "Content-Length: 1000\r\n\r\n",
    "half a body, not authorized": POST + "Content-Length: 1000\r\n\r\nx",
    "chunks, not authorized": POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "a page of the framework": "POST /robots.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    "health with a body": "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    "the next head": "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
    "nothing": "",
    "a wait for leave": POST + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
}


@pytest.mark.parametrize("data", SLOW.values(), ids=SLOW.keys())
def test_idle_clients_stop_nobody(instance: Instance, data: str) -> None:
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(connected(instance, data.encode()))
        began = time.monotonic()
        healthy_and_working(instance)
        assert time.monotonic() - began < HEAD_SECONDS - 1  # none of them had to end for it


def drip_a_head(instance: Instance) -> None:
    """A line of a head every half second, until the connection ends."""
    with connected(instance, b"GET /health HTTP/1.1\r\n") as client:
        client.settimeout(0.5)
        began, ended = time.monotonic(), False
        while not ended:
            assert time.monotonic() - began < HEAD_SECONDS + 30
            try:
                client.sendall(b"X-A: b\r\n")
                ended = not client.recv(10)
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True


def test_bodies_and_heads_that_do_not_come_stop_no_health_and_end(instance: Instance) -> None:
    head = f"{POST}{AUTHORIZED}Content-Length: 1000\r\n\r\n".encode()
    with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        dripped = thread.submit(drip_a_head, instance)
        clients = [stack.enter_context(connected(instance, head)) for _ in range(IDLE)]
        healthy(instance)
        answers = [client.recv(65536).split(b" ")[1] for client in clients]
        dripped.result()
    assert set(answers) == {b"408", b"429"}
    healthy_and_working(instance)


def test_the_answer_to_a_refused_body_comes_before_its_end(instance: Instance) -> None:
    with connected(instance, f"{POST}Content-Length: 100000000\r\n\r\n".encode()) as client:
        began = time.monotonic()
        assert client.recv(65536).startswith(b"HTTP/1.1 401")
        assert time.monotonic() - began < STALL_SECONDS - 1
        client.sendall(bytes(1 << 20))  # what is still on its way is dropped, not answered with a reset
        while client.recv(65536):
            pass


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"zz\r\nabc\r\n0\r\n\r\n", b"400"),
        (b"-5\r\nabc\r\n0\r\n\r\n", b"400"),
        (b"\r\nabc\r\n0\r\n\r\n", b"400"),
        (b"3\r\nabcd\r\n0\r\n\r\n", b"400"),
        (b"3;=\r\nabc\r\n0\r\n\r\n", b"400"),
        (b"3\r\nabc\r\n0\r\nbad trailer\r\n\r\n", b"400"),
        (b"f" * 40 + b"\r\nabc", b"413"),
    ],
)
def test_a_wrong_chunk_is_the_clients_fault(instance: Instance, body: bytes, status: bytes) -> None:
    head = f"{POST}{AUTHORIZED}Transfer-Encoding: chunked\r\n\r\n".encode()
    with connected(instance, head + body) as client:
        if status == b"413":
            client.sendall(bytes(17 << 20))
        answer = client.recv(65536)
    assert answer.split(b" ")[1] == status
    assert "Traceback" not in instance.log


def test_a_huge_head_is_refused(instance: Instance) -> None:
    with connected(instance, b"GET /health HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000) as client:
        client.sendall(b"X-A: b\r\n" * 5000)
        answer = client.recv(65536)
    assert answer.split(b" ")[1] in (b"431", b"400")


def test_requests_on_one_connection_are_answered_in_turn(instance: Instance) -> None:
    health = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(instance, health * 3) as client:
        answers = b""
        while answers.count(b"HTTP/1.1 200") < 3 or not answers.endswith(b"}"):  # the last body is whole
            answers += client.recv(65536)
        client.sendall(health[:10])
        time.sleep(0.2)
        client.sendall(health[10:])
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


LIMIT = FunctionSettings().max_bytes
DENSE: dict[str, Callable[[], bytes]] = {
    "lists": lambda: b"[" + b"[]," * (LIMIT // 3 - 2) + b"[]]",
    "tables": lambda: b"[" + b"{}," * (LIMIT // 3 - 2) + b"{}]",
    "numbers": lambda: b"[" + b"1.5," * (LIMIT // 4 - 2) + b"1]",
    "small texts": lambda: b"[" + b'"\xc3\xa9",' * (LIMIT // 5 - 2) + b"1]",
    "tables in tables": lambda: (
        b"{" + b",".join(b'"%d":{"":0}' % number for number in range(LIMIT // 20)) + b"}"
    ),
    "in files": lambda: (
        b'{"form":"%b","requests":[{"files":{' % wire.FORM.encode()
        + b'"":[],' * (LIMIT // 6 - 20)
        + b'"a":""}}]}'
    ),
    "wide text": lambda: wire.body_of(
        [wire.encode_request(Request({"/": "x" * (LIMIT - 200) + "\U0001f600"}))]
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DENSE)
def test_a_small_packed_body_does_not_become_large(instance: Instance, name: str) -> None:
    packed = gzip.compress(DENSE[name](), 6)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip"}

    def ask(_: int) -> httpx.Response:
        return httpx.post(instance.url, content=packed, headers=headers, trust_env=False, timeout=60)

    before = resident_megabytes(instance.serving_pid)
    at_once = 12 if name == "wide text" else 4  # more than the memory for all of them
    with ThreadPoolExecutor(at_once) as threads:
        asked = [threads.submit(ask, number) for number in range(at_once)]
        peak = before
        while not all(answer.done() for answer in asked):
            peak = max(peak, resident_megabytes(instance.serving_pid))
            time.sleep(0.01)
    statuses = {answer.result().status_code for answer in asked}
    assert statuses <= ({200, 429} if name == "wide text" else {400, 429}), statuses
    assert peak - before < 2 * FunctionSettings().memory_bytes / 2**20


# JSON -> values that it holds. A text is one value however it looks inside.
@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b'{"a":[1,2,{"b":null}]}',
        b'["a,b,[{", "\\",\\"[", "\\\\"]',
        b'"' + b'\\"' * 1000,
        b'"\\',
        wire.body_of([wire.encode_request(Request({"a.py": "x = [1, 2]\n", "b.py": '"'}, ("a.py",)))]),
    ],
)
def test_values_are_counted_without_making_them(data: bytes) -> None:
    try:
        value = json.loads(data)
    except ValueError:
        assert wire.values_in(data, 10**6) == 1
        return

    def count(part: object) -> int:
        if isinstance(part, dict):
            return 1 + sum(map(count, part.values()))
        return 1 + sum(map(count, part)) if isinstance(part, list) else 1

    assert count(value) <= wire.values_in(data, 10**6) <= 2 * count(value)


def test_counting_values_takes_linear_time() -> None:
    with cpu_bound(10):
        for data in (b'"' + b'\\"' * 500_000, b'"a' * 500_000, b"\\" * 1_000_000, b'""' * 500_000):
            wire.values_in(data, 10**9)


def test_a_share_of_the_budget_comes_back() -> None:
    budget = MemoryBudget(100)
    with Share(budget) as one, Share(budget) as other:
        one.hold(60)
        with pytest.raises(NoRoomError):
            other.hold(41)
        one.hold(50)
        other.hold(50)
    with Share(budget) as last:
        last.hold(100)


def test_a_workspace_of_too_many_values_costs_only_itself() -> None:
    many = {f"{number}": "" for number in range(1020)}  # 1,024 values at least are allowed
    with ScriptedHttpServers(answer) as scripted, RemoteLanguageServers(scripted.url) as remote:
        results = list(remote.check_many([Request({"a.py": ""}), Request(many), Request({"b.py": ""})]))
    assert [result.reason for result in results] == [None, "too_large_request", None]
