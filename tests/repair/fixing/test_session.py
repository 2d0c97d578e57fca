"""A file's diagnostics one after another: rebased answers, what fixes bring to light, where it ends."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.fixing.fix import UNSURE
from repair.fixing.fixer import Fixer
from repair.fixing.session import MOST_PASSES, Outcome, Report, Session
from repair.text.lines import lines_of
from tests.repair.fixing.scripted import DOUBTS, Script, scripted
from tests.repair.synthesis.support import FunctionServers, marked

TEXT = 'a = "error:a"\nmiddle = 1\nb = "error:b"\n'


def mended(text: str, diagnostic: Mapping[str, Any], number: int = 0, more: str = "") -> str:
    """The diff that mends the diagnostic's line, and puts `more` above it."""
    at = diagnostic["start_line"]
    line = lines_of(text)[at]
    new = re.sub(r"(error|warning):\w+", "fine", line, count=1)
    added = [more, new] if more else [new]
    return "\n".join([f"-{at + 1} {line}", *(f"+{at + 1 + n} {row}" for n, row in enumerate(added))])


class Fixed:
    """The reports on `text`, and who was asked what."""

    def __init__(
        self,
        script: Script,
        text: str = TEXT,
        check: Any = marked,
        k: int = 1,
        *,
        doubts: bool = False,
        unsure: bool = False,
    ) -> None:
        models, self.greedy, self.sampled = scripted(script)
        models = replace(models, calibration=DOUBTS if doubts else None)
        self.servers = FunctionServers(check)
        session = Session({"main.py": text}, Fixer(models, self.servers), self.servers, k=k, unsure=unsure)
        self.reports: list[Report] = list(session.fix_file("main.py"))
        self.text = session.files["main.py"]
        self.style = session.style

    @property
    def outcomes(self) -> list[tuple[str, Outcome]]:
        return [(report.diagnostic.code[-2], report.outcome) for report in self.reports]


def test_answers_are_decoded_once_and_rebased_on_the_fixes_before_them() -> None:
    done = Fixed(lambda text, diagnostic, number: mended(text, diagnostic, more="more = 2"))
    assert done.outcomes == [("a", Outcome.FIXED), ("b", Outcome.FIXED)]
    assert done.text == 'more = 2\na = "fine"\nmiddle = 1\nmore = 2\nb = "fine"\n'
    assert done.greedy.asked == [[("marker[a]", 1), ("marker[b]", 1)]]
    assert [report.diagnostic.start_line for report in done.reports] == [0, 2]  # as the user's file has them
    # each change stands on the one before it
    assert done.reports[1].before == done.reports[0].after
    assert done.reports[1].after == {"main.py": done.text}


def test_a_line_with_two_errors_is_asked_about_again_after_its_first_fix() -> None:
    done = Fixed(mended, 'a = "error:a" + "error:b"\n')
    assert done.outcomes == [("a", Outcome.FIXED), ("b", Outcome.FIXED)]
    assert done.text == 'a = "fine" + "fine"\n'
    assert done.greedy.asked == [[("marker[a]", 1), ("marker[b]", 1)], [("marker[b]", 1)]]


def test_a_fix_may_remove_later_diagnostics_too() -> None:
    done = Fixed(lambda *_: '-1 a = "error:a"\n-3 b = "error:b"\n+1 a = "fine"\n+3 b = "fine"')
    assert done.outcomes == [("a", Outcome.FIXED), ("b", Outcome.GONE)]


def test_what_has_no_fix_stays_and_the_next_one_is_fixed() -> None:
    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        return "" if diagnostic["code"] == "marker[a]" else mended(text, diagnostic)

    done = Fixed(script, k=3)
    assert done.outcomes == [("a", Outcome.NO_FIX), ("b", Outcome.FIXED)]
    assert done.text == TEXT.replace("error:b", "fine")
    assert done.reports[0].fix is not None
    assert done.reports[0].fix.reasons == {"no_change": 3}
    assert (done.greedy.asked, done.sampled.asked) == (
        [[("marker[a]", 1), ("marker[b]", 1)]],
        [[("marker[a]", 2)]],
    )


@pytest.mark.parametrize("unsure", [False, True])
def test_what_is_unsure_is_no_fix_unless_it_is_wanted(unsure: bool) -> None:
    """The line above the one that is mended is needless; a later fix does not stand on it."""

    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        return mended(text, diagnostic, more="x = 1" if diagnostic["code"] == "marker[a]" else "")

    done = Fixed(script, k=2, doubts=True, unsure=unsure)
    first = Outcome.FIXED if unsure else Outcome.NO_FIX
    assert done.outcomes == [("a", first), ("b", Outcome.FIXED)]
    assert ("x = 1" in done.text) is unsure
    fix = done.reports[0].fix
    assert fix is not None
    assert fix.reasons == ({} if unsure else {UNSURE: 2})


def test_what_a_fix_brings_to_light_is_fixed_in_the_next_pass() -> None:
    """As in a file that does not parse, of which only the first error is reported."""
    done = Fixed(mended, 'a = "warning:a"\nb = "warning:b"\n', lambda files: marked(files)[:1])
    assert done.outcomes == [("a", Outcome.FIXED), ("b", Outcome.FIXED)]
    assert done.text == 'a = "fine"\nb = "fine"\n'
    assert done.greedy.asked == [[("marker[a]", 1)], [("marker[b]", 1)]]


def test_syntax_errors_come_first_and_positions_are_those_of_the_users_file() -> None:
    """A rule-less `pyright` is a syntax error; the other diagnostic is asked about once the file parses."""

    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        return [
            replace(known, code="pyright") if known.code == "marker[syntax]" else known
            for known in marked(files)
        ]

    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        return mended(text, diagnostic, more="more = 1")

    done = Fixed(script, 'a = "error:a"\nb = "error:syntax"\nc = "error:c"\n', check)
    assert [(report.diagnostic.code, report.diagnostic.start_line) for report in done.reports] == [
        ("pyright", 1),
        ("marker[a]", 0),
        ("marker[c]", 2),
    ]
    assert {report.outcome for report in done.reports} == {Outcome.FIXED}
    assert done.greedy.asked == [[("pyright", 1)], [("marker[a]", 1), ("marker[c]", 1)]]


def test_what_vanishes_with_a_syntax_error_is_told_as_gone() -> None:
    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        found = [replace(known, code="pyright") for known in marked(files)[:1]]
        return [*found, *(replace(known, code="marker[z]", start_line=2) for known in found)]

    done = Fixed(mended, 'a = "error:a"\nb = 1\nc = 2\n', check)
    assert [report.outcome for report in done.reports] == [Outcome.FIXED, Outcome.GONE]


def test_a_first_answer_that_does_not_verify_after_a_fix_is_asked_for_again() -> None:
    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        return mended(text, diagnostic) if diagnostic["code"] == "marker[a]" or "fine" in text else ""

    done = Fixed(script)
    assert done.outcomes == [("a", Outcome.FIXED), ("b", Outcome.FIXED)]
    assert done.greedy.asked[1:] == [[("marker[b]", 1)]]


def test_fixes_that_undo_each_other_end() -> None:
    """Warnings are no new errors: a model could trade one for the other for ever."""

    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        old = diagnostic["code"][-2]
        new = "b" if old == "a" else "a"
        return f'-1 x = "warning:{old}"\n+1 x = "warning:{new}"'

    done = Fixed(script, 'x = "warning:a"\n')
    assert [outcome for _, outcome in done.outcomes] == [*[Outcome.FIXED] * MOST_PASSES, Outcome.NO_FIX]
