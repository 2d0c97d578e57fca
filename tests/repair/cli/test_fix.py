"""`repair fix` on files, by the rules and real language servers; what it prints, writes and exits with."""

import io
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from repair.cli import main
from repair.cli.fix_report import JsonReporter, TextReporter, why_not
from repair.cli.local_files import LocalWorkspace
from repair.fixing.fix import Attempt, Fix, Task
from repair.fixing.fixer import FixModels
from repair.fixing.session import Outcome, Report, Session
from repair.language_servers import ServerCrashError
from tests.repair.fixing.scripted import scripted
from tests.repair.synthesis.support import found

FIVE_KINDS = """\
import turtle

def total(prices: list[int]) -> int:
    result = 0
    for price in prices
        result += pric
    return result

screen = turtle.screen()
print(totl([1, 2]), screen)
print(missing_altogether)
"""
REPAIRED = """\
import turtle

def total(prices: list[int]) -> int:
    result = 0
    for price in prices:
        result += price
    return result

screen = turtle.Screen()
print(total([1, 2]), screen)
print(missing_altogether)
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["fix", *map(str, arguments)], catch_exceptions=False)


def test_a_file_is_fixed_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "shop.py"
    crlf = FIVE_KINDS.replace("\n", "\r\n").encode()
    file.write_bytes(crlf)
    file.chmod(0o640)
    (tmp_path / "ruff.toml").write_text("")

    sure = json.loads(run("--model", "rules", "--format", "json", "shop.py").stdout)["diagnostics"]
    assert {row["reason"] for row in sure if row["code"] == "pyright[reportAttributeAccessIssue]"} == {
        "unmeasured"
    }

    shown = run("--model", "rules", "--unsure", "--format", "json", "shop.py")
    assert (shown.exit_code, file.read_bytes()) == (1, crlf)
    document = json.loads(shown.stdout)
    fixed = [row for row in document["diagnostics"] if row["outcome"] == "fixed"]
    assert len({row["code"] for row in fixed}) >= 3
    assert document["versions"].keys() >= {"model", "prompt", "pyright", "ruff", "environment"}
    # the diffs, one after another, make the repaired file
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "shop.py").write_bytes(crlf)
    for row in fixed:
        subprocess.run(["git", "apply", "-"], cwd=copy, input=row["diff"].encode(), check=True)
    assert (copy / "shop.py").read_bytes().decode() == REPAIRED.replace("\n", "\r\n")

    applied = run("--model", "rules", "--unsure", "--apply", "shop.py")
    assert applied.exit_code == 1  # one has no fix
    assert file.read_bytes() == (copy / "shop.py").read_bytes()
    assert file.stat().st_mode & 0o777 == 0o640
    assert "+screen = turtle.Screen()" in applied.stdout
    assert "\r" not in applied.stdout
    [line] = [line for line in applied.stdout.splitlines() if line.startswith("  no fix")]
    assert line.startswith("  no fix: there is no answer")
    assert "diagnostics fixed; " in applied.stderr


TESTED = "def total(prices: list[int]) -> int:\n    return sum(price)\n"
TEST = """\
import unittest
from shop import total

class Total(unittest.TestCase):
    def test(self) -> None:
        self.assertEqual(total([1, 2]), {})
"""


def fixed_by_tests(folder: Path, expected: int, *options: str) -> Result:
    for name, text in (("shop.py", TESTED), ("test_shop.py", TEST.format(expected)), ("ruff.toml", "")):
        (folder / name).write_text(text)
    return run("--model", "rules", "--test", "unittest -q", *options, "shop.py")


@pytest.mark.usefixtures("contained")
def test_a_fix_with_which_the_tests_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = fixed_by_tests(tmp_path, 3, "--apply")
    assert done.exit_code == 0
    assert (tmp_path / "shop.py").read_text() == TESTED.replace("price)", "prices)")
    assert ", the tests failed and pass with it\n" in done.stdout
    assert done.stderr.endswith("with these fixes the tests of . pass\n")


@pytest.mark.usefixtures("contained")
def test_a_fix_that_fails_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = fixed_by_tests(tmp_path, 4, "--apply", "--format", "json")
    assert (done.exit_code, (tmp_path / "shop.py").read_text()) == (1, TESTED)
    found = json.loads(done.stdout)
    row = found["diagnostics"][0]
    assert (row["outcome"], row["reason"], row["tests"]) == ("no_fix", "tests_fail", None)
    assert row["detail"].endswith("FAILED (failures=1)")
    assert found["tests"]["."].endswith("FAILED (errors=1)")  # as they do without a fix


@pytest.mark.usefixtures("contained")
def test_tests_that_can_not_be_run_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(TESTED)
    done = run("--model", "rules", "--test", "no_such_module", "shop.py")
    assert done.exit_code == 2
    assert "no module no_such_module" in done.stderr


def test_nothing_to_fix_is_0_and_a_fault_is_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clean.py").write_text("print(1)\n")
    (tmp_path / "notes.txt").write_text("x")
    clean = run("--model", "rules", "clean.py")
    assert (clean.exit_code, clean.stdout) == (0, "")
    assert clean.stderr == "no diagnostics; model rules, k = 8\n"
    for arguments in (
        ["notes.txt"],
        ["absent.py"],
        [],
        ["--model", "gpt-4o", "clean.py"],
        ["-k", "0", "clean.py"],
    ):
        assert run(*arguments).exit_code == 2


def test_servers_that_fail_on_a_file_leave_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bad.py", "good.py"):
        (tmp_path / name).write_text("number = 1\nprint(numbr)\n")
    original = Session.fix_file

    def failing(self: Session, path: str) -> Iterator[Report]:
        if path == "bad.py":
            raise ServerCrashError("it died")
        yield from original(self, path)

    monkeypatch.setattr(Session, "fix_file", failing)
    done = run("--model", "rules", "--apply", ".")
    assert done.exit_code == 2
    assert "bad.py: server_crashed: it died\n" in done.stderr
    assert (tmp_path / "good.py").read_text() == "number = 1\nprint(number)\n"
    assert (tmp_path / "bad.py").read_text() == "number = 1\nprint(numbr)\n"


def test_a_file_with_a_merge_conflict_is_told_once_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    conflict = "import os\n\n<<<<<<< HEAD\nprint(os.nam)\n=======\nprint(os.curdr)\n>>>>>>> feature\n"
    (tmp_path / "merged.py").write_text(conflict)
    told = "merged.py: lines 3 to 7 are an unresolved merge conflict; resolve it, then fix the file\n"
    done = run("--model", "rules", "--apply", "merged.py")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"{told}nothing was fixed; model rules, k = 8\n"
    (tmp_path / "other.py").write_text("number = 1\nprint(numbr)\n")
    done = run("--model", "rules", "--apply", ".")
    assert done.exit_code == 1 and told in done.stderr
    assert (tmp_path / "other.py").read_text() == "number = 1\nprint(number)\n"
    assert (tmp_path / "merged.py").read_text() == conflict


def test_types_whose_repairs_were_never_measured_are_asked_about_if_unsure_fixes_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text("from collectons import deque\n\nprint(deque())\n")
    (tmp_path / "ruff.toml").write_text("")
    done = run("--model", "rules", "shop.py")
    assert (done.exit_code, "  no fix: not asked about: " in done.stdout) == (1, True)
    assert "; 1 not asked about, whose repairs were never measured (--unsure asks); model" in done.stderr
    asked = run("--model", "rules", "--unsure", "shop.py")
    assert "+from collections import" in asked.stdout
    assert "not asked about" not in asked.stdout + asked.stderr


LONG_AND_HOSTILE = "\x1b[31mred\u202e " + "x" * 1000


def report(outcome: Outcome, **known: Any) -> Report:
    diagnostic = found("main.py", 0, f'"{LONG_AND_HOSTILE}" is not defined')
    before, after = {"main.py": "\ta\x1b = 1\n"}, {"main.py": "\tb = 1\n"}
    changed = (before, after) if outcome == Outcome.FIXED else ({}, {})
    return Report(diagnostic, outcome, *changed, **known)


def a_fix(*reasons: str) -> Fix:
    task = Task({"main.py": ""}, found("main.py", 0, "m"), [])
    return Fix(task, rejected=tuple(Attempt(reason, LONG_AND_HOSTILE) for reason in reasons))


WORKSPACE = LocalWorkspace(Path.cwd(), {}, (), ())
VERSIONS = {"pyright": "1", "ruff": "2", "environment": "none"}


def test_text_of_strangers_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = TextReporter(applies=False)
    for outcome in Outcome:
        reporter.add(report(outcome, fix=a_fix("no_change"), twin=found("main.py", 0, "m")), WORKSPACE)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "-\ta\\x1b = 1" in shown  # a tab moves nothing
    assert len([line for line in shown.splitlines() if line.startswith("  no fix")]) == 1


def test_a_confidence_is_shown_and_what_is_withheld_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    text, document = TextReporter(applies=False), JsonReporter(applies=False)
    sure = report(Outcome.FIXED, fix=replace(a_fix(), line_diff="-1 a", confidence=0.957))
    withheld = report(Outcome.NO_FIX, fix=replace(a_fix("unsure"), withheld=a_fix()))
    doubtful = report(Outcome.FIXED, fix=replace(a_fix(), line_diff="-1 a", confidence=0.4, doubts="why"))
    for reporter in (text, document):
        for one in (sure, withheld, doubtful):
            reporter.add(one, WORKSPACE)
    text.end(FixModels("m", scripted(lambda *_: "")[0].first, None), VERSIONS, k=8)
    shown = capsys.readouterr()
    assert "  confidence 0.96\n" in shown.out
    assert "  why\n" in shown.out, "--unsure shows it"
    assert "; 1 verified and not shown, for they may be wrong (--unsure shows them)" in shown.err
    document.end(FixModels("m", scripted(lambda *_: "")[0].first, None), VERSIONS, k=8)
    rows = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [row["confidence"] for row in rows] == [0.957, None, 0.4]


def test_the_lower_lines_of_a_message_are_indented_by_blanks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyright has no-break spaces there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("class A:\n    pass\n\n\nprint(A().b)\n")
    told = 'for class "A"\n      Attribute "b" is unknown\n'
    assert told in run("--model", "rules", "a.py").stdout
    assert told in CliRunner().invoke(main, ["check", "a.py"]).stdout


@pytest.mark.parametrize(
    ("confidence", "said"), [(0.9, "  confidence 0.90, by rules\n"), (None, "  by rules\n")]
)
def test_a_fix_of_the_rules_says_so(
    confidence: float | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, document = TextReporter(applies=False), JsonReporter(applies=False)
    theirs = replace(a_fix(), line_diff="-1 a", confidence=confidence).by("rules")
    for reporter in (text, document):
        for fix in (theirs, replace(theirs, author="model")):
            reporter.add(report(Outcome.FIXED, fix=fix), WORKSPACE)
        reporter.add(report(Outcome.NO_FIX, fix=a_fix("no_change")), WORKSPACE)
    shown = capsys.readouterr().out
    assert said in shown
    assert shown.count("by rules") == 1
    document.end(FixModels("m", scripted(lambda *_: "")[0].first, None), VERSIONS, k=8)
    rows = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [row["author"] for row in rows] == ["rules", "model", None]


@pytest.mark.parametrize(
    ("reasons", "beginning"),
    [
        ((), "no fix: no answer"),
        (("no_answer",), "no fix: there is no answer: "),
        (("no_change",), "no fix: the diff applies and leaves every line as it was"),
        (
            ("no_change", "no_change", "cheat"),
            "no fix in 3 answers (2 no_change, 1 cheat): the diff silences",
        ),
    ],
)
def test_why_nothing_is_shown_is_one_line(reasons: tuple[str, ...], beginning: str) -> None:
    said = why_not(a_fix(*reasons))
    assert said.startswith(beginning)
    assert "\n" not in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("outcomes", "applies", "remain"),
    [
        ([], False, False),
        ([], True, False),
        ([Outcome.FIXED], False, True),
        ([Outcome.FIXED, Outcome.GONE], True, False),
        ([Outcome.FIXED, Outcome.NO_FIX], True, True),
        ([Outcome.CODE_ACTION], True, True),
        ([Outcome.SAME_FAULT], True, True),
    ],
)
def test_what_remains_decides_the_exit_code(outcomes: list[Outcome], applies: bool, remain: bool) -> None:
    for reporter in (TextReporter(applies=applies), JsonReporter(applies=applies)):
        for outcome in outcomes:
            reporter.add(report(outcome), WORKSPACE)
        assert reporter.remain == remain


def test_a_file_that_was_not_written_remains(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = JsonReporter(applies=True)
    reporter.add(report(Outcome.FIXED), WORKSPACE)
    reporter.refuse("main.py", "main.py was changed meanwhile")
    assert reporter.remain
    models, _, _ = scripted(lambda *_: "")
    reporter.end(models, VERSIONS, k=1)
    captured = capsys.readouterr()
    assert json.loads(captured.out)["refused"] == {"main.py": "main.py was changed meanwhile"}
    assert captured.err == "main.py was changed meanwhile\n"


@pytest.mark.parametrize("code", ["pyright[reportMissingImports]", "pyright[reportMissingModuleSource]"])
def test_imports_that_are_not_found_point_to_the_environment(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = found("main.py", 0, "m", code=code)
    models = FixModels("rules", *scripted(lambda *_: "")[1:])
    for environment, hints in (("none", 1), ("local 0123456789ab", 0)):
        reporter = TextReporter(applies=False)
        reporter.add(Report(missing, Outcome.NO_FIX, {}, {}, a_fix()), WORKSPACE)
        reporter.end(models, {**VERSIONS, "environment": environment}, k=1)
        assert capsys.readouterr().err.count("--python .venv/bin/python") == hints


def colours(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> bool:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    TextReporter(applies=False).add(report(Outcome.FIXED), WORKSPACE)
    return "\x1b[32m+\tb = 1" in screen.getvalue()


def test_a_terminal_has_colours_unless_it_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colours({}, monkeypatch)
    assert not colours({"NO_COLOR": "1"}, monkeypatch)
