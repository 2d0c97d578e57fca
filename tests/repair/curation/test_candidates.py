"""The candidates stage on real servers: one test for each reject reason, and the kept rows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from repair.language_servers import LanguageServers, Request, Result
from repair.language_servers.errors import ServerCrashError
from repair.pipeline import BY_NAME
from repair.schema.outcomes import outcome_schema
from repair.schema.stages import REPAIR_CANDIDATES, REPRODUCED_DIAGNOSTICS


class NoServers:
    """Servers that nobody may ask."""

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        assert not list(requests)
        return iter(())


class CrashingServers:
    """Servers that die on every workspace."""

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        for _ in requests:
            yield Result(error=ServerCrashError("it died twice"))


def row(
    servers: LanguageServers,
    files: Mapping[str, str],
    rule: str,
    *,
    line: int = 0,
    key: str = "d",
    **more: Any,
) -> dict[str, Any]:
    """A reproduced diagnostic of `main.py`: the servers' diagnostic of `rule` on the line."""
    found = servers.check_workspace(files)
    reported = next(
        diagnostic
        for diagnostic in found
        if diagnostic.path == "main.py" and diagnostic.start_line == line and rule in diagnostic.code
    )
    recorded = {name: getattr(reported, name) for name in ("code", "message", "severity")}
    recorded |= {
        name: getattr(reported, name)
        for name in ("start_line", "start_character", "end_line", "end_character")
    }
    return {
        **dict.fromkeys(REPRODUCED_DIAGNOSTICS.names),
        "diagnostic_id": key,
        "project_id": "p",
        "path": "main.py",
        "recorded": recorded | {"code_action": None},
        "files": [{"path": path, "text": text} for path, text in files.items()],
        "later_states": [],
        "diagnostic": reported.as_row(),
        "agreed": ["code", "line", "range", "message"],
        "before": [diagnostic.as_row() for diagnostic in found],
        **more,
    }


def outcomes(rows: list[dict[str, Any]], servers: Any, at_once: int = 64) -> list[dict[str, Any]]:
    table = pa.Table.from_pylist(rows, schema=REPRODUCED_DIAGNOSTICS)
    found = list(BY_NAME["repair_candidates"].run(table.to_batches(max_chunksize=at_once), servers))
    assert all(batch.schema == outcome_schema(REPAIR_CANDIDATES) for batch in found)
    return [row for batch in found for row in batch.to_pylist()]


def reason(given: dict[str, Any], servers: Any) -> str | None:
    (outcome,) = outcomes([given], servers)
    return outcome["reason"]


def test_what_is_worth_a_repair_goes_on_unchanged(servers: LanguageServers) -> None:
    given = row(servers, {"main.py": "print(total)\n"}, "F821")
    (kept,) = outcomes([given], NoServers())
    assert kept["reason"] is None
    assert kept["redactions"] == 0
    table = pa.Table.from_pylist([given], schema=REPRODUCED_DIAGNOSTICS)
    assert {name: kept[name] for name in table.column_names} == table.to_pylist()[0]


def test_has_code_action(servers: LanguageServers) -> None:
    given = row(servers, {"main.py": "import os\n"}, "F401")
    assert given["diagnostic"]["has_code_action"]
    assert reason(given, NoServers()) == "has_code_action"


def test_stylistic(servers: LanguageServers) -> None:
    given = row(servers, {"main.py": "print(total)\n"}, "F821")
    given["diagnostic"] = {**given["diagnostic"], "code": "ruff[E501]"}
    assert reason(given, NoServers()) == "stylistic"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My holidays were fine\nWe went to the sea\n", "prose"),
        ("# @generated\nprint(total)\n", "generated"),
        ("const total = 1;\nconsole.log(totl);\n", "other_language"),
        ("<<<<<<< HEAD\nprint(total)\n=======\nprint(1)\n>>>>>>> other\n", "merge_conflict"),
        ("print(total" + ", 1" * 500 + ")\n", "too_long_line"),
        ("print(total)\n" * 20_000, "too_large"),
    ],
)
def test_quality(servers: LanguageServers, text: str, expected: str) -> None:
    given = row(servers, {"main.py": "print(total)\n"}, "F821")
    given["files"] = [{"path": "main.py", "text": text}]
    assert reason(given, NoServers()) == expected


def test_near_duplicate_is_of_the_first_and_across_batches(servers: LanguageServers) -> None:
    body = "".join(f"value_{n} = {n}\n" for n in range(40))
    same = [row(servers, {"main.py": "print(total)\n" + body + more}, "F821", key=more) for more in "ab"]
    found = outcomes(same, NoServers(), at_once=1)
    assert [row["reason"] for row in found] == [None, "near_duplicate"]
    assert found[1]["detail"] == "of diagnostic a"


def test_two_diagnostics_of_one_file_are_two_tasks(servers: LanguageServers) -> None:
    body = "".join(f"value_{n} = {n}\n" for n in range(40))
    files = {"main.py": "print(total)\n" + body + "print(other)\n"}
    pair = [row(servers, files, "F821", line=0, key="a"), row(servers, files, "F821", line=41, key="b")]
    assert [row["reason"] for row in outcomes(pair, NoServers())] == [None, None]


def test_redaction_moves_the_diagnostic_and_the_servers_say_where(servers: LanguageServers) -> None:
    files = {"main.py": "send('alice.smith@corp.io', 'ü𝕏'); print(total)\n", "b.py": "# bob@corp.io\n"}
    later = [{"timestamp": None, "text": "total = 1  # alice.smith@corp.io\n", "ghostwriter": False}]
    given = row(servers, files, "F821", later_states=later)
    while given["diagnostic"]["message"] != "Undefined name `total`":
        reported = next(
            diagnostic for diagnostic in given["before"] if diagnostic["message"] == "Undefined name `total`"
        )
        given["diagnostic"] = reported
        given["recorded"] = {name: reported.get(name) for name in given["recorded"]}
    (kept,) = outcomes([given], servers)
    assert kept["reason"] is None
    assert kept["redactions"] == 3
    texts = {file["path"]: file["text"] for file in kept["files"]}
    assert texts["main.py"] == "send('user1@example.com', 'ü𝕏'); print(total)\n"
    assert texts["b.py"] == "# user2@example.com\n"
    assert kept["later_states"][0]["text"] == "total = 1  # user1@example.com\n"
    reported, shift = kept["diagnostic"], len("alice.smith@corp.io") - len("user1@example.com")
    assert reported["start_column"] == given["diagnostic"]["start_column"] - shift
    assert reported["start_character"] == given["diagnostic"]["start_character"] - shift
    assert reported in kept["before"]
    assert servers.check_workspace(texts)[0].as_row() == kept["before"][0]


def test_messages_are_redacted_even_where_no_text_is(servers: LanguageServers) -> None:
    given = row(servers, {"main.py": "print(total)\n"}, "F821")
    for diagnostic in (given["recorded"], given["diagnostic"], given["before"][0]):
        diagnostic["message"] = 'Import "x" in /home/alice/x could not be resolved'
    (kept,) = outcomes([given], NoServers())
    for diagnostic in (kept["recorded"], kept["diagnostic"], kept["before"][0]):
        assert diagnostic["message"] == 'Import "x" in /home/user1/x could not be resolved'


def test_a_message_that_shows_a_secret_of_any_file_is_redacted(servers: LanguageServers) -> None:
    secret = "Zt9kQ2vLx8PmB4rY7sWd"
    given = row(servers, {"main.py": "print(total)\n", "settings.py": f'API_KEY = "{secret}"\n'}, "F821")
    given["recorded"] = {**given["recorded"], "message": f"\"Literal['{secret}']\" is not assignable"}
    (kept,) = outcomes([given], servers)
    assert kept["recorded"]["message"] == "\"Literal['REDACTED000000000001']\" is not assignable"
    assert secret not in str(kept)


def test_lost_by_redaction(servers: LanguageServers) -> None:
    # Two addresses differ until the one that is somebody's becomes the one that is nobody's.
    text = "from typing import Literal\nhost: Literal['192.0.2.1'] = '93.184.216.34'\n"
    given = row(servers, {"main.py": text}, "reportAssignmentType", line=1)
    (lost,) = outcomes([given], servers)
    assert lost["reason"] == "lost_by_redaction"
    assert "reportAssignmentType" in lost["detail"]


def test_the_servers_error_is_the_reason(servers: LanguageServers) -> None:
    given = row(servers, {"main.py": "print(total)  # alice@corp.io\n"}, "F821")
    (failed,) = outcomes([given], CrashingServers())
    assert (failed["reason"], failed["detail"]) == ("server_crashed", "it died twice")


def test_every_row_has_one_outcome_in_its_place(servers: LanguageServers) -> None:
    texts = ["print(total)\n", "print(a)  # a@corp.io\n", "print(b)\n", "print(c)  # c@corp.io\n"]
    rows = [row(servers, {"main.py": text}, "F821", key=str(n)) for n, text in enumerate(texts)]
    rows[2]["diagnostic"] = {**rows[2]["diagnostic"], "has_code_action": True}
    found = outcomes(rows, servers, at_once=3)
    assert [row["diagnostic_id"] for row in found] == ["0", "1", "2", "3"]
    assert [row["redactions"] for row in found if not row["reason"]] == [0, 1, 1]
    assert outcomes([], NoServers()) == []
