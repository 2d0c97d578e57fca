"""Servers behind HTTP return what the pool returns, and every failure on the way has one defined result."""

import gzip
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from repair.errors import ConfigurationError
from repair.language_servers import (
    LanguageServerError,
    LanguageServers,
    Request,
    Result,
    ServersClosedError,
    UnsafePathError,
    wire,
)
from repair.language_servers.child import resident_megabytes
from repair.language_servers.errors import ServersChangedError, ServersUnreachableError
from repair.language_servers.remote import RemoteLanguageServers
from tests.servers_over_http import (
    ABOUT,
    CheckExchange,
    Instance,
    Script,
    ScriptedHttpServers,
    answer,
    bytes_under,
    first,
    half,
    on,
    reset,
    result_of,
    stalls,
    status,
)

TOKEN = "a token"
MAX_BYTES = 2**20
MAX_WORKSPACES = 20
MAX_WAITING = 32


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    limits = {
        "REPAIR_FUNCTION_WORKERS": "2",
        "REPAIR_FUNCTION_MAX_BYTES": str(MAX_BYTES),
        "REPAIR_FUNCTION_MAX_WORKSPACES": str(MAX_WORKSPACES),
        "REPAIR_FUNCTION_MAX_WAITING": str(MAX_WAITING),
    }
    with Instance(tmp_path_factory.mktemp("instance") / "log", token=TOKEN, **limits) as started:
        yield started


def snapshot(number: int) -> dict[str, str]:
    return {"main.py": f"import helper\nhelper.a{number}\n", "helper.py": "b = 1\n"}


def facts(results: Sequence[Result]) -> list[Any]:
    """What is equal where results are."""
    return [
        (list(result.diagnostics), result.reason, result.error and str(result.error)) for result in results
    ]


# what the pool makes of odd requests travels as it is
ODD = [
    Request({"a.py": "x = y\n", "b.py": "import a\n"}, ("b.py",)),
    Request({"../a.py": ""}),
    Request({"a.py": "x"}, ("b.py",)),
    Request({"a.py": "'\ud800'"}),
    Request({"a.py": "\ufeffé = '😀' + y\n"}),
    Request({}),
]


@pytest.mark.slow
def test_200_requests_at_once_are_answered_as_by_the_pool(
    instance: Instance, servers: LanguageServers, caplog: pytest.LogCaptureFixture
) -> None:
    different = [*ODD, *(Request(snapshot(number)) for number in range(44))]
    requests = different * 4
    together = threading.Barrier(len(requests))
    with ExitStack() as stack:
        clients = [stack.enter_context(RemoteLanguageServers(instance.url, TOKEN)) for _ in range(5)]

        def ask(number: int) -> Result:
            client, request = clients[number % len(clients)], requests[number]
            together.wait()
            try:
                if request.paths:
                    return Result(client.check(request.files, *request.paths))
                return Result(client.check_workspace(request.files))
            except LanguageServerError as error:
                return Result(error=error)

        with ThreadPoolExecutor(len(requests)) as threads:
            answered = list(threads.map(ask, range(len(requests))))
    assert len(answered) == 200
    assert facts(answered) == facts(list(servers.check_many(different))) * 4
    assert "429" in caplog.text  # there was more than the instance takes at once


def test_it_has_the_face_of_the_pool(instance: Instance, servers: LanguageServers) -> None:
    with RemoteLanguageServers(instance.url, TOKEN) as remote:
        assert remote.versions == servers.versions
        assert remote.environment == servers.environment
        assert remote.check(snapshot(1), "main.py") == servers.check(snapshot(1), "main.py") != []
        assert remote.check_workspace(snapshot(2)) == servers.check_workspace(snapshot(2))
        with pytest.raises(UnsafePathError, match="plain relative path"):
            remote.check({"/a.py": ""}, "/a.py")
        requests = [Request(snapshot(number)) for number in range(30)] + ODD
        requests.append(Request({"a.py": "if False:\n    y\n"}, hints=True))
        assert facts(list(remote.check_many(iter(requests)))) == facts(list(servers.check_many(requests)))
        assert list(remote.check_many([])) == []
    with pytest.raises(ServersClosedError):
        remote.check(snapshot(1), "main.py")


BEARER = {"Authorization": f"Bearer {TOKEN}"}
RIGHT = wire.body_of([wire.encode_request(Request({"a.py": "x = y\n"}))])
BOMB = gzip.compress(bytes(256 * MAX_BYTES))


@pytest.mark.parametrize(
    ("expected", "name", "headers", "body"),
    [
        (200, None, BEARER, RIGHT),
        (200, None, {**BEARER, "Content-Encoding": "gzip"}, gzip.compress(RIGHT)),
        (401, "unauthorized", {}, RIGHT),
        (401, "unauthorized", {"Authorization": "Bearer another"}, RIGHT),
        (401, "unauthorized", {"Authorization": TOKEN}, RIGHT),
        # the answer arrives though the body is more than it reads
        (401, "unauthorized", {}, bytes(8 * MAX_BYTES)),
        (413, "too_many_bytes", BEARER, bytes(8 * MAX_BYTES)),
        (413, "too_many_bytes", BEARER, iter([bytes(MAX_BYTES)] * 8)),  # without a Content-Length
        (413, "too_many_bytes", {**BEARER, "Content-Encoding": "gzip"}, BOMB),
        (413, "too_many_workspaces", BEARER, wire.body_of([b'{"files":{}}'] * (MAX_WORKSPACES + 1))),
        (400, "malformed", BEARER, b""),
        (400, "malformed", BEARER, b'{"form'),
        (400, "malformed", BEARER, b"[" * 100_000),
        (400, "malformed", BEARER, b'"\xff"'),
        (400, "malformed", BEARER, b"[]"),
        (400, "malformed", BEARER, wire.body_of([b'{"files":[]}'])),
        (400, "malformed", BEARER, wire.body_of([b'{"files":{"a.py":1}}'])),
        (400, "malformed", BEARER, wire.body_of([b'{"files":{},"paths":"a.py"}'])),
        (400, "malformed", {**BEARER, "Content-Encoding": "gzip"}, RIGHT),
        (415, "unknown_encoding", {**BEARER, "Content-Encoding": "br"}, RIGHT),
        (422, "other_form", BEARER, RIGHT.replace(wire.FORM.encode(), b"0-other")),
    ],
)
def test_what_the_instance_refuses(
    instance: Instance, expected: int, name: str | None, headers: dict[str, str], body: Any
) -> None:
    before = resident_megabytes(instance.serving_pid)
    response = httpx.post(instance.url, headers=headers, content=body, trust_env=False, timeout=30)
    assert response.status_code == expected, response.text
    answered = response.json()
    assert answered.get("error") == name
    assert (name is None) == ("results" in answered)
    assert name is None or len(answered["message"]) > 10
    assert resident_megabytes(instance.serving_pid) < before + 64


@pytest.mark.parametrize(("method", "path", "expected"), [("GET", "/", 405), ("POST", "/health", 405)])
def test_other_pages(instance: Instance, method: str, path: str, expected: int) -> None:
    response = httpx.request(method, instance.url + path, trust_env=False)
    assert (response.status_code, response.json()["error"]) == (expected, "no_such_page")


def test_health_is_told_without_a_token(instance: Instance, servers: LanguageServers) -> None:
    health = wire.decode_health(httpx.get(f"{instance.url}/health", trust_env=False).content)
    about = wire.About(servers.versions, servers.environment)
    assert health == wire.Health(about, MAX_BYTES, MAX_WORKSPACES)


def test_another_token_is_a_wrong_setting(instance: Instance) -> None:
    wrong = pytest.raises(ConfigurationError, match="REPAIR_LANGUAGE_SERVERS_TOKEN")
    with RemoteLanguageServers(instance.url, "another") as remote, wrong:
        remote.check(snapshot(0), "main.py")


def test_a_large_workspace_is_refused_before_it_is_sent(instance: Instance) -> None:
    large = {"main.py": "x = 'Ä'\n" * (MAX_BYTES // 9)}  # in bytes above the limit, in code points below
    requests = [Request({"a.py": "x = y\n"}), Request(large), Request({"b.py": "z\n"})]
    with RemoteLanguageServers(instance.url, TOKEN) as remote:
        results = list(remote.check_many(requests))
    assert [result.reason for result in results] == [None, "too_large_request", None]
    assert {diagnostic.path for diagnostic in results[2].diagnostics} == {"b.py"}


def test_an_instance_that_is_killed_and_started_again_loses_nothing(
    tmp_path: Path, servers: LanguageServers, caplog: pytest.LogCaptureFixture
) -> None:
    requests = [Request(snapshot(number)) for number in range(48)]
    with Instance(tmp_path / "log") as own, RemoteLanguageServers(own.url) as remote:
        results = remote.check_many(requests)
        answered = [next(results)]
        own.kill()  # other batches are under way
        again = threading.Timer(0.5, own.start)
        again.start()
        answered += results
        again.join()
    assert "trying again" in caplog.text
    assert facts(answered) == facts(list(servers.check_many(requests)))


# the rest: how the client takes an instance with bad manners

REQUESTS = [Request({"a.py": f"text {number}"}) for number in range(7)]


def asked(script: Script, requests: Sequence[Request] = REQUESTS, **settings: Any) -> list[Result]:
    with ScriptedHttpServers(script) as scripted, RemoteLanguageServers(scripted.url, **settings) as remote:
        return list(remote.check_many(requests))


def patience_with(script: Script) -> float:
    """The time limit of a response: short only where it is to be reached."""
    return 0.5 if script is stalls else 30.0


@pytest.mark.parametrize(
    "bad",
    [
        status(429),
        status(503),
        status(500),
        status(502),
        status(504),
        status(503, Retry_After="nonsense"),
        reset,
        half,
        stalls,
        bytes_under(b"<html>Bad gateway</html>"),
        bytes_under(b'"\xff"'),
        bytes_under(b"no gzip", Content_Encoding="gzip"),
        bytes_under(wire.encode_results([], ABOUT)),  # fewer than asked
    ],
)
def test_what_passes_costs_nothing(bad: Script) -> None:
    results = asked(first(2, bad), timeout=patience_with(bad))
    assert facts(results) == facts([result_of(request) for request in REQUESTS])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (reset, "server_crashed"),
        (half, "server_crashed"),
        (status(500), "server_crashed"),
        (bytes_under(b"nonsense"), "server_crashed"),
        (stalls, "server_timeout"),
    ],
)
def test_a_workspace_that_ends_every_try_costs_its_neighbours_nothing(bad: Script, reason: str) -> None:
    results = asked(on("text 3", bad), timeout=patience_with(bad))
    assert [result.reason for result in results] == [None] * 3 + [reason] + [None] * 3


@pytest.mark.parametrize(
    ("script", "healthy"),
    [
        (status(429), True),
        (status(503), True),
        (status(503, Retry_After="60"), True),
        (status(502), False),
        (reset, False),
        (half, False),
        (stalls, False),
    ],
)
def test_an_instance_that_stays_away_fails_the_run(script: Script, healthy: bool) -> None:
    """And rejects no row: it is raised, and in no row's result."""
    with (
        ScriptedHttpServers(script) as scripted,
        RemoteLanguageServers(scripted.url, timeout=0.2, patience=1.0) as remote,
    ):
        assert remote.versions == ABOUT.versions
        if not healthy:
            scripted.health = (503, b"")
        start = time.monotonic()
        with pytest.raises(ServersUnreachableError, match="repair language-servers"):
            next(remote.check_many(REQUESTS))
        assert time.monotonic() - start < 30  # not the 60 s that it was asked to wait


def test_no_instance_at_all() -> None:
    with ScriptedHttpServers(answer) as scripted:
        url = scripted.url
    absent = pytest.raises(ServersUnreachableError, match="refused")
    with RemoteLanguageServers(url, patience=0.5) as remote, absent:
        remote.check({"a.py": ""}, "a.py")


def in_two_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize("wait", ["1", in_two_seconds])
def test_retry_after_is_honoured(wait: Any) -> None:
    def busy(exchange: CheckExchange) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            status(429, Retry_After=wait if isinstance(wait, str) else wait())(exchange)
        else:
            answer(exchange)

    times: list[float] = []
    asked(busy, REQUESTS[:1])
    assert 1.0 <= times[1] - times[0] < 30


@pytest.mark.parametrize(
    ("code", "part"), [(403, "token"), (404, "address"), (422, "release"), (302, "address")]
)
def test_what_no_second_try_mends_is_a_wrong_setting(code: int, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        asked(status(code))


@pytest.mark.parametrize(
    "health",
    [
        (200, b"<html>Welcome</html>"),
        (404, b""),
        (200, json.dumps({"form": "0-other"}).encode()),
    ],
)
def test_a_page_of_something_else_is_a_wrong_setting(health: tuple[int, bytes]) -> None:
    with ScriptedHttpServers(answer, health) as scripted, RemoteLanguageServers(scripted.url) as remote:
        with pytest.raises(ConfigurationError, match="address"):
            _ = remote.versions
        assert not scripted.exchanges


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://127.0.0.1", "http://"])
def test_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected an address"):
        RemoteLanguageServers(url)


def test_another_release_is_told(caplog: pytest.LogCaptureFixture) -> None:
    other = wire.About({**ABOUT.versions, "pyright": "1.0.0"}, "elsewhere")
    health = (200, wire.encode_health(wire.Health(other, 10_000, 8)))
    script = ScriptedHttpServers(lambda exchange: answer(exchange, other), health)
    with script as scripted, RemoteLanguageServers(scripted.url) as remote:
        assert facts(list(remote.check_many(REQUESTS))) == facts([result_of(request) for request in REQUESTS])
        assert remote.versions["pyright"] == "1.0.0"
    assert caplog.text.count("pyright 1.0.0") == 1
    assert "ruff" not in caplog.text


def test_a_release_that_changes_under_way_fails_the_run() -> None:
    other = wire.About(ABOUT.versions, "a scripted one, with packages")
    with pytest.raises(ServersChangedError, match="with packages"):
        asked(lambda exchange: answer(exchange, ABOUT if exchange.number == 1 else other))


def test_batches_stay_under_the_limits() -> None:
    requests = [
        Request({"a.py": "x" * length}) for length in (10, 900, 900, 900, 1900, 1990, 3000, *[1] * 12)
    ]
    with ScriptedHttpServers(answer) as scripted, RemoteLanguageServers(scripted.url) as remote:
        results = list(remote.check_many(requests))
        limits = (remote._server().max_bytes, remote._server().max_workspaces)
    assert [result.reason for result in results[:7]] == [None] * 5 + ["too_large_request"] * 2
    assert [result.diagnostics[0].message for result in results if result.diagnostics] == [
        request.files["a.py"] for request in requests if len(request.files["a.py"]) < 1990
    ]
    assert max(exchange.bytes for exchange in scripted.exchanges) <= limits[0]
    assert max(len(exchange.requests) for exchange in scripted.exchanges) == limits[1]
    assert len(scripted.exchanges) < len(requests) / 2


def test_requests_are_taken_a_few_batches_ahead_only() -> None:
    requested: list[int] = []

    def requests() -> Iterator[Request]:
        for number in range(10_000):
            requested.append(number)
            yield Request({"a.py": str(number)})

    with ScriptedHttpServers(answer) as scripted, RemoteLanguageServers(scripted.url, at_once=2) as remote:
        results = remote.check_many(requests())
        next(results)
        assert len(requested) < 20
        results.close()  # type: ignore[attr-defined]
        assert facts(list(remote.check_many(REQUESTS))) == facts([result_of(request) for request in REQUESTS])


def test_closing_ends_a_pause() -> None:
    with ScriptedHttpServers(status(503, Retry_After="60")) as scripted:
        remote = RemoteLanguageServers(scripted.url)
        threading.Timer(0.3, remote.close).start()
        start = time.monotonic()
        with pytest.raises(ServersClosedError):
            remote.check({"a.py": ""}, "a.py")
        assert time.monotonic() - start < 30  # not the 60 s that it was asked to wait


SECRET = "SECRETsecret"


@pytest.mark.parametrize(
    "address",
    ["user:{0}@127.0.0.1:{1}", "127.0.0.1:{1}/t/{0}", "127.0.0.1:{1}/?key={0}", "{0}@127.0.0.1:{1}/#{0}"],
)
def test_of_its_address_only_the_origin_is_shown(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedHttpServers(answer) as scripted:
        port = urlsplit(scripted.url).port
    url = "http://" + address.format(SECRET, port)
    unreachable = pytest.raises(ServersUnreachableError, match=f"http://127.0.0.1:{port}: ")
    with caplog.at_level("INFO"), RemoteLanguageServers(url, patience=0.3) as remote, unreachable as error:
        remote.check({"a.py": ""}, "a.py")
    assert SECRET not in str(error.value) + caplog.text


def test_a_token_that_a_server_echoes_is_masked() -> None:
    for health in ((401, f"Bearer {SECRET}".encode()), (200, f"<p>{SECRET}</p>".encode())):
        with ScriptedHttpServers(answer, health) as scripted:
            refused = pytest.raises(ConfigurationError)
            with RemoteLanguageServers(scripted.url, SECRET) as remote, refused as error:
                _ = remote.versions
            assert SECRET not in str(error.value)


def test_a_user_and_a_password_in_the_address_are_basic_authentication() -> None:
    with ScriptedHttpServers(answer) as scripted:
        url = scripted.url.replace("://", f"://user:{SECRET}@")
        with RemoteLanguageServers(url) as remote:
            remote.check({"a.py": ""}, "a.py")
        sent = "Basic " + b64encode(f"user:{SECRET}".encode()).decode()
        assert [exchange.headers["Authorization"] for exchange in scripted.exchanges] == [sent]
        with pytest.raises(ConfigurationError, match="both need the same header") as error:
            RemoteLanguageServers(url, "token")
        assert SECRET not in str(error.value)
