"""Best of k: one test for each reason that an answer is not shown, and who is asked how often."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import TeacherUnavailableError
from repair.fixing.fix import LATE, MODEL, REASONS, STAR_IMPORT, UNMEASURED, UNSURE, Fix, Task
from repair.fixing.fixer import Fixer
from repair.language_servers import ServerTimeoutError
from repair.models.model import FinishReason
from repair.synthesis.rules import RULES
from repair.unexpected import UNEXPECTED
from repair.verification.confidence import Calibration
from tests.repair.fixing.scripted import DOUBTS, Script, scripted
from tests.repair.synthesis.support import FunctionServers, found, marked

TEXT = 'a = "error:x"\nb = "fine"\nc = 3\n'
GOOD = '-1 a = "error:x"\n+1 a = "fine"'


def task(k: int = 1, text: str = TEXT) -> Task:
    files = {"main.py": text}
    before = marked(files)
    return Task(files, before[0], before, k)


def fixed(script: Script, tasks: list[Task], check: Any = marked) -> list[Fix]:
    models, _, _ = scripted(script)
    return Fixer(models, FunctionServers(check)).fix(tasks)


def test_an_answer_that_verifies_is_the_fix() -> None:
    [fix] = fixed(lambda *_: GOOD, [task()])
    assert (fix.found, fix.line_diff, fix.rejected) == (True, GOOD, ())
    assert fix.changed == {"main.py": TEXT.replace("error:x", "fine")}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (FinishReason.UNANSWERED, "no_answer"),
        (FinishReason.TOO_LONG, "too_long"),
        (FinishReason.CUT, "no_diff"),
        ("", "no_change"),
        ("nonsense", "malformed"),
        ("-2 x\n-1 y", "not_rising"),
        ('-9 a = "error:x"', "wrong_line"),
        ("-1 a = 1\n+1 a = 2", "content_mismatch"),
        ("#other.py\n-1 a\n+1 b", "unknown_file"),
        ("-3 c = 3\n+3 c = 4", "diagnostic_remains"),
        ('-1 a = "error:x"\n+1 a = "error:y"', "new_error"),
        ('-1 a = "error:x"\n+1 pass', "cheat"),
    ],
)
def test_what_does_not_verify_is_not_shown_and_its_reason_is(answer: str | FinishReason, reason: str) -> None:
    [fix] = fixed(lambda *_: answer, [task()])
    assert (fix.found, fix.changed, fix.line_diff) == (False, {}, None)
    assert fix.reasons == {reason: 1}
    assert fix.nearest is not None
    assert fix.nearest.reason == reason
    assert reason in REASONS


def test_a_diagnostic_that_is_not_there_has_no_fix() -> None:
    gone = found("main.py", 2, "found z", code="marker[z]")
    [fix] = fixed(lambda *_: GOOD, [Task({"main.py": TEXT}, gone, marked({"main.py": TEXT}))])
    assert fix.reasons == {"diagnostic_absent": 1}


def test_a_path_that_no_prompt_can_hold_is_not_asked_about() -> None:
    files = {"a\nb.py": TEXT}
    models, greedy, sampled = scripted(lambda *_: GOOD)
    [fix] = Fixer(models, FunctionServers(marked)).fix([Task(files, marked(files)[0], marked(files), 3)])
    assert fix.reasons == {"malformed_prompt": 3}
    assert greedy.asked == sampled.asked == []


def test_a_merge_conflict_is_not_asked_about() -> None:
    text = f"<<<<<<< HEAD\n{TEXT}=======\n{TEXT}>>>>>>> feature\n"
    models, greedy, sampled = scripted(lambda *_: GOOD)
    [fix] = Fixer(models, FunctionServers(marked)).fix([task(3, text)])
    assert fix.reasons == {"merge_conflict": 1}
    assert fix.nearest is not None and fix.nearest.detail == "lines 1 to 9"
    assert greedy.asked == sampled.asked == []


def test_what_a_star_import_may_bring_is_not_asked_about() -> None:
    """Not of a model without a calibration either: it is no fault that an answer can repair."""
    files = {"main.py": "from sympy import *\nsolve(1)\n"}
    name = found("main.py", 1, '"solve" is not defined', code="pyright[reportUndefinedVariable]")
    module = found("main.py", 0, 'Import "sympy" could not be resolved', code="pyright[reportMissingImports]")
    wanted = Task(files, name, [module, name], 3)
    models, greedy, sampled = scripted(lambda *_: "-2 solve(1)\n+2 print(1)")
    servers = FunctionServers(lambda workspace: [module] + [name] * ("solve" in workspace["main.py"]))
    [fix] = Fixer(models, servers).fix([wanted])
    assert (fix.reasons, greedy.asked, sampled.asked) == ({STAR_IMPORT: 1}, [], [])
    assert fix.nearest is not None and fix.nearest.detail == "from sympy import *"
    [unsure] = Fixer(replace(models, calibration=DOUBTS), servers).fix([replace(wanted, unsure=True)])
    assert unsure.found and "the name may be missing" in unsure.doubts


def test_first_answers_are_asked_together_and_only_what_they_miss_is_sampled() -> None:
    """The third of four answers of `y` verifies: two attempts before it are told, nothing after it is."""

    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        name = diagnostic["code"][-2]
        wrong = f'-1 a = "error:{name}"\n+1 a = "error:z"'
        return f'-1 a = "error:{name}"\n+1 a = "fine"' if name == "x" or number == 2 else wrong

    models, greedy, sampled = scripted(script)
    servers = FunctionServers(marked)
    tasks = [
        task(4),
        task(4, TEXT.replace("error:x", "error:y")),
        task(1, TEXT.replace("error:x", "error:w")),
    ]
    fixes = Fixer(models, servers).fix(tasks)
    assert [fix.found for fix in fixes] == [True, True, False]
    assert greedy.asked == [[("marker[x]", 1), ("marker[y]", 1), ("marker[w]", 1)]]
    assert sampled.asked == [[("marker[y]", 3)]]
    assert fixes[1].reasons == {"new_error": 2}
    assert max(servers.rounds) > 1  # checks of different tasks run together


def test_equal_answers_are_checked_once_and_counted() -> None:
    servers = FunctionServers(marked)
    models, _, _ = scripted(lambda *_: "-3 c = 3\n+3 c = 4")
    [fix] = Fixer(models, servers).fix([task(5)])
    assert fix.reasons == {"diagnostic_remains": 5}
    assert servers.checked == 2  # once for the greedy answer, once for the four sampled ones


def test_the_reason_that_came_furthest_is_the_nearest() -> None:
    answers = ["", "nonsense", '-1 a = "error:x"\n+1 a = "error:y"', "-3 c = 3\n+3 c = 4"]
    [fix] = fixed(lambda text, diagnostic, number: answers[number], [task(4)])
    assert fix.nearest is not None
    assert fix.nearest.reason == "new_error"
    assert list(fix.reasons) == ["no_change", "malformed", "new_error", "diagnostic_remains"]


def test_a_model_that_fails_on_one_diagnostic_answers_the_others() -> None:
    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        if "error:y" in text:
            raise KeyError("a bug of the decoder")
        return GOOD

    fixes = fixed(script, [task(3), task(3, TEXT.replace("error:x", "error:y")), task(3)])
    assert [fix.found for fix in fixes] == [True, False, True]
    assert fixes[1].reasons == {UNEXPECTED: 3}
    assert fixes[1].nearest is not None
    assert fixes[1].nearest.detail == "KeyError: 'a bug of the decoder'"


def test_a_model_that_is_not_there_is_nobodys_fix() -> None:
    def script(*_: Any) -> str:
        raise TeacherUnavailableError("no connection")

    with pytest.raises(TeacherUnavailableError):
        fixed(script, [task(), task()])


def test_a_late_task_is_not_sampled() -> None:
    models, _, sampled = scripted(lambda *_: "")
    fixer = Fixer(models, FunctionServers(marked))
    fixes = dict(fixer.stream([task(3), task(3)], is_late=lambda index: index == 0))
    assert [fixes[index].reasons for index in (0, 1)] == [{"no_change": 1, LATE: 1}, {"no_change": 3}]
    assert sampled.asked == [[("marker[x]", 2)]]


NEEDLESS = f"{GOOD}\n-3 c = 3\n+3 c = 4"


def calibrated_fix(answers: list[str], *, unsure: bool = False, calibration: Calibration = DOUBTS) -> Fix:
    models, _, _ = scripted(lambda text, diagnostic, number: answers[number])
    models = replace(models, calibration=calibration)
    [fix] = Fixer(models, FunctionServers(marked)).fix([replace(task(len(answers)), unsure=unsure)])
    return fix


def test_a_fix_tells_how_likely_it_is_right() -> None:
    fix = calibrated_fix([GOOD])
    assert fix.found
    assert fix.confidence == pytest.approx(0.953, abs=1e-3)


def test_the_first_answer_that_is_likely_enough_right_is_the_fix() -> None:
    fix = calibrated_fix([NEEDLESS, "", NEEDLESS, GOOD])
    assert (fix.line_diff, fix.reasons) == (GOOD, {UNSURE: 2, "no_change": 1})
    assert fix.confidence == pytest.approx(0.881, abs=1e-3)


def test_a_fix_of_which_the_servers_can_not_tell_how_likely_it_is_right_is_none() -> None:
    def failing(files: Mapping[str, str]) -> list[Diagnostic]:
        if "c = 4" in files["main.py"] and "error:x" in files["main.py"]:
            raise ServerTimeoutError("it was silent")
        return marked(files)

    models, _, _ = scripted(lambda *_: NEEDLESS)
    [fix] = Fixer(replace(models, calibration=DOUBTS), FunctionServers(failing)).fix([task(1)])
    assert (fix.found, fix.reasons) == (False, {"server_timeout": 1})


def test_what_verifies_and_is_unsure_is_withheld_and_its_doubts_are_told() -> None:
    fix = calibrated_fix([NEEDLESS, ""])
    assert (fix.found, fix.changed, fix.confidence) == (False, {}, None)
    assert fix.nearest is not None
    assert fix.nearest.reason == UNSURE
    assert "confidence 0.62" in fix.nearest.detail
    assert "a change that is not needed" in fix.nearest.detail


UNKNOWN = replace(DOUBTS, types=("syntax",))


@pytest.mark.parametrize("rules", [True, False])
def test_nobody_is_asked_about_a_diagnostic_that_was_never_measured(rules: bool) -> None:
    """Nothing of it would be shown, and the answers cost seconds each."""
    models, first, more = scripted(lambda *_: GOOD)
    models = replace(models, calibration=UNKNOWN, rules=rules)
    [fix] = Fixer(models, FunctionServers(undefined)).fix([slip(8)])
    assert (fix.found, fix.reasons, first.asked, more.asked) == (False, {UNMEASURED: 1}, [], [])
    assert fix.nearest is not None and "ruff[F821]" in fix.nearest.detail


@pytest.mark.parametrize("answers", [[GOOD], ["", GOOD], [GOOD, NEEDLESS]])
def test_a_task_that_wants_unsure_fixes_is_asked_all_the_same(answers: list[str]) -> None:
    wanted = calibrated_fix(answers, unsure=True, calibration=UNKNOWN)
    doubts = "how often repairs of marker[x] are right was never measured"
    assert (wanted.line_diff, wanted.confidence, wanted.doubts) == (GOOD, None, doubts)


@pytest.mark.parametrize("answers", [[NEEDLESS], ["", NEEDLESS], [NEEDLESS, ""], [NEEDLESS, NEEDLESS]])
def test_the_likeliest_unsure_answer_is_the_fix_of_a_task_that_wants_it(answers: list[str]) -> None:
    fix = calibrated_fix(answers, unsure=True)
    assert (fix.line_diff, UNSURE in fix.reasons) == (NEEDLESS, False)
    expected = 0.622 if answers[0] == NEEDLESS else 0.378
    assert fix.confidence == pytest.approx(expected, abs=1e-3)


def test_a_server_that_fails_is_no_verdict_on_the_answer() -> None:
    from repair.language_servers import ServerCrashError

    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        raise ServerCrashError("it died")

    [fix] = fixed(lambda *_: GOOD, [task()], check)
    assert fix.reasons == {ServerCrashError.reason: 1}


SLIP = "number = 1\nprint(numbr)\n"
MENDED = "-2 print(numbr)\n+2 print(number)"
ANOTHER = "-2 print(numbr)\n+2 print(1)"


def undefined(files: Mapping[str, str]) -> list[Diagnostic]:
    """A misspelt name, which a rule knows, and what `marked` finds."""
    lines = files["main.py"].split("\n")
    return [
        *marked(files),
        *(
            Diagnostic(
                "main.py", number, 6, 6, number, 11, 11, "ruff[F821]", "Undefined name `numbr`", "error"
            )
            for number, line in enumerate(lines)
            if "numbr" in line
        ),
    ]


def slip(k: int, *, unsure: bool = False) -> Task:
    return Task({"main.py": SLIP}, undefined({"main.py": SLIP})[0], undefined({"main.py": SLIP}), k, unsure)


@pytest.mark.parametrize("k", [1, 8])
def test_the_rules_are_tried_before_the_model_decodes_more(k: int) -> None:
    models, _, sampled = scripted(lambda *_: "")
    [fix] = Fixer(replace(models, rules=True), FunctionServers(undefined)).fix([slip(k)])
    assert (fix.line_diff, fix.author, fix.reasons) == (MENDED, RULES, {"no_change": 1})
    assert sampled.asked == []


def test_the_model_s_own_first_answer_goes_before_the_rules() -> None:
    models, _, _ = scripted(lambda *_: ANOTHER)
    [fix] = Fixer(replace(models, rules=True), FunctionServers(undefined)).fix([slip(8)])
    assert (fix.line_diff, fix.author) == (ANOTHER, MODEL)


def test_what_no_rule_repairs_is_the_model_s_and_the_rules_are_no_attempt() -> None:
    answers = {"marker[x]": GOOD, "ruff[F821]": ANOTHER}

    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        return answers[diagnostic["code"]] if number == 2 else ""

    models, _, sampled = scripted(script)
    tasks = [replace(task(4), before=undefined({"main.py": TEXT})), slip(4)]
    fixes = Fixer(replace(models, rules=True), FunctionServers(undefined)).fix(tasks)
    assert [(fix.line_diff, fix.author) for fix in fixes] == [(GOOD, MODEL), (MENDED, RULES)]
    assert fixes[0].reasons == {"no_change": 2}
    assert sampled.asked == [[("marker[x]", 3)]]


def test_an_unsure_fix_of_the_rules_is_withheld_as_the_model_s_is() -> None:
    """Of both the likelier is shown to a task that wants it, as that of who gave it."""
    doubting = replace(DOUBTS, intercept=1.0)
    models, _, _ = scripted(lambda *_: "")
    fixer = Fixer(replace(models, rules=True, calibration=doubting), FunctionServers(undefined))
    [held, shown] = fixer.fix([slip(1), slip(1, unsure=True)])
    assert (held.found, held.reasons) == (False, {"no_change": 1, UNSURE: 1})
    assert (shown.line_diff, shown.author) == (MENDED, RULES)


def test_a_late_task_is_not_asked_of_the_rules() -> None:
    models, _, _ = scripted(lambda *_: "")
    fixer = Fixer(replace(models, rules=True), FunctionServers(undefined))
    fixes = dict(fixer.stream([slip(1), slip(1)], is_late=lambda index: index == 0))
    assert [fixes[index].reasons for index in (0, 1)] == [{"no_change": 1, LATE: 1}, {"no_change": 1}]
    assert [fixes[index].found for index in (0, 1)] == [False, True]
