"""Rows and fake language servers for the tests of verification and synthesis."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServerError, Request, Result
from repair.schema.stages import REPAIR_CANDIDATES
from repair.text.lines import lines_of

VERSIONS = {"pyright": "1.1.414", "ruff": "0.17.6"}
START = datetime(2024, 5, 1, 12, tzinfo=UTC)


class FunctionServers:
    """Language servers whose diagnostics come from a function of the workspace; counts what it is asked."""

    versions = VERSIONS
    environment = "none"

    def __init__(self, check: Callable[[Mapping[str, str]], list[Diagnostic]]):
        self.check_workspace = check
        self.checked = 0
        self.rounds: list[int] = []

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        asked = list(requests)
        self.rounds.append(len(asked))
        for request in asked:
            self.checked += 1
            try:
                yield Result(self.check_workspace(request.files))
            except LanguageServerError as error:
                yield Result(error=error)


def found(
    path: str, line: int, message: str, severity: str = "error", code: str = "ruff[F821]"
) -> Diagnostic:
    """A diagnostic on a 0-based line."""
    return Diagnostic(path, line, 0, 0, line, 1, 1, code, message, severity)


def marked(files: Mapping[str, str]) -> list[Diagnostic]:
    """The diagnostics that the files name themselves: `error:x` and `warning:x` on any line."""
    return [
        found(path, number, f"found {name}", severity, code=f"marker[{name}]")
        for path, text in files.items()
        for number, line in enumerate(lines_of(text))
        for severity, name in re.findall(r"\b(error|warning):(\w+)", line)
    ]


def candidate(
    files: Mapping[str, str],
    diagnostic: Diagnostic,
    before: Iterable[Diagnostic],
    *,
    number: int = 0,
    later: Iterable[tuple[str | None, bool]] = (),
) -> dict[str, Any]:
    """A row of `REPAIR_CANDIDATES`; `later` are (text, ghostwriter) of later states, a minute apart."""
    return {
        **dict.fromkeys(REPAIR_CANDIDATES.names),
        "diagnostic_id": f"{number:032x}",
        "project_id": f"project-{number % 7}",
        "path": diagnostic.path,
        "moment": START,
        "files": [{"path": path, "text": text} for path, text in files.items()],
        "later_states": [
            {"timestamp": START + timedelta(minutes=minute), "text": text, "ghostwriter": ghostwriter}
            for minute, (text, ghostwriter) in enumerate(later, 1)
        ],
        "diagnostic": diagnostic.as_row(),
        "before": [diagnostic.as_row() for diagnostic in before],
    }


def as_batch(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)
