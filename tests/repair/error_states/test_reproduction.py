"""Recorded diagnostics against what the servers say today."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.matching import match
from repair.error_states.reproduction import count_python_versions
from repair.language_servers import (
    LanguageServers,
    Request,
    Result,
    ServerCrashError,
    ServersClosedError,
    ServerTimeoutError,
)
from repair.pipeline import BY_NAME
from repair.schema.outcomes import DETAIL, REASON, outcome_schema
from repair.schema.stages import ERROR_STATES, REPRODUCED_DIAGNOSTICS

ATTRIBUTE = "pyright[reportAttributeAccessIssue]"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def recorded(code: str, message: str, place: tuple[int, int, int, int]) -> dict[str, Any]:
    names = ("start_line", "start_character", "end_line", "end_character")
    return {"code": code, "message": message, "severity": "error", **dict(zip(names, place, strict=True))}


def row(number: int, files: Mapping[str, str], path: str, diagnostic: dict[str, Any]) -> dict[str, Any]:
    empty = dict.fromkeys(ERROR_STATES.names)
    return {
        **empty,
        "diagnostic_id": f"{number:032x}",
        "project_id": f"p{number}",
        "path": path,
        "moment": NOW,
        "recorded": {"code_action": None, **diagnostic},
        "files": [{"path": name, "text": text} for name, text in files.items()],
    }


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=ERROR_STATES)


TURTLE = {"main.py": 'import turtle\n\nprint("😀", turtle.screen)\n', "helper.py": "x = y\n"}
PLACE = (2, 19, 2, 25)  # in UTF-16 units: the face counts two
TODAY = '"screen" is not a known attribute of module "turtle"'
OLDER = '"screen" is not a known member of module "turtle"'


def test_a_recorded_diagnostic_is_said_again(servers: LanguageServers) -> None:
    rows = [
        row(0, TURTLE, "main.py", recorded(ATTRIBUTE, TODAY, PLACE)),
        # as an older pyright told it
        row(1, TURTLE, "main.py", recorded("pyright[reportGeneralTypeIssues]", OLDER, PLACE)),
        row(2, TURTLE, "helper.py", recorded("ruff[F821]", "Undefined name `y`", (0, 4, 0, 5))),
    ]
    [out] = BY_NAME["reproduced_diagnostics"].run([batch(rows)], servers)
    assert out.schema == outcome_schema(REPRODUCED_DIAGNOSTICS)
    told = out.to_pylist()
    assert [one[REASON] for one in told] == [None, None, None]
    assert [one["agreed"] for one in told] == [
        ["code", "line", "range", "message"],
        ["line", "range"],
        ["code", "line", "range", "message"],
    ]
    assert [one["diagnostic"]["code"] for one in told] == [ATTRIBUTE, ATTRIBUTE, "ruff[F821]"]
    assert told[0]["diagnostic"]["start_column"] == 18
    assert told[0]["diagnostic"]["start_character"] == 19
    assert told[0]["diagnostic_id"] == f"{0:032x}"
    # what an edit of the file may reach: neither imports the other
    assert {(one["path"], one["code"]) for one in told[0]["before"]} == {("main.py", ATTRIBUTE)}
    assert {(one["path"], one["code"]) for one in told[2]["before"]} == {
        ("helper.py", "pyright[reportUndefinedVariable]"),
        ("helper.py", "ruff[F821]"),
    }
    assert (told[0]["pyright_version"], told[0]["ruff_version"]) == tuple(servers.versions.values())
    assert [(one["environment"], one["ignored_settings"]) for one in told] == [("none", [])] * 3


def test_a_row_names_the_settings_that_were_ignored(servers: LanguageServers) -> None:
    files = {**TURTLE, "pyrightconfig.json": '{"venvPath": "/home/me/venvs", "venv": "mine"}'}
    [out] = BY_NAME["reproduced_diagnostics"].run(
        [batch([row(0, files, "main.py", recorded(ATTRIBUTE, TODAY, PLACE))])], servers
    )
    [told] = out.to_pylist()
    assert told["ignored_settings"] == ["pyrightconfig.json: venvPath", "pyrightconfig.json: venv"]


def test_rows_are_counted_by_the_python_that_their_project_requires(servers: LanguageServers) -> None:
    required = {**TURTLE, "pyproject.toml": '[project]\nrequires-python = ">=3.14"\n'}
    rows = [
        row(number, files, "main.py", recorded(ATTRIBUTE, TODAY, PLACE))
        for number, files in enumerate((TURTLE, required, required))
    ]
    counts = Counter[str]()
    outcomes = BY_NAME["reproduced_diagnostics"].run([batch(rows)], servers)
    [out] = count_python_versions(outcomes, counts)
    assert out["python_version"].to_pylist() == [None, "3.14", "3.14"]
    assert counts == {"running": 1, "3.14": 2}


@pytest.mark.parametrize(
    ("path", "diagnostic", "reason", "detail"),
    [
        # it was said one line further down, where the replay has something else
        ("main.py", recorded(ATTRIBUTE, TODAY, (1, 19, 1, 25)), "not_reproduced", "nothing"),
        # another code on that line: the detail says what is there instead
        (
            "main.py",
            recorded("ruff[F821]", "Undefined name `z`", PLACE),
            "not_reproduced",
            f"{ATTRIBUTE}: {TODAY}",
        ),
        # the right line of the wrong file
        ("helper.py", recorded(ATTRIBUTE, TODAY, PLACE), "not_reproduced", "nothing"),
        ("gone.py", recorded(ATTRIBUTE, TODAY, PLACE), "unknown_file", "gone.py"),
    ],
)
def test_rejects(path: str, diagnostic: dict, reason: str, detail: str, servers: LanguageServers) -> None:
    [out] = BY_NAME["reproduced_diagnostics"].run([batch([row(0, TURTLE, path, diagnostic)])], servers)
    [told] = out.to_pylist()
    assert told[REASON] == reason
    assert detail in told[DETAIL]
    assert told["project_id"] == "p0"
    assert told["diagnostic"] is None


class ScriptedServers:
    """Servers whose results are given: by the text of `main.py`, a JSON list of messages or an error."""

    versions = {"pyright": "1", "ruff": "2"}  # noqa: RUF012
    environment = "none"

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        for request in list(requests):  # all are taken ahead of the first result
            said = json.loads(request.files["main.py"])
            if said == "crash":
                yield Result(error=ServerCrashError("exit code 3"))
            elif said == "hang":
                yield Result(error=ServerTimeoutError("no answer"))
            else:
                yield Result(
                    [Diagnostic("main.py", 0, 0, 0, 0, 1, 1, "pyright", one, "error") for one in said]
                )


def test_batches_keep_their_rows_and_empty_ones_stay() -> None:
    def numbered(numbers: Iterable[int]) -> pa.RecordBatch:
        return batch(
            [
                row(number, {"main.py": f'["m{number}"]'}, "main.py", recorded("pyright", "m", (0, 0, 0, 1)))
                for number in numbers
            ]
        )

    batches = [numbered([]), numbered([0, 1]), numbered([]), numbered([]), numbered([2]), numbered([])]
    outs = list(BY_NAME["reproduced_diagnostics"].run(batches, ScriptedServers()))  # type: ignore[arg-type]
    assert [[one["diagnostic"]["message"] for one in out.to_pylist()] for out in outs] == [
        [],
        ["m0", "m1"],
        [],
        [],
        ["m2"],
        [],
    ]


def test_the_servers_errors_are_reasons() -> None:
    rows = [
        row(number, {"main.py": text}, "main.py", recorded("pyright", "m", (0, 0, 0, 1)))
        for number, text in enumerate(['"crash"', '["m"]', '"hang"'])
    ]
    [out] = BY_NAME["reproduced_diagnostics"].run([batch(rows)], ScriptedServers())  # type: ignore[arg-type]
    assert [(one[REASON], one[DETAIL]) for one in out.to_pylist()] == [
        ("server_crashed", "exit code 3"),
        (None, None),
        ("server_timeout", "no answer"),
    ]


def found(code: str, message: str, start: int, end: int, line: int = 0) -> Diagnostic:
    return Diagnostic("a.py", line, start, start, line, end, end, code, message, "error")


@pytest.mark.parametrize(
    ("candidates", "chosen", "agreed"),
    [
        # nothing at all
        ([], None, []),
        # the line must not differ: the text is the recorded one
        ([found(ATTRIBUTE, "m", 4, 8, line=1)], None, []),
        # another family
        ([found("pyright[reportMissingImports]", "m", 4, 8)], None, []),
        # two on one line: the one at the recorded place
        ([found(ATTRIBUTE, "m", 0, 2), found(ATTRIBUTE, "m", 4, 8)], 1, ["code", "line", "range", "message"]),
        # an exact code is preferred to one of the family
        (
            [found("pyright[reportGeneralTypeIssues]", "x", 9, 9), found(ATTRIBUTE, "y", 0, 2)],
            1,
            ["code", "line"],
        ),
        # as many facts: the nearer one
        ([found(ATTRIBUTE, "x", 40, 44), found(ATTRIBUTE, "y", 5, 9)], 1, ["code", "line"]),
        # what agrees more is preferred to what is nearer
        ([found(ATTRIBUTE, "x", 4, 9), found(ATTRIBUTE, "m", 40, 44)], 1, ["code", "line", "message"]),
    ],
)
def test_match(candidates: list[Diagnostic], chosen: int | None, agreed: list[str]) -> None:
    result = match(recorded(ATTRIBUTE, "m", (0, 4, 0, 8)), candidates)
    if chosen is None:
        assert result is None
    else:
        assert result == (candidates[chosen], agreed)


def test_servers_that_are_closed_meanwhile_reject_what_is_left() -> None:
    class Closed(ScriptedServers):
        def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
            for _ in requests:
                yield Result(error=ServersClosedError("closed"))

    rows = [row(0, {"main.py": "[]"}, "main.py", recorded("pyright", "m", (0, 0, 0, 1)))]
    [out] = BY_NAME["reproduced_diagnostics"].run([batch(rows)], Closed())  # type: ignore[arg-type]
    assert [rejected[REASON] for rejected in out.to_pylist()] == ["servers_closed"]
