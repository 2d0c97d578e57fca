"""The page's server in a process of its own: who may ask it, what it saves, and what a kill leaves."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from repair.evaluation.annotation.app import MOST_BYTES
from tests.annotated import BROKEN, MESSAGE, REPAIRED, Server, logged, sample_row, write_samples

OWN = "/api/overview?annotator=ann"
DECISION = json.dumps({"sample_id": "two", "decision": "skip", "annotator": "mallory"}).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("annotation")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    samples = [sample_row(name, BROKEN.replace("area", f"area_{name}")) for name in ("one", "two", "three")]
    with Server(write_samples(folder / "s.jsonl", samples), folder / "log.jsonl") as started:
        yield started


def test_the_token_is_exchanged_for_a_cookie(server: Server) -> None:
    host = {"Host": f"localhost:{server.port}"}
    status, headers, body = server.request("GET", f"/?token={server.token}", host)
    assert (status, headers["location"], body) == (303, "/", b"")
    assert headers["set-cookie"] == (
        f"repair_annotate_{server.port}={server.token}; Path=/; HttpOnly; SameSite=Strict"
    )
    assert len(server.token) >= 40
    cookie = headers["set-cookie"].partition(";")[0]
    for path in ("/", "/page.js", "/page.css", OWN):
        status, headers, body = server.request("GET", path, {**host, "Cookie": f"a=b; {cookie};c"})
        assert status == 200 and body
        assert server.token.encode() not in body
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers and "server" not in headers


def test_the_page_has_no_inline_script_and_nothing_of_elsewhere(server: Server) -> None:
    _, _, page = server.request("GET", "/", server.own_headers)
    assert re.findall(rb"<script[^>]*>.", page) == [b'<script src="/page.js" defer><']
    assert not re.search(rb"https?:|<style|\sstyle=|\son\w+=", page)
    _, _, script = server.request("GET", "/page.js", server.own_headers)
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|https?:", script)


Change = Callable[[dict[str, str], Server], dict[str, str]]


def without(name: str) -> Change:
    return lambda headers, _: {key: value for key, value in headers.items() if key != name}


def having(name: str, value: str) -> Change:
    return lambda headers, server: {**headers, name: value.format(port=server.port, token=server.token)}


READING: list[tuple[int, Change]] = [
    # DNS rebinding: the browser believes that the server is the attacker's
    (421, having("Host", "attacker.example")),
    (421, having("Host", "attacker.example:{port}")),
    (421, having("Host", "127.0.0.1.attacker.example:{port}")),
    (421, having("Host", "127.0.0.1:{port}.attacker.example")),
    (421, having("Host", "127.0.0.1")),
    (421, having("Host", "0.0.0.0:{port}")),
    (421, having("Host", "")),
    # the token
    (401, without("Cookie")),
    (401, having("Cookie", "repair_annotate_{port}=")),
    (401, having("Cookie", "repair_annotate_{port}=wrong")),
    (401, having("Cookie", "repair_annotate_{port}={token}x")),
    (401, having("Cookie", "repair_annotate_1={token}")),  # another server's of this machine
    (401, having("Cookie", "repair_annotate_{port}=\xff\xfe")),
]


@pytest.mark.parametrize(("status", "change"), READING)
@pytest.mark.parametrize("path", ["/", "/page.js", OWN, "/api/agreement", "/absent"])
def test_a_stranger_reads_nothing(server: Server, status: int, change: Change, path: str) -> None:
    headers = change(server.own_headers, server)
    found, answered, body = server.request("GET", path, headers)
    assert found == status
    assert b"area" not in body and server.token.encode() not in body
    assert "set-cookie" not in answered and "content-security-policy" in answered


@pytest.mark.parametrize("token", ["", "wrong", "%C3%A9", "%ff%00", "a&token=b"])
def test_a_wrong_token_is_refused(server: Server, token: str) -> None:
    status, headers, _ = server.request("GET", f"/?token={token}", {"Host": f"127.0.0.1:{server.port}"})
    assert status in (401, 403) and "set-cookie" not in headers


WRITING: list[tuple[int, Change]] = [
    *READING,
    # CSRF: the browser sends the cookie, and says who asks
    (403, having("Origin", "http://attacker.example")),
    (403, having("Origin", "http://127.0.0.1:1")),  # the same site to a cookie, another page
    (403, having("Origin", "https://127.0.0.1:{port}")),
    (403, having("Origin", "http://127.0.0.1:{port}.attacker.example")),
    (403, having("Origin", "null")),
    (403, without("Origin")),
    # what a form can send without asking first
    (415, having("Content-Type", "text/plain")),
    (415, having("Content-Type", "application/x-www-form-urlencoded")),
    (415, having("Content-Type", "text/plain; application/json")),
    (415, without("Content-Type")),
]


@pytest.mark.parametrize(("status", "change"), WRITING)
def test_a_stranger_decides_nothing(server: Server, folder: Path, status: int, change: Change) -> None:
    before = (folder / "log.jsonl").read_bytes()
    found, _, _ = server.request("POST", "/api/decide", change(server.own_headers, server), DECISION)
    assert found == status
    assert (folder / "log.jsonl").read_bytes() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_decide_nothing(server: Server, folder: Path, method: str) -> None:
    before = (folder / "log.jsonl").read_bytes()
    status, headers, _ = server.request(method, "/api/decide", server.own_headers, DECISION)
    assert status == 405 and "access-control-allow-origin" not in headers
    assert (folder / "log.jsonl").read_bytes() == before


def test_two_host_headers_are_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        hosts = f"Host: 127.0.0.1:{server.port}\r\nHost: attacker.example\r\n"
        cookie = f"Cookie: repair_annotate_{server.port}={server.token}\r\nConnection: close\r\n"
        connection.sendall(f"GET / HTTP/1.1\r\n{hosts}{cookie}\r\n".encode())
        assert connection.recv(100).split()[1] in (b"400", b"421")


def test_it_listens_on_loopback_alone(server: Server) -> None:
    texts = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6")]
    lines = [line.split() for text in texts for line in text.splitlines()]
    listening = [line[1] for line in lines if line[3] == "0A"]
    assert [place for place in listening if place.endswith(f":{server.port:04X}")] == [
        f"0100007F:{server.port:04X}"
    ]


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "expected an object"),
        (b'{"sample_id": "one"}', "lacks"),
        (b'{"sample_id": 1, "decision": "skip", "annotator": "a"}', "sample_id is 1"),
        (b'{"sample_id": "one", "decision": "skip", "annotator": "a", "x": 1}', "unknown field"),
        (b'{"sample_id": "none", "decision": "skip", "annotator": "a"}', "no sample 'none'"),
        (b'{"sample_id": "one", "decision": "skip", "annotator": ""}', "annotator's name"),
        (b'{"sample_id": "one", "decision": "maybe", "annotator": "a"}', "decision"),
        (b'{"sample_id": "one", "decision": "right", "annotator": "a"}', "expected one of accept"),
        (b'{"sample_id": "one", "decision": "reject", "annotator": "a", "reason": " "}', "reason is missing"),
        (
            b'{"sample_id": "one", "decision": "reject", "annotator": "a", "reason": "' + b"x" * 501 + b'"}',
            "501 characters",
        ),
        (b'{"sample_id": "one", "decision": "correct", "annotator": "a"}', "every line is as it was"),
        (
            b'{"sample_id": "one", "decision": "correct", "annotator": "a", "files": {"../x": ""}}',
            "'../x' is not among the files",
        ),
    ],
)
def test_a_wrong_request_is_told_and_saves_nothing(
    server: Server, folder: Path, sent: bytes, part: str
) -> None:
    before = (folder / "log.jsonl").read_bytes()
    status, _, body = server.request("POST", "/api/decide", server.own_headers, sent)
    assert status == 400
    assert part in json.loads(body)["error"]
    assert (folder / "log.jsonl").read_bytes() == before


def test_a_request_that_is_too_large_is_refused(server: Server) -> None:
    body = b" " * (MOST_BYTES + 1)
    try:
        status, _, _ = server.request("POST", "/api/decide", server.own_headers, body)
    except (ConnectionError, BrokenPipeError):
        return  # it may end before all is sent
    assert status == 413


def test_annotators_decide_at_once_and_apart(server: Server, folder: Path) -> None:
    names = [f"person {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda name: server.decide("three", "accept", name), names))
    assert {status for status, _ in answers} == {200}
    rows = [row for row in logged(folder / "log.jsonl") if row["annotator"].startswith("person")]
    assert sorted(row["annotator"] for row in rows) == names
    found = server.get("/api/sample?sample_id=three&annotator=new")
    assert (found["decision"], found["others"]) == (None, [])  # nobody is led by another
    adjudicator = server.get("/api/sample?sample_id=three&annotator=Adjudicator")
    assert [row["annotator"] for row in adjudicator["others"]] == names


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., Server]:
    def start(rows: list[dict[str, Any]], *options: str) -> Server:
        return Server(write_samples(tmp_path / "s.jsonl", rows), tmp_path / "log.jsonl", *options)

    return start


def test_corrections_are_verified_and_a_kill_loses_nothing(fresh: Any, tmp_path: Path) -> None:
    helper = {"path": "util.py", "text": "SIZE = 3\n"}
    windows = ("\ufeff" + BROKEN).replace("\n", "\r\n")
    rows = [
        sample_row("one", windows, files=[{"path": "main.py", "text": windows}, helper]),
        sample_row("two"),
    ]
    with fresh(rows) as server:
        shown = server.get("/api/sample?sample_id=one&annotator=ann")
        assert shown["files"][0]["notes"] == ["line endings: CRLF", "begins with a byte order mark"]
        text = shown["texts"]["main.py"].replace("\r\n", "\n")  # as a text area gives it back
        assert text == REPAIRED
        better = text.replace("width * height", "height * width")
        status, answer = server.decide("one", "correct", files={"main.py": better})
        assert (status, answer["state"]) == (200, "correct")
        assert answer["decision"]["verdict"]["accepted"]
        silenced = BROKEN.replace("* height", "* height  # noqa: F821")
        status, answer = server.decide("two", "correct", files={"main.py": silenced})
        assert (status, answer["state"]) == (200, "unverified")
        assert answer["decision"]["verdict"]["reason"] == "diagnostic_remains"  # pyright's is still there
        server.decide("two", "correct", "bob", files={"main.py": BROKEN.replace("widht", "unknown")})
        server.decide("two", "correct", "eve", files={"main.py": f"# type: ignore\n{silenced}"})
        server.kill()
    rows_of_log = logged(tmp_path / "log.jsonl")
    assert [row["verdict"] is None for row in rows_of_log] == [True, False] * 4
    # the lines of the original keep their terminators and the mark: one line changed
    assert rows_of_log[1]["line_diff"] == "-2     return widht * height\n+2     return height * width"
    assert rows_of_log[1]["verdict"]["versions"].keys() == {"pyright", "ruff"}
    reasons = [row["verdict"]["reason"] for row in rows_of_log[1::2]]
    assert reasons == [None, "diagnostic_remains", "new_error", "cheat"]
    with fresh(rows) as again:
        found = again.get(OWN)
        assert found["progress"] == "2 of 2, 0 skipped"
        assert [row["state"] for row in found["samples"]] == ["correct", "unverified"]
        texts = again.get("/api/sample?sample_id=one&annotator=ann")["texts"]
        assert texts["main.py"].replace("\r\n", "\n") == better
        [pair, *_] = again.get("/api/agreement")
        assert pair["annotators"] == ["ann", "bob"] and pair["disagreements"] == [
            ["two", "correct", "correct"]
        ]


def test_hostile_texts_pass_through(fresh: Any, tmp_path: Path) -> None:
    nasty = "s = '\ud800 \u202e </script><img src=x onerror=alert(1)> \x00'\n"
    row = sample_row("one", BROKEN + nasty, message=f"{MESSAGE}\n</script>\u202e", project_id="\ud800<b>")
    with fresh([row]) as server:
        shown = server.get("/api/sample?sample_id=one&annotator=ann")
        assert shown["message"] == [[["", MESSAGE]], [["", "</script>"], ["special", "U+202E"]]]
        assert shown["project"] == "\\ud800<b>"
        assert shown["texts"]["main.py"] == REPAIRED + nasty
        last = shown["files"][0]["rows"][-2]["left"]
        assert [text for style, text in last if style == "special"] == ["U+D800", "U+202E", "U+0000"]
        _, answer = server.decide("one", "correct", files={"main.py": REPAIRED + nasty.upper()})
        assert answer["decision"]["verdict"]["reason"] == "unencodable_text"
        status, answer = server.decide("one", "reject", reason="\ud800 <b> \u202e")
        assert (status, answer["decision"]["reason"]) == (200, "\\ud800 <b> \\u202e")
    assert logged(tmp_path / "log.jsonl")[-1]["reason"] == "\ud800 <b> \u202e"


def test_ctrl_c_ends_it(fresh: Any, tmp_path: Path) -> None:
    samples = [sample_row("one")]
    with fresh(samples, "--annotator", " Ann  Lee") as server:
        assert server.address.endswith("#annotator=ann%20lee")
        assert server.decide("one", "accept")[0] == 200
        with pytest.raises(AssertionError, match="another `repair annotate`"):
            fresh(samples)
        code, errors = server.interrupt()
    assert code == 0
    assert errors == f"1 samples; decisions go to {tmp_path / 'log.jsonl'}\n"


def test_a_row_that_was_torn_is_told(fresh: Any, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"sample_id": "on')
    with fresh([sample_row("one")]) as server:
        _, errors = server.interrupt()
    assert errors.startswith("cut off 17 bytes of a row that was never saved from ")


def test_a_file_that_is_replaced_meanwhile_is_told(fresh: Any, tmp_path: Path) -> None:
    with fresh([sample_row("one")]) as server:
        (tmp_path / "log.jsonl").unlink()
        status, answer = server.decide("one", "accept")
        assert status == 400 and "removed or replaced" in answer["error"]
