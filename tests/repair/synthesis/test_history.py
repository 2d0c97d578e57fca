"""History teacher: the minimized later fix, and a test per reject reason."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, ServerTimeoutError
from repair.line_diff.numbered import extract
from repair.pipeline import BY_NAME
from repair.schema.outcomes import Reject
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS, VERIFIED_DIFFS
from repair.synthesis.history import MOST_TRIED, HistoryTeacher
from repair.synthesis.teacher import Proposal
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found, marked

ORIGINAL = "a = 1\nb = error:name\nc = 3\nd = 4\n"
FIXED = ORIGINAL.replace("error:name", "name")
TARGET = found("main.py", 1, "found name", code="marker[name]")
SHARED = {"helper.py": "x = error:elsewhere\n"}


def row(
    later: Iterable[tuple[str | None, bool]], original: str = ORIGINAL, number: int = 0
) -> dict[str, Any]:
    files = {"main.py": original, **SHARED}
    return candidate(files, TARGET, marked(files), number=number, later=later)


def outcome(later: Iterable[tuple[str | None, bool]], original: str = ORIGINAL) -> Proposal | Reject:
    [result] = HistoryTeacher(FunctionServers(marked)).propose([row(later, original)])
    return result


def test_the_first_state_that_repairs_is_taken() -> None:
    later = [(ORIGINAL + "e = 5\n", False), (FIXED + "e = 5\n", False), ("b = 2\n", False)]
    proposal = outcome(later)
    assert isinstance(proposal, Proposal)
    assert extract(proposal.answer) == "-2 b = error:name\n+2 b = name"
    assert proposal.minimized
    assert (proposal.input_tokens, proposal.output_tokens, proposal.cost_usd) == (0, 0, 0.0)


def test_a_fix_that_is_nothing_but_the_fix_is_not_called_minimized() -> None:
    proposal = outcome([(FIXED, False)])
    assert isinstance(proposal, Proposal) and not proposal.minimized


def test_a_state_with_a_new_error_is_passed_over() -> None:
    proposal = outcome([("a = 1\nb = error:typo\nc = 3\nd = 4\n", False), (FIXED, False)])
    assert isinstance(proposal, Proposal)
    assert extract(proposal.answer) == "-2 b = error:name\n+2 b = name"


REJECTED = [
    # the partition ends before anything was done
    ("no_later_fix", []),
    # the file was saved again as it was
    ("no_later_fix", [(ORIGINAL, False)]),
    ("no_later_fix", [(ORIGINAL + "e = 5\n", False)]),
    # another error instead
    ("no_later_fix", [(ORIGINAL.replace("error:name", "error:typo"), False)]),
    ("ghostwriter_fix", [(ORIGINAL + "e = 5\n", False), (FIXED, True)]),
    # AI's text without a fix is no fix either
    ("no_later_fix", [(ORIGINAL + "e = 5\n", True)]),
    ("file_absent_later", [(None, False)]),
    ("file_absent_later", [(ORIGINAL + "e = 5\n", False), (None, False)]),
    # 21 lines replaced by 21 others in one hunk with the repair
    ("fix_too_large", [("\n".join(f"new {number}" for number in range(24)), False)]),
]


@pytest.mark.parametrize(("reason", "later"), REJECTED)
def test_rejects(reason: str, later: list[tuple[str | None, bool]]) -> None:
    original = ORIGINAL + "".join(f"old {number}\n" for number in range(20))
    later = [(text and text.replace(ORIGINAL, original), ghost) for text, ghost in later]
    reject = outcome(later, original)
    assert isinstance(reject, Reject)
    assert reject.reason == reason, reject.detail
    assert reject.detail
    assert reject.row["diagnostic_id"] == f"{0:032x}"


def test_a_fix_of_lines_that_the_prompt_does_not_show_is_not_proposed() -> None:
    def check(files: Mapping[str, str]) -> list[Diagnostic]:
        return [] if "import name" in files["main.py"] else [TARGET]

    original = ORIGINAL + "".join(f"line {number}\n" for number in range(300))
    outcomes = [
        next(HistoryTeacher(FunctionServers(check)).propose([row([(later, False)], original)]))
        for later in (original + "import name\n", "import name\n" + original)
    ]
    assert isinstance(outcomes[0], Reject) and outcomes[0].reason == "outside_excerpt"
    assert outcomes[0].detail.startswith("+305: of the 305 lines")
    assert isinstance(outcomes[1], Proposal)


def test_a_large_change_is_taken_where_a_small_part_of_it_repairs() -> None:
    many = "".join(f"line {number}\n" for number in range(100))
    changed = many.replace("5\n", "five\n")
    proposal = outcome([(FIXED + changed, False)], ORIGINAL + many)
    assert isinstance(proposal, Proposal)
    assert extract(proposal.answer) == "-2 b = error:name\n+2 b = name"


def test_servers_that_fail_are_the_reason() -> None:
    def silent(files: Mapping[str, str]) -> list[Diagnostic]:
        raise ServerTimeoutError("silent for 30 s")

    [reject] = HistoryTeacher(FunctionServers(silent)).propose([row([(FIXED, False)])])
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == ("server_timeout", "silent for 30 s")


def test_a_file_that_is_edited_for_ever_is_given_up() -> None:
    servers = FunctionServers(marked)
    later = [(f"{ORIGINAL}e = {number}\n", False) for number in range(3 * MOST_TRIED)]
    [reject] = HistoryTeacher(servers).propose([row([*later, (FIXED, False)])])
    assert isinstance(reject, Reject) and reject.reason == "no_later_fix"
    assert servers.checked == MOST_TRIED


def test_one_outcome_per_row_in_order_and_rows_ask_together() -> None:
    rows = [
        row([(FIXED, False)] if number % 2 else [(ORIGINAL + "e\n", False)], number=number)
        for number in range(70)
    ]
    servers = FunctionServers(marked)
    outcomes = list(HistoryTeacher(servers).propose(iter(rows)))
    assert [isinstance(outcome, Proposal) for outcome in outcomes] == [bool(n % 2) for n in range(70)]
    assert [outcome.row["diagnostic_id"] for outcome in outcomes if isinstance(outcome, Reject)] == [
        candidate_row["diagnostic_id"] for candidate_row in rows[::2]
    ]
    assert sum(servers.rounds) == 70 and max(servers.rounds) == 32, "in two halves of 64 at once"


def test_what_history_proposes_is_verified_by_servers(servers: LanguageServers) -> None:
    original = "import math\n\n\ndef area(r):\n    return math.pie * r\n\n\nprint(area(2))\n"
    fixed = '"""Circles."""\n' + original.replace("pie", "pi").replace("area(2)", "area(3)")
    before = servers.check_workspace({"main.py": original})
    target = next(
        diagnostic for diagnostic in before if diagnostic.code == "pyright[reportAttributeAccessIssue]"
    )
    rows = [candidate({"main.py": original}, target, before, later=[(fixed, False)])]
    [synthesized] = BY_NAME["synthesized_diffs"].run([as_batch(rows, REPAIR_CANDIDATES)], servers)
    [batch] = BY_NAME["verified_diffs"].run([synthesized.select(SYNTHESIZED_DIFFS.names)], servers)
    [verified] = batch.to_pylist()
    assert verified["reason"] is None, verified["detail"]
    assert verified["line_diff"] == "-5     return math.pie * r\n+5     return math.pi * r"
    assert (verified["teacher"], verified["minimized"]) == ("history", True)
    assert set(VERIFIED_DIFFS.names) < set(batch.schema.names)


def test_an_honest_later_state_is_preferred_to_a_cheat() -> None:
    proposal = outcome([("a = 1\nc = 3\nd = 4\n", False), (FIXED, False)])
    assert isinstance(proposal, Proposal)
    assert extract(proposal.answer) == "-2 b = error:name\n+2 b = name"


def test_a_cheat_elsewhere_in_the_state_is_minimized_away() -> None:
    proposal = outcome([(FIXED.replace("d = 4", "d = 4  # noqa"), False)])
    assert isinstance(proposal, Proposal) and proposal.minimized
    assert extract(proposal.answer) == "-2 b = error:name\n+2 b = name"


def test_a_cheat_is_proposed_whole_for_verification_to_count_it() -> None:
    servers = FunctionServers(marked)
    rows = [row([("a = 1\nc = 3\nd = 4\n", False)])]
    [synthesized] = BY_NAME["synthesized_diffs"].run([as_batch(rows, REPAIR_CANDIDATES)], servers)
    [batch] = BY_NAME["verified_diffs"].run([synthesized.select(SYNTHESIZED_DIFFS.names)], servers)
    [rejected] = batch.to_pylist()
    assert rejected["reason"] == "cheat"
    assert rejected["detail"].startswith("deleted_code: ")


def test_where_every_part_is_a_cheat_or_no_repair_the_fix_stays_whole() -> None:
    """The line was moved: alone, one hunk only deletes it, and the other repairs nothing."""
    proposal = outcome([("a = 1\nc = 3\nd = 4\nb = name\n", False)])
    assert isinstance(proposal, Proposal) and not proposal.minimized
    assert extract(proposal.answer) == "-2 b = error:name\n+4 b = name"


def test_a_fix_that_took_another_file_is_none_of_this_one() -> None:
    """Later states are those of the diagnostic's file."""

    def importing(files: Mapping[str, str]) -> list[Diagnostic]:
        known = "b = 1" in files["helper.py"]
        return [] if known else [found("main.py", 1, "found name", code="marker[name]")]

    [result] = HistoryTeacher(FunctionServers(importing)).propose([row([(ORIGINAL + "\n", False)])])
    assert isinstance(result, Reject)
    assert result.reason == "no_later_fix"


def test_the_next_error_is_minimized_away() -> None:
    proposal = outcome([(FIXED.replace("d = 4", "d = error:typo"), False)])
    assert isinstance(proposal, Proposal) and proposal.minimized
    assert extract(proposal.answer) == "-2 b = error:name\n+2 b = name"


def test_a_repair_in_one_hunk_of_many_costs_one_check() -> None:
    servers = FunctionServers(marked)
    later = [("z = 0\n" + FIXED.replace("d = 4", "d = error:typo"), False)]
    [proposal] = HistoryTeacher(servers).propose([row(later)])
    assert isinstance(proposal, Proposal)
    assert servers.checked == 1


def test_what_was_tried_on_one_state_is_not_tried_on_the_next() -> None:
    servers = FunctionServers(marked)
    broken = ORIGINAL.replace("error:name", "error:typo")
    later = [(broken, False), ("z = 0\n" + broken, False)]
    [reject] = HistoryTeacher(servers).propose([row(later)])
    assert isinstance(reject, Reject) and reject.reason == "no_later_fix"
    # the changed line; then the whole of the next state and its other line
    assert servers.checked == 3
