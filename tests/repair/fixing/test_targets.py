"""What a model is asked about, and what is left to ruff, to style and to the other server."""

from dataclasses import replace

from repair.diagnostics.diagnostic import Diagnostic
from repair.fixing.targets import triage
from tests.repair.synthesis.support import found


def pyright(line: int, message: str, rule: str) -> Diagnostic:
    return found("main.py", line, message, code=f"pyright[{rule}]")


def test_each_diagnostic_has_one_place_in_the_order_of_the_lines() -> None:
    missing = found("main.py", 5, "Undefined name `total`")
    same = pyright(5, '"total" is not defined', "reportUndefinedVariable")
    unused = replace(found("main.py", 0, "`os` imported but unused", code="ruff[F401]"), has_code_action=True)
    also_unused = pyright(0, 'Import "os" is not accessed', "reportUnusedImport")
    style = found("main.py", 3, "Line too long", "warning", code="ruff[E501]")
    attribute = pyright(2, '"scren" is not a known attribute', "reportAttributeAccessIssue")
    hint = found("main.py", 1, "Code is unreachable", "hint", code="pyright[unreachable]")
    sorted_out = triage([style, missing, hint, attribute, same, also_unused, unused], "")
    assert sorted_out.code_actions == [also_unused, unused]
    assert sorted_out.style == [style]
    assert sorted_out.targets == [attribute, same]
    assert sorted_out.same_faults == {missing: same}
    left = sorted_out.without([same])
    assert (left.targets, left.same_faults, left.style) == ([attribute], {}, [style])


def test_nothing_is_to_be_done_without_diagnostics() -> None:
    assert triage([], "").targets == []


def test_what_the_program_catches_is_no_target() -> None:
    text = "try:\n    text = unicode\nexcept NameError:\n    text = str\nunicode\n"
    caught, open_ = (pyright(line, '"unicode" is not defined', "reportUndefinedVariable") for line in (1, 4))
    sorted_out = triage([caught, open_], text)
    assert (sorted_out.handled, sorted_out.targets) == ([caught], [open_])
