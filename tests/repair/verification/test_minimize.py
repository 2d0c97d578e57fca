"""Delta debugging: ends within its checks, with a change that repairs, and minimal in whole hunks."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.scheduler import run_all
from repair.line_diff.numbered import apply, diff, hunks
from repair.pipeline import BY_NAME
from repair.schema.outcomes import join_outcomes
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.lm.teacher import LmTeacher
from repair.synthesis.teacher import synthesize
from repair.verification.minimize import MAX_CHECKS, MinimizedFix, minimize
from repair.verification.verifier import verify
from tests.model_server import ModelServer, written
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found, marked

PATH = "main.py"


class Needing(FunctionServers):
    """The error on `line` is gone when all `needed` lines are new; a `breaking` one alone adds an error.

    Every other line of the file was changed, so that each is a hunk of its own.
    """

    def __init__(self, size: int, line: int, needed: set[int], breaking: dict[int, int]):
        self.original = "\n".join(f"{number} old" for number in range(2 * size))
        self.repaired = "\n".join(f"{n} {'new' if n % 2 else 'old'}" for n in range(2 * size))
        self.target = found(PATH, 2 * line + 1, "broken")

        def check(files: Mapping[str, str]) -> list[Diagnostic]:
            rows = files[PATH].split("\n")
            new = {number // 2 for number, row in enumerate(rows) if row.endswith("new")}
            gone = needed <= new
            broken = [name for name, cure in breaking.items() if name in new and cure not in new]
            return [*([] if gone else [self.target]), *(found(PATH, 2 * b, f"lost {b}") for b in broken)]

        super().__init__(check)

    def minimized(self, max_checks: int = MAX_CHECKS) -> MinimizedFix:
        workspace = {PATH: self.original}
        before = self.check_workspace(workspace)
        fixed = verify(
            workspace, self.target, diff(self.original, self.repaired), self, before=before, anywhere=True
        )
        assert fixed.accepted, fixed.evidence
        self.checked = 0
        return run_all([minimize(workspace, self.target, fixed, before, max_checks)], self)[0]


SIZES = st.integers(1, 12)


@settings(deadline=None)
@given(SIZES, st.data())
def test_the_result_repairs_and_no_hunk_of_it_can_go(size: int, data: st.DataObject) -> None:
    line = data.draw(st.integers(0, size - 1))
    needed = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=3))
    breaking = data.draw(st.dictionaries(st.integers(0, size - 1), st.integers(0, size - 1), max_size=3))
    servers = Needing(size, line, needed, breaking)
    result = servers.minimized(max_checks=10_000)
    workspace = {PATH: servers.original}
    assert verify(workspace, servers.target, result.verdict.line_diff or "", servers).accepted
    assert apply(servers.original, result.verdict.line_diff or "") == result.verdict.repaired
    kept = hunks(servers.original, result.verdict.repaired or "")
    assert (len(kept), size) == (result.kept, result.hunks)
    whole = (result.verdict.repaired or "").split("\n")
    for hunk in kept:
        if len(kept) > 1:  # the empty change repairs nothing
            without = [*whole]
            without[hunk.start - 1] = hunk.removed[0]
            line_diff = diff(servers.original, "\n".join(without))
            assert not verify(workspace, servers.target, line_diff, servers).accepted


@settings(deadline=None)
@given(SIZES, st.integers(0, 30), st.data())
def test_no_more_checks_than_allowed(size: int, most: int, data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    servers = Needing(size, 0, needed, {})
    result = servers.minimized(max_checks=most)
    assert servers.checked <= most
    assert result.verdict.accepted and result.kept >= len(needed)


@pytest.mark.parametrize("line", [0, 5, 11])
def test_the_nearest_hunk_is_tried_first_and_alone(line: int) -> None:
    servers = Needing(12, line, {line}, {})
    result = servers.minimized()
    assert (result.kept, servers.checked) == (1, 1)


def test_a_fix_of_one_hunk_costs_no_check() -> None:
    servers = Needing(1, 0, {0}, {})
    assert (servers.minimized().kept, servers.checked) == (1, 0)


def test_a_far_hunk_among_many_is_found_within_the_checks() -> None:
    servers = Needing(64, 0, {50}, {})
    result = servers.minimized()
    assert result.kept == 1 and servers.checked <= MAX_CHECKS


def test_what_a_hunk_would_break_keeps_its_cure() -> None:
    servers = Needing(8, 3, {3}, {3: 6})
    assert servers.minimized().kept == 2


def test_an_import_far_above_stays_with_the_line_that_needs_it() -> None:
    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        rows = files[PATH].split("\n")
        unknown = [n for n, row in enumerate(rows) if "math." in row and "import math" not in rows]
        return [*marked(files), *(found(PATH, number, "math is unknown") for number in unknown)]

    original = "import os\n\na = 1\n\nb = error:root\n\nc = 3\n"
    repaired = "import os\nimport math\n\na = 10\n\nb = math.sqrt(2)\n\nc = 30\n"
    servers = FunctionServers(check)
    workspace = {PATH: original}
    target = found(PATH, 4, "found root", code="marker[root]")
    fixed = verify(workspace, target, diff(original, repaired), servers)
    result = run_all([minimize(workspace, target, fixed, check(workspace))], servers)[0]
    assert result.verdict.line_diff == "+2 import math\n-5 b = error:root\n+6 b = math.sqrt(2)"
    assert (result.kept, result.hunks) == (2, 4)


def test_a_models_diff_is_never_minimized(tmp_path: Path) -> None:
    """Half of a model's change may be half of a rename: it is judged and kept as it is."""
    files = {PATH: "a = 1\nb = error:root\nc = 3\nd = 4\n"}
    answer = "-2 b = error:root\n+2 b = root\n-4 d = 4\n+4 d = 40"
    target = found(PATH, 1, "found root", code="marker[root]")
    rows = as_batch([candidate(files, target, marked(files))], REPAIR_CANDIDATES)
    servers = FunctionServers(marked)
    with ModelServer(written(f"{answer}\n</diff>")) as server:
        model = LanguageModel(model="openai/scripted", base_url=server.base_url)
        with LmTeacher(model, TeacherProgram(), tmp_path / "answers.sqlite") as teacher:
            [proposed] = join_outcomes([rows], synthesize([rows], teacher), SYNTHESIZED_DIFFS)
    [verified] = BY_NAME["verified_diffs"].run([as_batch(proposed.to_pylist(), SYNTHESIZED_DIFFS)], servers)
    [result] = verified.to_pylist()
    assert (result["reason"], result["minimized"], result["line_diff"]) == (None, False, answer)
    assert servers.checked == 2  # the answer, and the part that its confidence asks about
    # ... though a part of it would do
    before = marked(files)
    whole = verify(files, target, answer, servers, before=before)
    assert run_all([minimize(files, target, whole, before)], servers)[0].kept == 1
