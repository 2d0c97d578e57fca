"""The wire format between `function` and `remote`: JSON over HTTP, in UTF-8, with gzip or without.

```
POST /          Authorization: Bearer <token>, Content-Encoding: gzip (or none)
    {"form": FORM, "requests": [{"files": {path: text, ...}, "paths": [path, ...] or null,
                                 "edited": [path, ...] or null, "hints": true or false}, ...]}
200 {"form": FORM, "versions": {"pyright": ..., "ruff": ...}, "environment": ...,
     "results": [{"diagnostics": [{...}, ...], "error": null or {"reason": ..., "message": ...}}, ...]}
                one result for each request, in order

GET /health     open to everyone
200 {"form": FORM, "versions": {...}, "environment": ..., "max_bytes": ..., "max_workspaces": ...}

else {"error": <stable name>, "message": <what was expected and what to do>}
```

A result has the fields of `Result` by name, a diagnostic those of `Diagnostic`, so a field that is added to
either is sent too. `FORM` is the version of this format and a checksum of those names and of the errors'
reasons: client and server refuse each other if they differ, instead of losing fields that one of them lacks.

A text may hold lone surrogates, which have no UTF-8 form: they are sent in three bytes each, as Python's
`surrogatepass` writes them, so that the server reports the error.
"""

import gzip
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, defstruct
from msgspec.structs import asdict, astuple

from repair.declared_types import UnexpectedValueError, converted
from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import errors
from repair.language_servers.errors import LanguageServerError
from repair.language_servers.servers import Request, Result
from repair.messages import shown

VERSION = 1
_GZIP_WORTH_BYTES = 1024
_BYTES_OF_A_VALUE = 64
_MEMORY_OF_A_VALUE = 240  # the largest: a table with one entry
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
# those of one module: an error that is declared elsewhere would make the form depend on what is imported
_REASONS = {
    kind.reason: kind for kind in LanguageServerError.__subclasses__() if kind.__module__ == errors.__name__
}
T = TypeVar("T")


class _ErrorFields(Struct, forbid_unknown_fields=True):
    reason: str
    message: str


def _struct(kind: type, **types: Any) -> type[Struct]:
    """A declared type with the fields of the dataclass `kind`, all of which must be there, and no others."""
    known = [(field.name, types.get(field.name, field.type)) for field in fields(kind)]
    return defstruct(f"{kind.__name__}Fields", known, forbid_unknown_fields=True)


_DIAGNOSTIC = _struct(Diagnostic)
_RESULT = _struct(Result, diagnostics=list[_DIAGNOSTIC], error=_ErrorFields | None)


class _Envelope(Struct):
    """What is looked at first: another form has other fields."""

    form: Any = None


class _Body(Struct):
    requests: list[Request]


class _AboutFields(Struct, kw_only=True):
    versions: dict[str, str]
    environment: str


class _HealthFields(_AboutFields):
    max_bytes: Annotated[int, Meta(gt=0)]
    max_workspaces: Annotated[int, Meta(gt=0)]


class _Answer(_AboutFields):
    results: list[_RESULT]  # pyright: ignore[reportInvalidTypeForm] - made of the dataclass


def _form() -> str:
    names = [[field.name for field in fields(kind)] for kind in (Request, Result, Diagnostic)]
    return f"{VERSION}-{zlib.crc32(repr((names, sorted(_REASONS))).encode()):08x}"


FORM = _form()


class WireError(ValueError):
    """The data is not in the format. The message says what was expected."""


class TooManyBytesError(WireError):
    """The data is larger than allowed."""


@dataclass(frozen=True, slots=True)
class About:
    """The versions of the servers, and the environment of third-party packages."""

    versions: Mapping[str, str]
    environment: str


@dataclass(frozen=True, slots=True)
class Health:
    """The response to `GET /health`. The limits apply to one POST: bytes of its JSON, and workspaces."""

    about: About
    max_bytes: int
    max_workspaces: int


def encode_request(request: Request) -> bytes:
    """One item of a body's `requests`."""
    asked = {"paths": request.paths, "edited": request.edited, "hints": request.hints}
    return _json({"files": dict(request.files), **asked})


def body_of(items: Sequence[bytes]) -> bytes:
    """The body of a POST with these items, which `encode_request` made."""
    return b'{"form":"%b","requests":[%b]}' % (FORM.encode(), b",".join(items))


EMPTY_BYTES = len(body_of([]))
EMPTY_VALUES = 8
"""As many values as a body without requests has, or more."""


def decode_requests(body: Any) -> list[Request]:
    """The requests in a loaded body whose form is `FORM`. Raises `WireError`."""
    return _converted(body, _Body, "body").requests


def form_of(body: Any) -> Any:
    """The `form` of a loaded body. Raises `WireError`."""
    return _converted(body, _Envelope, "body").form


def encode_results(results: Sequence[Result], about: About) -> bytes:
    """The response to a POST."""
    return _json({"form": FORM, **_about(about), "results": [_encoded(result) for result in results]})


def decode_results(answer: bytes) -> tuple[list[Result], About]:
    """The inverse of `encode_results`. Raises `WireError`."""
    found = _of_form(answer, _Answer)
    about = About(found.versions, found.environment)
    return [
        _result(result, f"answer.results[{number}]") for number, result in enumerate(found.results)
    ], about


def encode_health(health: Health) -> bytes:
    """The response to `GET /health`."""
    limits = {"max_bytes": health.max_bytes, "max_workspaces": health.max_workspaces}
    return _json({"form": FORM, **_about(health.about), **limits})


def decode_health(answer: bytes) -> Health:
    """The inverse of `encode_health`. Raises `WireError`."""
    found = _of_form(answer, _HealthFields)
    return Health(About(found.versions, found.environment), found.max_bytes, found.max_workspaces)


def encode_error(name: str, message: str) -> bytes:
    """The response to a request that is refused as a whole."""
    return _json({"error": name, "message": message})


def load(data: bytes) -> Any:
    """The JSON value in `data`. Raises `WireError`."""
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"expected JSON in UTF-8: {error}") from None


def most_values(max_bytes: int) -> int:
    """How many values the JSON of a POST of at most `max_bytes` may hold."""
    return max(1024, max_bytes // _BYTES_OF_A_VALUE)


def values_in(data: bytes, most: int) -> int:
    """How many values JSON holds at most, which is counted without making them, up to more than `most`."""
    values, texts, end = 1, 0, 0
    for text in _STRING.finditer(data):
        values += _marks(data, end, text.start())
        texts, end = texts + 1, text.end()
        if values > most or texts > 2 * most:  # a table has two texts for each entry
            return most + 1
    return values + _marks(data, end, len(data))


def _marks(data: bytes, start: int, end: int) -> int:
    return sum(data.count(mark, start, end) for mark in (b",", b"[", b"{"))


def values_of(request: Request) -> int:
    """As many values as `values_in` finds in a request, or more."""
    return len(request.files) + len(request.paths or ()) + len(request.edited or ()) + 8


def text_bytes(data: bytes) -> int:
    """The memory that JSON takes at most as text."""
    widest = max(data, default=0)  # of UTF-8: how wide Python's characters are follows from it
    return len(data) * (4 if widest >= 0xF0 else 2 if widest >= 0xC4 else 1)


def value_bytes(data: bytes, values: int) -> int:
    """The memory that JSON of so many values takes at most once they are made."""
    return text_bytes(data) + _MEMORY_OF_A_VALUE * values


def packed(data: bytes) -> tuple[bytes, dict[str, str]]:
    """`data` compressed, with its `Content-Encoding` header; small data stays as it is."""
    if len(data) < _GZIP_WORTH_BYTES:
        return data, {}
    return gzip.compress(data, 1, mtime=0), {"Content-Encoding": "gzip"}


def unpacked(data: bytes, most: int) -> bytes:
    """Decompresses a gzip member, with never more than `most` bytes of it in memory.

    Raises `TooManyBytesError`, `WireError`.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        result = stream.decompress(data, most + 1)
    except zlib.error as error:
        raise WireError(f"expected gzip: {error}") from None
    if len(result) > most:
        raise TooManyBytesError(f"expected at most {most:,} bytes, unpacked")
    if not stream.eof or stream.unused_data:
        raise WireError("expected exactly one whole gzip member")
    return result


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _converted(value: Any, declared: type[T], name: str) -> T:
    try:
        return converted(value, declared, name)
    except UnexpectedValueError as error:
        raise WireError(str(error)) from None


def _of_form(answer: bytes, declared: type[T]) -> T:
    loaded = load(answer)
    form = _converted(loaded, _Envelope, "answer").form
    if form != FORM:
        raise WireError(f"answer.form is {shown(form)}, expected {FORM}")
    return _converted(loaded, declared, "answer")


def _encoded(result: Result) -> dict[str, Any]:
    row = {field.name: getattr(result, field.name) for field in fields(Result)}
    error = result.error and {"reason": result.error.reason, "message": str(result.error)}
    return {**row, "diagnostics": [diagnostic.as_row() for diagnostic in result.diagnostics], "error": error}


def _result(found: Struct, where: str) -> Result:
    values = asdict(found)
    values["diagnostics"] = [Diagnostic(*astuple(diagnostic)) for diagnostic in values["diagnostics"]]
    error: _ErrorFields | None = values["error"]
    if error is not None:
        kind = _REASONS.get(error.reason)
        if kind is None:
            raise WireError(f"{where}.error.reason is {shown(error.reason)}, expected a known reason")
        values["error"] = kind(error.message)
    return Result(**values)


def _about(about: About) -> dict[str, Any]:
    return {"versions": dict(about.versions), "environment": about.environment}
