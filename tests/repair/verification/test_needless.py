"""Spans of a change, and which of them a repair does not need."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import ServerCrashError
from repair.language_servers.scheduler import run_all
from repair.verification.needless import UnansweredError, changed_spans, changes, needless_changes, without
from tests.repair.synthesis.support import FunctionServers, marked

TEXTS = st.text(alphabet="ab(=1\n", max_size=30)


@pytest.mark.parametrize(
    ("original", "repaired", "olds"),
    [
        ("x = 1\n", "x = 1\n", []),
        ("if a\n", "if a:\n", [""]),
        ("f(a, b\n", "f(c, b)\n", ["a", ""]),
        ("x=1\ny = 2", "x = 1\ny = 3", ["2"]),  # blanks within a line mean nothing
        ("if a:\nb", "if a:\n    b", [""]),  # those before it do
        ("if a:\n\tb", "if a:\n        b", []),  # to Python it is as deep as it was
        ("if a:\n    \tb", "if a:\n\tb", []),
        ("if a:\n\tb", "if a:\n    b", ["\t"]),
        ("a\nb\nc", "a\nc", ["b\n"]),
    ],
)
def test_the_spans_of_a_change(original: str, repaired: str, olds: list[str]) -> None:
    assert [span.old for span in changed_spans(original, repaired)] == olds


@pytest.mark.parametrize(
    ("original", "repaired", "expected"),
    [
        ("print x\n", "print(x)\n", ["(+)"]),
        ("print x, y\n", "print((x), y)\n", ["((", ")", ")"]),  # not each by itself
        ("a b c\n", "a(b[c])\n", ["(", "[", "])"]),
        ("a; b; c\n", "(a); [b]; c\n", ["(+)", "[+]"]),
        ("a, b\n", "(a, b]\n", ["(", "]"]),
        ("raise A, b\n", "raise A(b)\n", ["(", ")"]),  # the comma is gone, too
        ("f x 1\n", "f(x) 2\n", ["(+)", "2"]),
        ("a)\n", "(a)\n", ["("]),
    ],
)
def test_brackets_around_something_are_one_change(original: str, repaired: str, expected: list[str]) -> None:
    found = changes(original, repaired)
    assert ["+".join(repaired[one.start : one.end] for one in spans) for spans in found] == expected


@given(TEXTS, TEXTS)
def test_the_changes_have_each_span_once(original: str, repaired: str) -> None:
    spans = [span for change in changes(original, repaired) for span in change]
    assert sorted(spans, key=lambda span: span.start) == changed_spans(original, repaired)


@given(TEXTS, TEXTS)
def test_a_change_without_any_of_its_spans_is_none(original: str, repaired: str) -> None:
    """No text has a blank, so that no span is left out."""
    for span in reversed(changed_spans(original, repaired)):
        repaired = without(repaired, span)
    assert repaired == original


@pytest.mark.parametrize(
    ("repaired", "needless", "checks"),
    [
        ("a = ok\nb = 1\nc = 2\n", 0, 0),  # one span can't be taken back
        ("a = ok\nb = 7\nc = 2\n", 1, 1),  # what does not parse without a span needs it: no check tells more
        ("a = ok\nb = 7\nc = 8\n", 2, 2),
        ("a = ok\nb = (1)\nc = 2\n", 1, 1),  # two brackets are one change
        ("a = ok(b[1])\nb = 1\nc = 2\n", 0, 0),
        ("a = ok(\nb = 1\nc = 8\n", 1, 2),  # nor does a file tell that does not parse as it is
    ],
)
def test_what_still_verifies_when_it_is_taken_back_was_needless(
    repaired: str, needless: int, checks: int
) -> None:
    files = {"main.py": "a = error:x\nb = 1\nc = 2\n"}
    [target] = before = marked(files)
    servers = FunctionServers(marked)
    repaired = repaired.replace("ok", "fine")
    [found] = run_all([needless_changes(files, target, {"main.py": repaired}, before)], servers)
    assert (found, servers.checked) == (needless, checks)


def test_no_more_spans_are_tried_than_allowed() -> None:
    files = {"main.py": "a = error:x\n" + "b = 1\n" * 20}
    [target] = before = marked(files)
    servers = FunctionServers(marked)
    repaired = files["main.py"].replace("error:x", "fine").replace("1", "2")
    assert run_all(
        [needless_changes(files, target, {"main.py": repaired}, before, max_checks=3)], servers
    ) == [2]
    assert servers.checked == 2


def test_changes_of_other_files_are_taken_back_too() -> None:
    files = {"main.py": "a = error:x\n", "other.py": "b = 1\nc = 1\n"}
    [target] = before = marked(files)
    repaired = {"main.py": "a = fine\n", "other.py": "b = 1\nc = 2\n"}
    assert run_all([needless_changes(files, target, repaired, before)], FunctionServers(marked)) == [1]


def test_where_the_servers_fail_nothing_is_known() -> None:
    files = {"main.py": "a = error:x\nb = 1\n"}
    [target] = before = marked(files)

    def crashing(workspace: Mapping[str, str]) -> list[Diagnostic]:
        raise ServerCrashError("pyright died")

    with pytest.raises(UnansweredError, match="server_crashed: pyright died"):
        repaired = {"main.py": "a = fine\nb = 2\n"}
        run_all([needless_changes(files, target, repaired, before)], FunctionServers(crashing))
