"""The wire format: what one side encodes the other decodes, whatever the texts; anything else is refused."""

import gzip
import json
import runpy
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import LanguageServerError
from repair.language_servers import Request, Result, ServerTimeoutError, UnsafePathError, wire

TEXTS = st.text(st.characters())  # lone surrogates too
NUMBERS = st.integers(0, 2**40)
ABOUT = wire.About({"pyright": "1.2.3", "ruff": "0.4.5"}, "python 3.11, no packages")
PATHS = st.none() | st.lists(TEXTS).map(tuple)
REQUESTS = st.builds(Request, st.dictionaries(TEXTS, TEXTS), PATHS, PATHS)
DIAGNOSTICS = st.builds(
    Diagnostic,
    TEXTS,
    *[NUMBERS] * 6,
    code=TEXTS,
    message=TEXTS,
    severity=TEXTS,
    has_code_action=st.booleans(),
)
RESULTS = st.builds(Result, st.lists(DIAGNOSTICS)) | st.builds(
    lambda kind, text: Result([], kind(text)), st.sampled_from([ServerTimeoutError, UnsafePathError]), TEXTS
)


@given(st.lists(REQUESTS))
def test_requests_come_back(requests: list[Request]) -> None:
    body = wire.body_of([wire.encode_request(request) for request in requests])
    loaded = wire.load(body)
    assert wire.form_of(loaded) == wire.FORM
    assert wire.decode_requests(loaded) == requests


@given(st.lists(RESULTS))
def test_results_come_back(results: list[Result]) -> None:
    decoded, about = wire.decode_results(wire.encode_results(results, ABOUT))
    assert about == ABOUT
    assert [(result.diagnostics, type(result.error), str(result.error)) for result in decoded] == [
        (result.diagnostics, type(result.error), str(result.error)) for result in results
    ]


@given(st.binary(max_size=5000))
def test_packing_comes_back(data: bytes) -> None:
    packed, headers = wire.packed(data)
    assert (wire.unpacked(packed, len(data)) if headers else packed) == data
    assert wire.unpacked(gzip.compress(data), len(data)) == data


def test_a_pair_of_lone_surrogates_is_not_joined() -> None:
    request = Request({"a.py": "\ud83d\ude00"})
    [decoded] = wire.decode_requests(wire.load(wire.body_of([wire.encode_request(request)])))
    assert len(decoded.files["a.py"]) == 2


def test_a_bomb_takes_no_memory() -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(wire.TooManyBytesError):
            wire.unpacked(bomb, 2**20)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"plain",
        gzip.compress(b"cut off", mtime=0)[:-4],
        gzip.compress(b"one", mtime=0)
        + gzip.compress(b"two", mtime=0),  # a second member could hide what the first is limited to
        gzip.compress(b"one", mtime=0) + b"more",
    ],
)
def test_what_is_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpacked(data, 1000)


RIGHT = json.loads(
    wire.encode_results([Result([Diagnostic("a.py", 0, 0, 0, 0, 1, 1, "c", "m", "error")])], ABOUT)
)


def changed(change: Any) -> dict[str, Any]:
    answer = json.loads(json.dumps(RIGHT))
    change(answer)
    return answer


@pytest.mark.parametrize(
    "answer",
    [
        [],
        "text",
        {},
        changed(lambda answer: answer.update(form="0-other")),
        changed(lambda answer: answer.update(results={})),
        changed(lambda answer: answer.update(versions=None)),
        changed(lambda answer: answer["results"][0].pop("error")),
        # a field that this side does not know would be lost
        changed(lambda answer: answer["results"][0].update(more=1)),
        changed(lambda answer: answer["results"][0].update(diagnostics=None)),
        changed(lambda answer: answer["results"][0].update(error={"reason": "unheard_of", "message": ""})),
        changed(lambda answer: answer["results"][0].update(error={"reason": [], "message": ""})),
        changed(lambda answer: answer["results"][0]["diagnostics"][0].pop("code")),
        changed(lambda answer: answer["results"][0]["diagnostics"][0].update(start_line="0")),
        # in Python a truth value is a number
        changed(lambda answer: answer["results"][0]["diagnostics"][0].update(start_line=True)),
    ],
)
def test_nonsense_is_no_answer(answer: Any) -> None:
    wire.decode_results(json.dumps(RIGHT).encode())
    with pytest.raises(wire.WireError):
        wire.decode_results(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], "body is [], expected an object"),
        ({}, "body lacks requests"),
        ({"requests": {}}, "body.requests is {}, expected a list"),
        ({"requests": [1]}, "body.requests[0] is 1, expected an object"),
        ({"requests": [{}]}, "body.requests[0] lacks files"),
        ({"requests": [{"files": []}]}, "body.requests[0].files is [], expected an object"),
        ({"requests": [{"files": {"a": "", "b\ud800": 1}}]}, "files['b\\ud800'] is 1, expected a string"),
        (
            {"requests": [{"files": {}, "paths": ["a", 2]}]},
            "body.requests[0].paths[1] is 2, expected a string",
        ),
        ({"requests": [{"files": {}, "edited": "a"}]}, "edited is 'a', expected a list or null"),
        ({"requests": [{"files": {}}, {"files": "x" * 10**6}]}, "body.requests[1].files is 'xxxx"),
    ],
)
def test_what_is_no_request_is_told_by_its_place(body: Any, told: str) -> None:
    with pytest.raises(wire.WireError) as raised:
        wire.decode_requests(body)
    assert told in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_field_of_a_request_that_is_not_known_is_ignored() -> None:
    assert wire.decode_requests({"requests": [{"files": {}, "more": 1}], "more": 1}) == [Request({})]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_form_does_not_depend_on_what_else_is_imported() -> None:
    """Client and server import different parts of the project, and refuse each other's if it differs."""

    class DeclaredElsewhereError(LanguageServerError):
        reason = "declared_elsewhere"

    assert DeclaredElsewhereError in LanguageServerError.__subclasses__()
    assert runpy.run_module(wire.__name__)["FORM"] == wire.FORM
