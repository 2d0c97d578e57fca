"""One row is one row: an error that nobody foresaw rejects it, and an error of the run stops the run."""

import sqlite3
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from repair.errors import ConfigurationError, InputError, LanguageServerError, StoreError, TeacherError
from repair.schema.guards import guarded, rejecting
from repair.schema.outcomes import Reject

ROW = {"diagnostic_id": "d1"}
OF_THE_ROW = [
    KeyError("range"),
    RecursionError("too deep"),
    MemoryError(),
    ValueError("a\x1bb"),
    InputError("?"),
]
OF_THE_RUN = [
    ConfigurationError("x"),
    StoreError("x"),
    LanguageServerError("x"),
    TeacherError("x"),
    OSError(28, "No space left on device"),
    sqlite3.OperationalError("x"),
    KeyboardInterrupt(),
]


def raising(error: BaseException) -> Any:
    def step(_row: Mapping[str, Any]) -> str:
        raise error

    return step


def coroutine(error: BaseException | None) -> Generator[int, int, str]:
    answer = yield 1
    if error:
        raise error
    return f"answered {answer}"


def run(checks: Generator[int, int, str]) -> str:
    assert next(checks) == 1
    with pytest.raises(StopIteration) as stop:
        checks.send(2)
    return stop.value.value


@pytest.mark.parametrize("error", OF_THE_ROW, ids=repr)
def test_an_error_that_no_step_foresaw_rejects_its_row(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    reject = rejecting(raising(error), ROW)
    assert isinstance(reject, Reject)
    assert (reject.row, reject.reason) == (ROW, "unexpected")
    assert reject.detail.startswith(f"{type(error).__name__}: ")
    assert "\x1b" not in reject.detail
    assert run(guarded(coroutine(error), lambda detail: f"rejected {detail}")).startswith(
        f"rejected {type(error).__name__}: "
    )
    assert f"unexpected {type(error).__name__} in {__file__}, line " in caplog.text


@pytest.mark.parametrize("error", OF_THE_RUN, ids=repr)
def test_an_error_of_the_run_is_raised(error: BaseException) -> None:
    with pytest.raises(type(error)):
        rejecting(raising(error), ROW)
    checks = guarded(coroutine(error), str)
    next(checks)
    with pytest.raises(type(error)):
        checks.send(2)


def test_what_a_step_returns_goes_through() -> None:
    assert rejecting(dict, ROW) == ROW
    assert run(guarded(coroutine(None), str)) == "answered 2"


def test_a_long_message_is_cut() -> None:
    reject = rejecting(raising(ValueError("x" * 10**6)), ROW)
    assert isinstance(reject, Reject) and len(reject.detail) < 300
