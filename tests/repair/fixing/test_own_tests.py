"""A project's own tests on a fix: what they say, how they end, and what they decide beside the threshold."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.fixing.fix import TESTS_FAIL, Fix, Task
from repair.fixing.fixer import Fixer
from repair.fixing.own_tests import LIMITS, OwnTests, Transition
from repair.fixing.session import Outcome, Session
from repair.sandbox import Limits
from repair.verification.confidence import FEATURES, Calibration
from tests.repair.fixing.scripted import scripted
from tests.repair.synthesis.support import FunctionServers, marked

pytestmark = pytest.mark.usefixtures("contained")

BROKEN, FIXED, WRONG = "def tax(price):\n    return pric\n", "price * 2", "price * 3"
TEST = (
    "import unittest\nfrom shop import tax\n\nclass T(unittest.TestCase):\n    def test(self):\n        {}\n"
)


def project(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def own_tests(folder: Path, test: str, command: str = "unittest -q", limits: Limits = LIMITS) -> OwnTests:
    """Of a project whose only test calls the broken function."""
    files = {"shop.py": BROKEN, "test_shop.py": TEST.format(test)}
    return OwnTests(command, project(folder, files), files, limits=limits)


@pytest.mark.parametrize(
    ("test", "after", "tested"),
    [
        ("self.assertEqual(tax(1), 2)", FIXED, Transition.FAIL_TO_PASS),
        ("self.assertEqual(tax(1), 2)", WRONG, Transition.FAIL_TO_FAIL),
        ("tax", FIXED, Transition.PASS_TO_PASS),  # it never calls what was broken
        ("tax", "1 +", Transition.PASS_TO_FAIL),
    ],
)
def test_what_the_tests_say_of_a_fix(tmp_path: Path, test: str, after: str, tested: Transition) -> None:
    tests = own_tests(tmp_path, test)
    found, failure = tests.of_fix({"shop.py": BROKEN}, {"shop.py": BROKEN.replace("pric\n", f"{after}\n")})
    assert found == tested
    assert bool(failure) == tested.endswith("to_fail")
    assert (tmp_path / "shop.py").read_text() == BROKEN


@pytest.mark.parametrize("errors_left", [False, True])
@pytest.mark.parametrize("transition", Transition)
def test_only_tests_that_failed_before_tell_nothing_beside_errors(
    transition: Transition, errors_left: bool
) -> None:
    silent = errors_left and transition == Transition.FAIL_TO_FAIL
    assert transition.told(errors_left=errors_left) == (None if silent else transition)


def test_how_they_fail_is_told(tmp_path: Path) -> None:
    failure = own_tests(tmp_path, "self.assertEqual(tax(1), 2)").failure({})
    assert failure is not None
    assert failure.startswith("exit code 1: Ran 1 test in ")
    assert failure.endswith(" | FAILED (errors=1)")


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        ("while True: pass", "they had not ended after 1 s of a processor or 60 s"),
        ("import os; os.kill(os.getpid(), 9)", "a signal ended them"),
        ("import os; os.write(2, b'bwrap: no'); os.kill(os.getpid(), 9)", "a signal ended them: bwrap: no"),
        ("print('x' * 20_000)", "they printed more than 10,000 bytes"),
        ("bytearray(1 << 30)", "exit code 1: "),
        ("import os; os._exit(5)", "exit code 5"),
    ],
)
def test_tests_that_do_not_end_well_fail(tmp_path: Path, body: str, ended: str) -> None:
    limits = Limits(cpu_seconds=1, wall_seconds=60, output_bytes=10_000, memory_bytes=500 << 20)
    failure = own_tests(tmp_path, body, limits=limits).failure({})
    assert failure is not None
    assert failure.startswith(ended)


def test_doctests_and_an_environments_packages(tmp_path: Path) -> None:
    text = 'def tax(price):\n    """\n    >>> tax(2)\n    4\n    """\n    return price * {}\n'
    files = {
        "shop.py": text.format(2),
        "test_shop.py": "from shop import tax\ndef test(tmp_path): assert tax(1) == 2\n",
    }
    folder = project(tmp_path, files)
    for tests in (
        OwnTests("doctest shop.py", folder, files),
        OwnTests("pytest -q", folder, files, python=Path(sys.executable)),
    ):
        assert tests.failure(files) is None
        assert tests.failure({"shop.py": text.format(3)}) is not None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("pytest -q", "no module pytest in .* name the project's environment by --python"),
        ("", "expected a module and its arguments"),
        ("-m pytest", "expected a module and its arguments"),
        ("pytest 'a", "can't be read: No closing quotation"),
    ],
)
def test_a_command_that_runs_no_tests_is_refused(tmp_path: Path, command: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        OwnTests(command, tmp_path, {})


def test_the_sandboxes_own_folder_is_no_project() -> None:
    with pytest.raises(ConfigurationError, match="move the project to a folder below"):
        OwnTests("unittest", Path("/tmp"), {})


TEXT = 'a = "error:x"\nc = 3\n'
TEST_FILE = "import unittest\nimport main\n\nclass T(unittest.TestCase):\n    def test(self):\n"
NEVER = Calibration(intercept=-9.0, weights=dict.fromkeys(FEATURES, 0.0), threshold=0.5, types=("x",))
ALWAYS = replace(NEVER, intercept=9.0)
UNMEASURED = replace(ALWAYS, types=("syntax",))


def fixed(
    folder: Path,
    test: str,
    calibration: Calibration | None,
    *,
    text: str = TEXT,
    answers: tuple[str, ...] = ("fine",),
) -> Fix:
    """The fix of `a`, whose answers are `answers`, by a model with a calibration."""
    files = {"main.py": text}
    project(folder, {**files, "test_main.py": f"{TEST_FILE}        {test}\n"})
    diffs = [f'-1 a = "error:x"\n+1 a = "{answer}"' for answer in answers]
    models, _, _ = scripted(lambda text, diagnostic, number: diffs[number])
    tests = OwnTests("unittest -q", folder, files)
    task = Task(files, marked(files)[0], marked(files), k=len(answers), tests=tests)
    [fix] = Fixer(replace(models, calibration=calibration), FunctionServers(marked)).fix([task])
    return fix


REACHES, PASSES = "self.assertEqual(main.a, 'fine')", "self.assertEqual(main.c, 3)"


@pytest.mark.parametrize(
    ("test", "calibration", "found", "tested"),
    [
        (REACHES, None, True, Transition.FAIL_TO_PASS),
        (REACHES, ALWAYS, True, Transition.FAIL_TO_PASS),
        (REACHES, NEVER, True, Transition.FAIL_TO_PASS),  # they say more than the confidence
        (REACHES, UNMEASURED, True, Transition.FAIL_TO_PASS),  # ... even of what has none
        (PASSES, UNMEASURED, False, None),
        (PASSES, ALWAYS, True, Transition.PASS_TO_PASS),
        (PASSES, NEVER, False, None),  # they say nothing of the change
    ],
)
def test_tests_that_fail_before_and_pass_after_decide(
    tmp_path: Path, test: str, calibration: Calibration | None, found: bool, tested: Transition | None
) -> None:
    fix = fixed(tmp_path, test, calibration)
    assert (fix.found, fix.tested) == (found, tested)


def test_an_answer_that_fails_the_tests_is_left_for_the_next(tmp_path: Path) -> None:
    fix = fixed(tmp_path, REACHES, ALWAYS, answers=("other", "fine"))
    assert fix.changed == {"main.py": TEXT.replace("error:x", "fine")}
    assert fix.reasons == {TESTS_FAIL: 1}
    alone = fixed(tmp_path, REACHES, ALWAYS, answers=("other",))
    assert (alone.found, alone.reasons) == (False, {TESTS_FAIL: 1})
    assert alone.nearest is not None
    assert alone.nearest.detail.endswith("FAILED (failures=1)")


@pytest.mark.parametrize(("calibration", "found"), [(ALWAYS, True), (NEVER, False)])
def test_beside_an_error_that_is_left_failing_tests_say_nothing(
    tmp_path: Path, calibration: Calibration, found: bool
) -> None:
    fix = fixed(tmp_path, "self.fail()", calibration, text=f'{TEXT}b = "error:y"\n')
    assert (fix.found, fix.tested) == (found, None)
    assert TESTS_FAIL not in fix.reasons


def session(
    folder: Path, test: str, words: Mapping[str, str]
) -> tuple[list[tuple[str, Outcome, Transition | None]], str]:
    """What comes of a file with an error for each of `words`, whose answer puts that word in its place; the
    last one has no fix, and is left."""
    files = {"main.py": "".join(f'{name} = "error:{name}"\n' for name in (*words, "z"))}
    project(folder, {**files, "test_main.py": f"{TEST_FILE}        {test}\n"})

    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        name, line = diagnostic["code"][-2], diagnostic["start_line"] + 1
        if name not in words:
            return ""
        return f'-{line} {name} = "error:{name}"\n+{line} {name} = "{words[name]}"'

    models, _, _ = scripted(script)
    servers = FunctionServers(marked)
    tests = OwnTests("unittest -q", folder, files)
    known = Session(files, Fixer(models, servers), servers, k=1, tests=tests)
    reports = [
        (report.diagnostic.code[-2], report.outcome, report.fix.tested if report.fix else None)
        for report in known.fix_file("main.py")
    ]
    return reports, known.files["main.py"]


def test_a_fix_that_the_tests_can_not_tell_of_waits_for_those_that_they_can(tmp_path: Path) -> None:
    test = "self.assertEqual((main.a == 'wrong', main.b), (False, 'fine'))"
    reports, text = session(tmp_path, test, {"a": "wrong", "b": "fine"})
    assert reports == [
        ("b", Outcome.FIXED, Transition.FAIL_TO_PASS),
        ("z", Outcome.NO_FIX, None),
        ("a", Outcome.NO_FIX, None),
    ]
    assert text == 'a = "error:a"\nb = "fine"\nz = "error:z"\n'


def test_fixes_that_only_together_make_the_tests_pass_are_made(tmp_path: Path) -> None:
    test = "self.assertEqual((main.a, main.b), ('fine', 'fine'))"
    reports, _ = session(tmp_path, test, {"a": "fine", "b": "fine"})
    assert reports == [
        ("z", Outcome.NO_FIX, None),
        ("a", Outcome.FIXED, None),
        ("b", Outcome.FIXED, Transition.FAIL_TO_PASS),
    ]


def test_tests_that_always_fail_beside_what_is_left_decide_nothing(tmp_path: Path) -> None:
    reports, text = session(tmp_path, "self.fail()", {"a": "fine", "b": "fine"})
    assert [(name, outcome) for name, outcome, _ in reports] == [
        ("z", Outcome.NO_FIX),
        ("a", Outcome.FIXED),
        ("b", Outcome.FIXED),
    ]
    assert text == 'a = "fine"\nb = "fine"\nz = "error:z"\n'


def test_what_passed_before_must_pass_after_also_beside_an_error(tmp_path: Path) -> None:
    reports, _ = session(tmp_path, "self.assertNotEqual(main.a, 'wrong')", {"a": "wrong"})
    assert reports == [("a", Outcome.NO_FIX, None), ("z", Outcome.NO_FIX, None)]
