"""LeetCode benchmark: samples, each reject reason, functional tests, preludes, and the real files."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.evaluation.leetcode import (
    BugInstance,
    Checks,
    PublishedBenchmark,
    fingerprint,
    functional,
    leetcode_samples,
    read,
)
from repair.evaluation.leetcode.expansion import expanded
from repair.evaluation.leetcode.functional import program
from repair.evaluation.leetcode.loader import Problem
from repair.evaluation.leetcode.prelude import file_of, prelude
from repair.evaluation.leetcode.problem_tests import Case, ProblemTests, read_tests
from repair.language_servers import LanguageServers
from repair.line_diff import numbered as line_diff
from repair.prompt.rows import prompt_of
from repair.verification.verifier import verify
from tests.published_benchmarks import ADD, write_published

pytestmark = pytest.mark.usefixtures("contained")

CORRECT = """\
class Solution:
    def add(self, items: List[int], more: int) -> int:
        total = sum(items)
        return total + more
"""
BROKEN = CORRECT.replace("return total", "return totl")


def published(buggy: str, correct: str = CORRECT, slug: str = "add") -> PublishedBenchmark:
    return PublishedBenchmark((BugInstance(slug, "undefined objects", correct, "\n" + buggy),), {"add": ADD})


def built(published: PublishedBenchmark, servers: LanguageServers) -> list[dict[str, Any]]:
    return leetcode_samples(published, servers).to_pylist()


def test_a_bug_that_the_servers_see_and_the_tests_catch_is_a_sample(servers: LanguageServers):
    (row,) = built(published(BROKEN), servers)
    assert row["reason"] is None, row["detail"]
    assert (row["benchmark"], row["project_id"], row["path"]) == ("leetcode", "add", "main.py")
    assert row["code"] == row["diagnostic"]["code"] == "pyright[reportUndefinedVariable]"
    assert row["diagnostic"] in row["before"]
    (file,) = row["files"]
    assert file["text"] == "from typing import List\n\n\n" + BROKEN
    assert row["target"] == line_diff.apply(file["text"], line_diff.extract(row["reference"]))
    assert prompt_of(row).startswith("<code>\n#main.py\n1 from typing import List\n")
    assert functional(row, row["target"])
    assert not functional(row, file["text"])


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("no_tests", published(BROKEN, slug="no-such-problem")),
        # both servers take this for right: it is a bug of logic
        ("no_new_error", published(CORRECT.replace("+ more", "- more"))),
        # an unused variable is a warning, and what was there before is not new
        ("no_new_error", published(CORRECT.replace("total + more", "0"))),
        ("no_new_error", published(CORRECT.replace("total +", "totl - "), BROKEN)),
        ("oracle_fails", published(BROKEN, CORRECT.replace("+ more", "- more"))),
        # what is undefined here is never reached
        ("bug_passes", published(CORRECT + "\n    def never(self):\n        return undefined\n")),
    ],
)
def test_what_is_left_out_says_why(servers: LanguageServers, reason: str, case: PublishedBenchmark):
    (row,) = built(case, servers)
    assert (row["reason"], row["rows"]) == (reason, 1), row["detail"]
    assert row["project_id"] == case.instances[0].slug


PAGE = "Return any of them if several numbers do."
ADDED = Problem(
    "more", PAGE, ("Input: items = [1,2], more = 3\nOutput: 6\nExplanation: 1 + 2 + 3",), "", (CORRECT,)
)


def test_a_page_gives_tests_where_nothing_else_does(servers: LanguageServers):
    instance = BugInstance("more", "undefined objects", CORRECT, BROKEN)
    page = replace(
        ADDED, description="Add them.", constraints="1 <= items.length <= 5\n0 <= items[i], more <= 9"
    )
    (row,) = built(PublishedBenchmark((instance,), {}, {"more": page}), servers)
    assert row["reason"] is None, row["detail"]
    tests = ProblemTests.from_json(row["tests"])
    assert tests.cases[0] == Case([[1, 2], 3], 6)
    assert len(tests.cases) > 50, "of mutated inputs, with the answers of the correct version"
    assert all(case.expected == sum(case.inputs[0]) + case.inputs[1] for case in tests.cases)
    assert not functional(row, IMPORTS + CORRECT.replace("sum(items)", "sum(items[:2])"))
    (row,) = built(PublishedBenchmark((instance,), {}, {"more": ADDED}), servers)
    assert row["reason"] == "several_answers"


def test_inputs_on_which_correct_versions_differ_are_dropped():
    text = CORRECT.replace("total + more", "total + more if total < 9 else -1")
    page = replace(
        ADDED,
        description="",
        constraints="1 <= items.length <= 5\n0 <= items[i], more <= 9",
        correct=(CORRECT, text),
    )
    tests = read_tests(None, page)
    assert tests is not None
    cases = expanded(tests, None, page).cases
    assert len(cases) > 5
    assert all(sum(case.inputs[0]) < 9 for case in cases)
    # a line that nobody understands: two independent versions must agree, for a promise three
    for line, grows in (
        ("items is frobnicated.", True),
        ("It is guaranteed that items is frobnicated.", False),
    ):
        odd = replace(page, constraints=f"{page.constraints}\n{line}")
        assert (len(expanded(tests, None, odd).cases) > len(tests.cases)) is grows
        alone = replace(odd, correct=(CORRECT,))
        assert expanded(tests, None, alone) == tests


def test_an_instance_that_comes_again_is_counted_once(servers: LanguageServers):
    (instance,) = published(BROKEN).instances
    rows = built(PublishedBenchmark((instance, instance), {"add": ADD}), servers)
    assert [row["reason"] for row in rows] == [None, "repeated_instance"]


def test_the_first_new_error_by_position_is_the_diagnostic(servers: LanguageServers):
    (row,) = built(published(BROKEN.replace("sum(items)", "summ(items)")), servers)
    assert row["diagnostic"]["start_line"] == 5
    assert '"summ"' in row["diagnostic"]["message"]


def test_what_does_not_parse_comes_before_its_consequences(servers: LanguageServers):
    (row,) = built(published(CORRECT.replace("sum(items)", "sum(items")), servers)
    assert (row["code"], row["diagnostic"]["message"]) == ("pyright", '"(" was not closed')
    assert row["before"][0]["code"] == "pyright[reportReturnType]"  # further up


SAMPLE = {"tests": program(ADD)}
SPYING = """\
import os, sys
print(open(sys.argv[0]).read(), sys.stdin.read(), vars(sys.modules["__main__"]), flush=True)
os._exit(0)
"""
IMPORTS = "from typing import List\n"


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (IMPORTS + CORRECT, True),
        # LeetCode calls by position
        (IMPORTS + CORRECT.replace("items", "numbers").replace("more", "other"), True),
        (IMPORTS + BROKEN, False),
        (CORRECT, True),  # LeetCode imports for everybody
        (IMPORTS + CORRECT.replace("class Solution", "class Answer"), False),
        ("def f(:", False),
        ("", False),
        # leaving early has passed nothing
        ("import sys\nsys.exit(0)\n" + IMPORTS + CORRECT, False),
        ("import os\nos._exit(0)\n", False),
        # what it prints or does at the end counts nothing
        ("import atexit\natexit.register(print, 'bye')\n" + IMPORTS + CORRECT, True),
        ("import atexit, os\natexit.register(os._exit, 1)\n" + IMPORTS + CORRECT, True),
        ("import sys\nprint('a', end='')\nsys.stdout = None\n" + IMPORTS + CORRECT, True),
        # no expected value is in a file, in a module or on the standard input
        (SPYING, False),
        (IMPORTS + CORRECT.replace("total = sum", "raise SystemExit(0)\n        total = sum"), False),
        (IMPORTS + CORRECT.replace("total = sum(items)", "bytearray(1 << 40)"), False),
        (IMPORTS + CORRECT.replace("total = sum", "print('noise', 'x' * 999)\n        total = sum"), True),
        (IMPORTS + CORRECT.replace("total = sum", "print('x' * (1 << 24))\n        total = sum"), False),
    ],
)
def test_functional_correctness(text: str, passes: bool):
    assert functional(SAMPLE, text) is passes


def test_the_tests_build_the_solutions_own_nodes():
    tests = Checks(
        ADD.prelude, "def check(candidate):\n    assert candidate(TreeNode(7)) == 7\n", "Solution().value"
    )
    code = """\
class Solution:
    def value(self, root: Optional[TreeNode]) -> int:
        return root.val if isinstance(root, TreeNode) else -1
"""
    assert functional({"tests": program(tests)}, file_of(prelude(code), code))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("class Solution:\n    pass\n", ""),
        ("def f(x: List[int]) -> Optional[int]: ...", "from typing import List, Optional\n\n\n"),
        ("import math\nx = math.pi", ""),  # it has what it needs
        ("x = math.pi", "import math\n\n\n"),
        ("x = inf", "from math import inf\n\n\n"),
        ("x = pow(2, 3)", ""),  # a builtin first, though math and operator have one too
        ("x = bisect.bisect_left([], 1)", "import bisect\n\n\n"),  # the module
        ("x = bisect([], 1)", "from bisect import bisect\n\n\n"),  # the function
        ("def f():\n    def g():\n        return Counter()\n", "from collections import Counter\n\n\n"),
        ("def f(Counter):\n    return Counter()\n", ""),  # a parameter
        ("x = unheard_of", ""),
        ("def f(:", ""),  # does not parse
    ],
)
def test_a_prelude_has_what_the_solution_uses(code: str, expected: str):
    assert prelude(code) == expected


def test_nodes_are_defined_as_leetcode_does():
    above = prelude("def f(head: Optional[ListNode]): ...")
    assert above.startswith("from typing import Optional\n\n\nclass ListNode:\n")
    assert above.endswith("self.next = next\n\n\n")


INSTANCE = {"slug": "add", "oracle_code": CORRECT, "buggy_code": BROKEN}


def test_published_files_are_read_and_known_by_their_bytes(tmp_path: Path):
    write_published(tmp_path / "a", [INSTANCE])
    assert read(tmp_path / "a") == PublishedBenchmark(
        (BugInstance("add", "undefined objects", CORRECT, BROKEN),), {"add": ADD}
    )
    write_published(tmp_path / "b", [INSTANCE, INSTANCE])
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "a")


def test_an_absent_or_foreign_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"lacks .*python3_illegal comment\.json.*DebugBench"):
        read(tmp_path)
    write_published(tmp_path / "a", [{"slug": "add"}])
    with pytest.raises(ConfigurationError, match=r"undefined objects\.json is not what .*oracle_code"):
        read(tmp_path / "a")
    (tmp_path / "a" / "leetcodedataset" / "LeetCodeDataset-v0.2.0-train.jsonl.gz").write_bytes(b"no gzip")
    write_published(tmp_path / "b", [])
    (tmp_path / "b" / "leetcodedataset" / "LeetCodeDataset-v0.2.0-train.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(ConfigurationError, match=r"v0\.2\.0-train\.jsonl\.gz is not what .*entry_point"):
        read(tmp_path / "b")


@pytest.mark.slow
def test_the_real_files(shared_data: Path, servers: LanguageServers):
    """Every third instance. On all of DebugBench 80 % have a new error, tests decide 87 %, 71 % both."""
    real = read(shared_data)
    part = PublishedBenchmark(real.instances[::3], real.tests, real.problems)
    batch = leetcode_samples(part, servers)
    assert batch.schema.names[: len(BENCHMARK_SAMPLES)] == BENCHMARK_SAMPLES.names
    rows = batch.to_pylist()
    assert len(rows) == len(part.instances) > 50
    counts = Counter(row["reason"] for row in rows)
    assert set(counts) <= {None, "several_answers", "no_new_error", "oracle_fails", "bug_passes"}
    assert counts[None] >= len(rows) * 0.62
    assert counts["oracle_fails"] + counts["bug_passes"] <= len(rows) * 0.1
    samples = [row for row in rows if row["reason"] is None]
    assert len({row["sample_id"] for row in samples}) == len(samples)
    verified = 0
    for row in samples:
        text = row["files"][0]["text"]
        diff = line_diff.extract(row["reference"])
        assert line_diff.apply(text, diff) == row["target"]
        before = [Diagnostic.from_row(known) for known in row["before"]]
        diagnostic = Diagnostic.from_row(row["diagnostic"])
        verified += verify(
            {"main.py": text}, diagnostic, diff, servers, before=before, anywhere=True
        ).accepted
    assert verified >= 0.85 * len(samples)  # a true fix may bring a finding of its own to light
