"""Verification: right diffs, and one wrong diff for every reject reason."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, ServerCrashError, ServerTimeoutError
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import diff, extract
from repair.pipeline import BY_NAME
from repair.schema.outcomes import Reject, outcome_batch, outcome_schema
from repair.schema.stages import SYNTHESIZED_DIFFS, VERIFIED_DIFFS
from repair.verification.comparison import Comparison
from repair.verification.stage import ADDS, count_cheats, count_tolerated
from repair.verification.verifier import Verdict, verify
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found, marked

MAIN = "a = 1\nb = error:name\nc = error:other warning:weak\nd = 4\n"
WORKSPACE = {"main.py": MAIN, "helper.py": "ok\nx = error:elsewhere\n"}
TARGET = found("main.py", 1, "found name", code="marker[name]")
RIGHT = "-2 b = error:name\n+2 b = name"


def judged(line_diff: str, target: Diagnostic = TARGET) -> Verdict:
    return verify(WORKSPACE, target, line_diff, FunctionServers(marked))


ACCEPTED = [
    RIGHT,
    # the line moves: what follows it is not new
    "-2 b = error:name\n+2 import name\n+3\x20\n+4 b = name",
    # the hunk holds a second error, which was there before
    "-2 b = error:name\n-3 c = error:other warning:weak\n+2 b = name\n+3 c  =  error:other",
    # a new warning is no new error
    "-2 b = error:name\n+2 b = warning:fresh",
    # a diff that takes away and puts back more than it changes
    "-1 a = 1\n-2 b = error:name\n-3 c = error:other warning:weak\n"
    "+1 a = 1\n+2 b = name\n+3 c = error:other warning:weak",
    # another error is repaired with it
    "-2 b = error:name\n-3 c = error:other warning:weak\n+2 b = name\n+3 c = other",
]


@pytest.mark.parametrize("line_diff", ACCEPTED)
def test_repairs(line_diff: str) -> None:
    verdict = judged(line_diff)
    assert (verdict.accepted, verdict.reason) == (True, None), verdict.evidence
    assert verdict.repaired is not None and "error:name" not in verdict.repaired
    assert list(verdict.after) == marked({**WORKSPACE, "main.py": verdict.repaired})


# 504 lines; the error is in line 2 of them, and the last are not shown
LONG = {**WORKSPACE, "main.py": MAIN + "same = 1\n" * 499 + "last = 1\n"}


def test_a_diff_of_lines_that_are_not_shown_is_refused_and_no_server_is_asked() -> None:
    servers = FunctionServers(marked)
    for line_diff in ("-504 last = 1\n+504 last = 2", f"{RIGHT}\n+400 import name", "-504 guessed"):
        verdict = verify(LONG, TARGET, line_diff, servers)
        assert verdict.reason == "outside_excerpt", verdict
        assert "of the 505 lines of the file 1-" in verdict.evidence
    assert servers.checked == 0
    assert verify(LONG, TARGET, f"{RIGHT}\n-504 last = 1", servers, anywhere=True).accepted
    assert verify(LONG, TARGET, f"{RIGHT}\n#helper.py\n+1 ", servers).accepted  # which no prompt shows
    assert verify(LONG, TARGET, "-900 a = 1", servers).reason == "wrong_line"


def test_of_equal_lines_the_diff_names_one_that_is_shown() -> None:
    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        return [] if files["main.py"].count("same") > 300 else [TARGET]

    text = "same = 1\n" * 300  # in the fewest lines the new one comes last, where the model saw nothing
    assert diff(text, text + "same = 1\n") == "+301 same = 1"
    verdict = verify({"main.py": text}, TARGET, "+3 same = 1", FunctionServers(check))
    assert verdict.accepted, verdict
    assert (verdict.line_diff, verdict.repaired) == ("+3 same = 1", text + "same = 1\n")


REJECTED = [
    ("malformed", "replace line 2 by b = name"),
    ("malformed", "@@ -2 +2 @@\n-b = error:name\n+b = name"),
    ("not_rising", "-3 c = error:other warning:weak\n-2 b = error:name\n+2 b = name"),
    ("wrong_line", "-9 b = error:name\n+9 b = name"),
    ("content_mismatch", "-2 b = name\n+2 b = 1"),
    ("content_mismatch", "-1 b = error:name\n+1 b = name"),
    ("no_change", ""),
    ("no_change", "-2 b = error:name\n+2 b = error:name"),
    # on its line, in a changed file
    ("diagnostic_remains", "-1 a = 1\n+1 a = 2"),
    # on its line, which has moved
    ("diagnostic_remains", "+1 import this"),
    # its line was rewritten and it is still there
    ("diagnostic_remains", "-2 b = error:name\n+2 b = (error:name)"),
    # ... on another line of the hunk
    ("diagnostic_remains", "-2 b = error:name\n+2 b = (\n+3     error:name\n+4 )"),
    # the faulty line was moved after others
    ("diagnostic_remains", "-2 b = error:name\n+4 b = error:name"),
    ("new_error", "-2 b = error:name\n+2 b = error:typo"),
    # one more of an error that was there before
    ("new_error", "-2 b = error:name\n+2 b = name\n+5 e = error:other"),
    ("new_error", "-2 b = error:name\n+2 b = error:other"),
    # the servers are content, for there is nothing left to look at
    ("cheat", "-2 b = error:name"),
]


@pytest.mark.parametrize(("reason", "line_diff"), REJECTED)
def test_does_not_repair(reason: str, line_diff: str) -> None:
    verdict = judged(line_diff)
    assert (verdict.accepted, verdict.reason) == (False, reason), verdict.evidence
    assert verdict.evidence


def test_a_warning_must_be_gone_as_well() -> None:
    target = found("main.py", 2, "found weak", "warning", code="marker[weak]")
    kept = "-3 c = error:other warning:weak\n+3 c = (error:other warning:weak)"
    assert judged(kept, target).reason == "diagnostic_remains"
    moved = "-3 c = error:other warning:weak\n+3 c = error:other\n+5 e = warning:weak"
    assert judged(moved, target).reason == "diagnostic_remains"
    assert judged("-3 c = error:other warning:weak\n+3 c = error:other", target).accepted


def test_an_error_in_another_file_is_new_too() -> None:
    def importing(files: Mapping[str, str]) -> list[Diagnostic]:
        known = "def helper" in files["main.py"]
        return [*marked(files), *([] if known else [found("user.py", 0, "helper is unknown")])]

    files = {"main.py": "def helper(): error:name\n", "user.py": "from main import helper\n"}
    target = found("main.py", 0, "found name", code="marker[name]")
    line_diff = "-1 def helper(): error:name\n+1 def assistant(): name"
    verdict = verify(files, target, line_diff, FunctionServers(importing))
    assert verdict.reason == "new_error"
    assert "user.py:1 error ruff[F821] helper is unknown" in verdict.evidence


def test_a_line_number_in_a_message_moves_with_its_line() -> None:
    def redefined(files: Mapping[str, str]) -> list[Diagnostic]:
        rows = files["main.py"].split("\n")
        indices = [number for number, row in enumerate(rows) if row == "def f(): pass"]
        return [
            *marked(files),
            *(
                found("main.py", b, f"Redefinition of unused `f` from line {a + 1}")
                for a, b in pairwise(indices)
            ),
        ]

    files = {"main.py": "x = error:name\ndef f(): pass\ndef f(): pass\n"}
    line_diff = "-1 x = error:name\n+1 import name\n+2 x = name"
    target = found("main.py", 0, "found name", code="marker[name]")
    assert verify(files, target, line_diff, FunctionServers(redefined)).accepted


def reporting(*diagnostics: Diagnostic) -> FunctionServers:
    """Servers that see `diagnostics` as soon as main.py has no `(` that is not closed."""

    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        parses = files["main.py"].count("(") == files["main.py"].count(")")
        broken = [TELLTALE, found("main.py", 0, "expected )", code="ruff[invalid-syntax]")]
        always = [diagnostic for diagnostic in diagnostics if diagnostic.code.startswith("pyright")]
        return list(diagnostics) if parses else [*always, *broken]

    return FunctionServers(check)


TELLTALE = found("main.py", 0, "( was not closed", code="pyright")
UNKNOWN = found("main.py", 1, "Undefined name `List`")
ALSO_UNKNOWN = found("main.py", 1, '"List" is not defined', code="pyright[reportUndefinedVariable]")

MASKED = [
    (None, [UNKNOWN, ALSO_UNKNOWN]),
    # not reported before
    ("new_error", [UNKNOWN]),
    # reported on another line
    ("new_error", [replace(UNKNOWN, start_line=2), ALSO_UNKNOWN]),
    # ... or of another name
    ("new_error", [replace(UNKNOWN, message="Undefined name `Set`"), ALSO_UNKNOWN]),
    # ... or is of another kind
    ("new_error", [replace(UNKNOWN, code="ruff[E902]"), ALSO_UNKNOWN]),
]


@pytest.mark.parametrize(("reason", "diagnostics"), MASKED)
def test_what_only_a_syntax_error_kept_ruff_from_saying_is_not_new(
    reason: str | None, diagnostics: list[Diagnostic]
) -> None:
    files = {"main.py": "f(1\nx: List\ny: List\n"}
    verdict = verify(files, TELLTALE, "-1 f(1\n+1 f(1)", reporting(*diagnostics))
    assert verdict.reason == reason, verdict.evidence


def test_ruff_is_believed_of_a_file_that_parsed() -> None:
    files = {"main.py": "x = error:name\ny: List\n"}

    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        return [*marked(files), ALSO_UNKNOWN, *([] if marked(files) else [UNKNOWN])]

    target = found("main.py", 0, "found name", code="marker[name]")
    verdict = verify(files, target, "-1 x = error:name\n+1 x = name", FunctionServers(check))
    assert verdict.reason == "new_error"


HELPER = "-2 x = error:elsewhere\n+2 x = elsewhere"

ACROSS = [
    # the diagnostic's file and another one, whose own error goes as well
    (None, f"{RIGHT}\n#helper.py\n{HELPER}"),
    # lines of the other file move: what follows them is not new
    (None, f"{RIGHT}\n#helper.py\n+1 first"),
    (None, f"{RIGHT}\n#helper.py\n-1 ok\n-2 x = error:elsewhere\n+1 x = error:elsewhere"),
    ("new_error", f"{RIGHT}\n#helper.py\n+1 first = error:elsewhere"),
    ("new_error", f"{RIGHT}\n#helper.py\n+4 last = error:typo"),
    # it has only moved to the other file, where it is new
    ("new_error", "-2 b = error:name\n+2 from helper import b\n#helper.py\n+3 b = error:name"),
    # another file's repair is none of this one
    ("diagnostic_remains", f"#helper.py\n{HELPER}"),
    ("no_change", "-2 b = error:name\n+2 b = error:name\n#helper.py\n-1 ok\n+1 ok"),
    ("unknown_file", f"{RIGHT}\n#new.py\n+1 x = 1"),
    ("unknown_file", f"{RIGHT}\n#../helper.py\n{HELPER}"),
    ("malformed", f"#main.py\n{RIGHT}"),
    ("content_mismatch", f"{RIGHT}\n#helper.py\n-2 x = 1"),
    # each file has a way around of its own
    ("cheat", f"-2 b = error:name\n#helper.py\n{HELPER}"),
    ("cheat", f"{RIGHT}\n#helper.py\n+1 def __getattr__(name): return name"),
]


@pytest.mark.parametrize(("reason", "line_diff"), ACROSS)
def test_a_diff_of_two_files(reason: str | None, line_diff: str) -> None:
    verdict = judged(line_diff)
    assert (verdict.accepted, verdict.reason) == (reason is None, reason), verdict.evidence
    if reason is None:
        changed = {**WORKSPACE, "main.py": verdict.repaired or "", **verdict.repaired_files}
        assert list(verdict.repaired_files) == ["helper.py"]
        assert changed == workspace_diff.apply(WORKSPACE, line_diff, "main.py")
        assert list(verdict.after) == marked(changed)


def test_the_evidence_names_a_few_diagnostics_and_counts_the_rest() -> None:
    verdict = judged("-2 b = error:name\n+2 b = error:v error:w error:x error:y error:z")
    assert verdict.reason == "new_error"
    assert verdict.evidence == (
        "after the diff, not before: main.py:2 error marker[v] found v; main.py:2 error marker[w] found w;"
        " main.py:2 error marker[x] found x; and 2 more"
    )


def test_a_repair_in_another_file_alone() -> None:
    """The caller is right, and what it calls is not there."""

    def calling(files: Mapping[str, str]) -> list[Diagnostic]:
        known = "def total(n)" in files["helper.py"]
        return (
            [] if known else [found("main.py", 1, "total takes no argument", code="pyright[reportCallIssue]")]
        )

    files = {"main.py": "import helper\nhelper.total(1)\n", "helper.py": "def total():\n    return 1\n"}
    (target,) = calling(files)
    line_diff = "#helper.py\n-1 def total():\n+1 def total(n):\n-2     return 1\n+2     return n"
    verdict = verify(files, target, line_diff, FunctionServers(calling))
    assert verdict.accepted, verdict.evidence
    assert verdict.repaired == files["main.py"]
    assert verdict.repaired_files == {"helper.py": "def total(n):\n    return n\n"}
    assert verdict.line_diff == (
        "#helper.py\n-1 def total():\n-2     return 1\n+1 def total(n):\n+2     return n"
    )


def test_what_was_never_there_is_not_repaired() -> None:
    absent = found("main.py", 3, "found name", code="marker[name]")
    assert judged("-4 d = 4\n+4 d = 5", absent).reason == "diagnostic_absent"
    nowhere = found("gone.py", 0, "found name", code="marker[name]")
    assert judged("+1 d = 5", nowhere).reason == "file_absent"


def test_given_diagnostics_are_not_asked_for_again() -> None:
    servers = FunctionServers(marked)
    assert verify(WORKSPACE, TARGET, RIGHT, servers, before=marked(WORKSPACE)).accepted
    assert servers.checked == 1
    assert verify(WORKSPACE, TARGET, RIGHT, servers).accepted
    assert servers.checked == 3


@pytest.mark.parametrize("error", [ServerCrashError("it died"), ServerTimeoutError("it was silent")])
def test_servers_that_fail_say_nothing_about_the_diff(error: Exception) -> None:
    def failing(files: Mapping[str, str]) -> list[Diagnostic]:
        if files != WORKSPACE:
            raise error
        return marked(files)

    verdict = verify(WORKSPACE, TARGET, RIGHT, FunctionServers(failing))
    assert (verdict.accepted, verdict.reason, verdict.evidence) == (False, error.reason, str(error))


# Each original line: its diagnostics, what comes before it, and what becomes of it (None: it stays).
NAMES = st.sets(st.sampled_from(["error:p", "error:q", "warning:p"]), max_size=2)
EDITS = st.lists(
    st.tuples(NAMES, st.lists(NAMES, max_size=1), st.one_of(st.none(), st.lists(NAMES, max_size=2))),
    min_size=1,
    max_size=6,
)


@given(EDITS, st.data())
def test_the_verdict_is_that_of_lines_with_names(edits: list, data: st.DataObject) -> None:
    """Against an oracle that knows which line became which, as every line carries a number of its own."""
    numbers = iter(range(10_000))

    def line(names: set[str]) -> str:
        return f"{next(numbers)} {' '.join(sorted(names))}"

    # (place, text): the place of a kept line is its text, that of all others the gap between kept lines
    original: list[tuple[object, str]] = []
    repaired: list[tuple[object, str]] = []
    gap = 0
    for names, inserted, replaced in edits:
        repaired += [(gap, line(name)) for name in inserted]
        text = line(names)
        if replaced is None:
            gap += 1
            original.append((text, text))
            repaired.append((text, text))
            gap += 1
        else:
            original.append((gap, text))
            repaired += [(gap, line(name)) for name in replaced]
    if not repaired:
        repaired.append((gap, line(set())))

    def keys(side: list[tuple[object, str]], severity: str) -> Counter:
        return Counter(
            (position, name)
            for position, text in side
            for name in text.split()[1:]
            if name.startswith(severity)
        )

    files = {"m.py": "\n".join(text for _, text in original)}
    diagnostics = marked(files)
    if not diagnostics:
        return
    target = data.draw(st.sampled_from(diagnostics))
    name = f"{target.severity}:{target.code.removeprefix('marker[').removesuffix(']')}"
    own = (original[target.start_line][0], name)
    # severity is no part of what a diagnostic is: error:p and warning:p differ in nothing else here
    plain = name.partition(":")[2]
    before, after = (
        Counter((position, key.partition(":")[2]) for (position, key) in keys(side, "").elements())
        for side in (original, repaired)
    )
    new_errors = keys(repaired, "error") - keys(original, "error")
    if [text for _, text in original] == [text for _, text in repaired]:
        expected = "no_change"
    elif after[own[0], plain] or any(text == plain for _, text in (after - before)):
        expected = "diagnostic_remains"
    else:
        expected = "new_error" if new_errors else None
    line_diff = diff(files["m.py"], "\n".join(text for _, text in repaired))
    reason = verify(files, target, line_diff, FunctionServers(marked)).reason
    # Deleting the line may be rejected as no repair, but nothing else.
    removed = isinstance(own[0], int)
    assert reason == expected or (reason, expected, removed) == ("cheat", None, True)


def synthesized(answer: str, number: int) -> dict:
    row = candidate(WORKSPACE, TARGET, marked(WORKSPACE), number=number)
    return {**dict.fromkeys(SYNTHESIZED_DIFFS.names), **row, "teacher": "test", "answer": answer}


ANSWERS = [
    (f"{RIGHT}\n</diff>", None),
    (f"Sure! The name lacks a quote.\n<diff>\n{RIGHT}\n</diff>\nHope this helps.", None),
    (f"<diff>\n{RIGHT}", "no_diff"),
    ("", "no_diff"),
    ("</diff>", "no_change"),
    ("-2 b = error:name\n+2 b = error:typo\n</diff>", "new_error"),
    ("-3 b = error:name\n+3 b = name\n</diff>", "content_mismatch"),
]

TOLERATED = [
    (f"<think>{'hm ' * 20_000}</think>\n\n<diff>\n{RIGHT}\n</diff>", ["thinking"]),
    (f"hm\n</think>\n{RIGHT}\n</diff>", ["thinking"]),
    (f"<diff> \n```diff\n{RIGHT}\n```\n</diff><|im_end|>", ["sentinel_blanks", "end_token", "fence"]),
    (f"\n{RIGHT}\n\n</diff>".replace("name\n+", "name\n\n+"), ["blank_lines"]),
    ("- 2 b = error:name\n+ 2 b = name\n</diff>", ["separator"]),
    ("-2: b = error:name\n+2: b = name\n</diff>", ["separator"]),
    ("-2 b = error:name \n+2 b = name\n</diff>", ["invisible"]),
    (f"{RIGHT}\n</diff>\n".replace("\n", "\r\n"), ["crlf"]),
]


@pytest.mark.parametrize(("answer", "tolerated"), TOLERATED)
def test_an_answer_in_another_form_is_stored_in_the_canonical_one(answer: str, tolerated: list[str]) -> None:
    batch = as_batch([synthesized(answer, 0)], SYNTHESIZED_DIFFS)
    [outcome] = BY_NAME["verified_diffs"].run([batch], FunctionServers(marked))
    [row] = outcome.to_pylist()
    assert (row["reason"], row["line_diff"], row["tolerated"]) == (None, RIGHT, tolerated), row["detail"]
    counts = Counter[str]()
    assert list(count_tolerated([outcome, outcome], counts)) == [outcome, outcome]
    assert counts == dict.fromkeys(tolerated, 2)
    assert verify(WORKSPACE, TARGET, extract(answer), FunctionServers(marked)).line_diff == RIGHT


@pytest.mark.parametrize(
    "text", ["-2: b = error:name\n+2: b = name", "- 2 b = error:name\n+ 2 b = name", f"\n{RIGHT}\n\n"]
)
def test_a_diff_in_another_form_is_verified_as_the_same(text: str) -> None:
    assert judged(text).line_diff == RIGHT


def test_rows_keep_their_order_and_none_is_lost() -> None:
    rows = [synthesized(answer, number) for number, (answer, _) in enumerate(ANSWERS)]
    batches = [as_batch(rows[:4], SYNTHESIZED_DIFFS), as_batch(rows[4:], SYNTHESIZED_DIFFS)]
    servers = FunctionServers(marked)
    outcomes = list(BY_NAME["verified_diffs"].run(batches, servers))
    assert [batch.num_rows for batch in outcomes] == [4, 3]
    assert all(batch.schema == outcome_schema(VERIFIED_DIFFS) for batch in outcomes)
    results = [row for batch in outcomes for row in batch.to_pylist()]
    assert [row["reason"] for row in results] == [reason for _, reason in ANSWERS]
    assert [row["diagnostic_id"] for row in results] == [row["diagnostic_id"] for row in rows]
    assert results[1]["line_diff"] == RIGHT
    assert results[1]["repaired"] == MAIN.replace("error:name", "name")
    assert [Diagnostic.from_row(row) for row in results[1]["after"]] == marked(
        {**WORKSPACE, "main.py": results[1]["repaired"]}
    )
    assert servers.rounds == [2, 1]  # the rows of a batch are asked about together


@pytest.fixture
def real(servers: LanguageServers) -> LanguageServers:
    return servers


REAL = [
    # (files, code of the target, diff, expected reason)
    (
        {"main.py": "import turtle\n\nscreen = turtle.screen\n"},
        "pyright[reportAttributeAccessIssue]",
        "-3 screen = turtle.screen\n+3 screen = turtle.Screen()",
        None,
    ),
    (
        {"main.py": "import turtle\r\n\r\nscreen = turtle.screen\r\n"},
        "pyright[reportAttributeAccessIssue]",
        "-3 screen = turtle.screen\n+3 screen = turtle.Screen()",
        None,
    ),
    (
        {"main.py": "import turtle\n\nscreen = turtle.screen\n"},
        "pyright[reportAttributeAccessIssue]",
        "-3 screen = turtle.screen\n+3 screen = (turtle.screen)",
        "diagnostic_remains",
    ),
    (
        {"main.py": "print(total)\n"},
        "ruff[F821]",
        "-1 print(total)\n+1 print(len(items))",
        "new_error",
    ),
    # a byte order mark is the file's, and no diff repeats it
    (
        {"main.py": "\ufeffprint(totl)\n"},
        "ruff[F821]",
        "-1 print(totl)\n+1 print(1)",
        None,
    ),
    # the repair of a syntax error
    ({"main.py": "def f(:\n    return 1\n"}, "pyright", "-1 def f(:\n+1 def f():", None),
    # ruff reports that List is unknown only when the file parses; pyright reported it before
    (
        {"main.py": "def f(x: List[int]):\n    return (x\n"},
        "pyright",
        "-2     return (x\n+2     return (x)",
        None,
    ),
    # ... but nobody reported Set
    (
        {"main.py": "def f(x: List[int]):\n    return (x\n"},
        "pyright",
        "-2     return (x\n+2     return (x, Set)",
        "new_error",
    ),
    # the method that is called is written, in the file of its class
    (
        {
            "main.py": "from cart import Cart\n\nprint(Cart().total())\n",
            "cart.py": "class Cart:\n    prices = [1, 2]\n",
        },
        "pyright[reportAttributeAccessIssue]",
        "#cart.py\n+3 \n+4     def total(self) -> int:\n+5         return sum(self.prices)",
        None,
    ),
    # ... and does nothing
    (
        {
            "main.py": "from cart import Cart\n\nprint(Cart().total())\n",
            "cart.py": "class Cart:\n    prices = [1, 2]\n",
        },
        "pyright[reportAttributeAccessIssue]",
        "#cart.py\n+3 \n+4     def total(self):\n+5         pass",
        "cheat",
    ),
    # renamed in one file, while the other one still uses it
    (
        {
            "main.py": "from cart import prices\n\nprint(price)\n",
            "cart.py": "prices = [1]\n",
        },
        "ruff[F821]",
        "-3 print(price)\n+3 print(prices)\n#cart.py\n-1 prices = [1]\n+1 price = [1]",
        "new_error",
    ),
    # the settings disable the rule
    (
        {"main.py": "import turtle\n\nturtle.screen\n", "pyrightconfig.json": "{}\n"},
        "pyright[reportAttributeAccessIssue]",
        '#pyrightconfig.json\n-1 {}\n+1 {"reportAttributeAccessIssue": false}',
        "cheat",
    ),
    # ... or another version of Python
    (
        {"main.py": "type A = int\n", "setup.py": 'setup(python_requires=">=3.11")\n'},
        "pyright",
        '#setup.py\n-1 setup(python_requires=">=3.11")\n+1 setup(python_requires=">=3.12")',
        "cheat",
    ),
    # the helper is imported by another file
    (
        {
            "main.py": "def helper(x: int) -> int:\n    return x + y\n",
            "user.py": "from main import helper\n\nprint(helper(1))\n",
        },
        "ruff[F821]",
        "-1 def helper(x: int) -> int:\n+1 def helper(x: int, y: int) -> int:",
        "new_error",
    ),
]


@pytest.mark.parametrize(("files", "code", "line_diff", "reason"), REAL)
def test_servers(
    real: LanguageServers, files: dict[str, str], code: str, line_diff: str, reason: str | None
) -> None:
    target = next(diagnostic for diagnostic in real.check_workspace(files) if diagnostic.code == code)
    verdict = verify(files, target, line_diff, real)
    assert verdict.reason == reason, verdict.evidence


def test_cheats_are_counted_by_kind_and_nothing_else_is():
    rejects = [
        Reject({"diagnostic_id": str(number)}, reason, detail)
        for number, (reason, detail) in enumerate(
            [("cheat", "deletion: 3 lines"), ("new_error", "deletion: no"), ("cheat", "suppression: main.py")]
        )
    ]
    outcomes = [outcome_batch(rejects, ADDS), outcome_batch(rejects[:1], ADDS)]
    counts = Counter[str]()
    assert list(count_cheats(outcomes, counts)) == outcomes
    assert counts == {"deletion": 2, "suppression": 1}


def test_an_error_that_no_step_foresaw_is_the_verdict_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(_self: Comparison, _diagnostic: Diagnostic) -> list[Diagnostic]:
        raise KeyError("range")

    with monkeypatch.context() as patched:
        patched.setattr(Comparison, "remaining", raising)
        verdict = judged(RIGHT)
    assert (verdict.accepted, verdict.reason, verdict.evidence) == (False, "unexpected", "KeyError: 'range'")
    assert judged(RIGHT).accepted
