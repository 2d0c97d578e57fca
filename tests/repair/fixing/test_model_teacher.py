"""Rejection sampling: what is kept of a model's answers, and a row for each reject reason."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.fixing.fixer import FixModels
from repair.fixing.model_teacher import REASONS, ROWS_AT_ONCE, ModelTeacher
from repair.language_servers import ServerTimeoutError
from repair.schema.outcomes import Reject
from repair.synthesis.teacher import Proposal
from tests.repair.fixing.scripted import DOUBTS, Script, scripted
from tests.repair.synthesis.support import FunctionServers, candidate, found, marked

TEXT = 'a = "error:x"\nb = "fine"\nc = 3\n'
GOOD = '-1 a = "error:x"\n+1 a = "fine"'
NEEDLESS = f"{GOOD}\n-3 c = 3\n+3 c = 4"


def row(**columns: Any) -> dict[str, Any]:
    files = {"main.py": TEXT}
    return {**candidate(files, marked(files)[0], marked(files)), **columns}


def calibrated(script: Script) -> FixModels:
    return replace(scripted(script)[0], calibration=DOUBTS)


def outcomes(script: Script, *rows: Any, k: int = 3, check: Any = marked) -> list[Proposal | Reject]:
    return list(ModelTeacher(calibrated(script), FunctionServers(check), k).propose(rows or [row()]))


def test_the_first_likely_right_answer_is_the_diff() -> None:
    answers = ["-3 c = 3\n+3 c = 4", GOOD]
    [found] = outcomes(lambda text, diagnostic, number: answers[min(number, 1)])
    assert isinstance(found, Proposal)
    assert (found.answer, found.answer_format, found.candidates) == (f"{GOOD}\n</diff>", "line_diff", 2)


def fails(files: Mapping[str, str]) -> Any:
    raise ServerTimeoutError("no answer")


UNKNOWN = {"diagnostic": marked({"main.py": TEXT})[0].as_row() | {"code": "marker[z]"}}
STAR = [
    found("main.py", 0, 'Import "sympy" could not be resolved', code="pyright[reportMissingImports]"),
    found("main.py", 1, '"solve" is not defined', code="pyright[reportUndefinedVariable]"),
]
STARRED = {
    "files": [{"path": "main.py", "text": "from sympy import *\nsolve(1)\n"}],
    "diagnostic": STAR[1].as_row(),
    "before": [one.as_row() for one in STAR],
}
REJECTED = [
    (lambda *_: "-3 c = 3\n+3 c = 4", marked, {}, "unrepaired", "diagnostic_remains"),
    (lambda *_: "", marked, {}, "unrepaired", "no_change"),
    (lambda *_: NEEDLESS, marked, {}, "unsure", "a change that is not needed"),
    (lambda *_: GOOD, marked, UNKNOWN, "unmeasured", "marker[z]"),
    (lambda *_: GOOD, lambda files: STAR, STARRED, "star_import", "from sympy import *"),
    (lambda *_: GOOD, marked, {"files": []}, "file_absent", "'main.py'"),
    (lambda *_: GOOD, fails, {}, "server_timeout", "no answer"),
]


@pytest.mark.parametrize(("script", "check", "columns", "reason", "said"), REJECTED)
def test_a_row_without_one_is_rejected(
    script: Script, check: Any, columns: dict[str, Any], reason: str, said: str
) -> None:
    [found] = outcomes(script, row(**columns), check=check)
    assert isinstance(found, Reject)
    assert (found.reason, reason in REASONS) == (reason, True)
    assert said in found.detail


def test_rows_keep_their_order_over_more_than_one_round() -> None:
    rows = [row(files=[]) if number % 7 == 0 else row() for number in range(ROWS_AT_ONCE + 20)]
    found = outcomes(lambda *_: GOOD, *rows)
    assert [isinstance(one, Reject) for one in found] == [number % 7 == 0 for number in range(len(rows))]


def test_a_model_that_was_never_calibrated_is_no_teacher() -> None:
    with pytest.raises(ConfigurationError, match="materialize model_calibration"):
        ModelTeacher(scripted(lambda *_: GOOD)[0], FunctionServers(marked), 1)
