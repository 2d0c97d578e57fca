"""Blank lines and bare numbers: dropped and completed where there is one reading, else left to be refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.line_diff.numbered import MalformedDiffError, diff, parse
from repair.line_diff.tidy import tidied


@pytest.mark.parametrize(
    ("text", "expected", "names"),
    [
        ("-3 a\n+3 b", "-3 a\n+3 b", []),
        ("\n-3 a\n\n+3 b\n \n", "-3 a\n+3 b", ["blank_lines"]),
        ("-3 a\n+3 b\n\n-7 c\n+7 d", "-3 a\n+3 b\n-7 c\n+7 d", ["blank_lines"]),  # between hunks
        ("-3 a\n+3 b\n+4 c\n\n-7 c\n+8 d", "-3 a\n+3 b\n+4 c\n-7 c\n+8 d", ["blank_lines"]),
        ("+1 a\n\n+2 b", "+1 a\n+2 b", ["blank_lines"]),
        ("+1 a\n\n+9 b", "+1 a\n+9 b", ["blank_lines"]),
        ("+1 a\n\n#b.py\n\n+3 c\n", "+1 a\n#b.py\n+3 c", ["blank_lines"]),
        ("-2\n+2", "-2 \n+2 ", ["bare_number"]),
        ("", "", []),
        ("\n\n", "", ["blank_lines"]),
    ],
)
def test_one_reading(text: str, expected: str, names: list[str]) -> None:
    lines, tolerated = tidied(text.split("\n") if text else [])
    assert ("\n".join(lines), tolerated) == (expected, names)


@pytest.mark.parametrize(
    "text",
    [
        "+3 a\n\n+5 c",  # the blank line may be +4
        "-3 a\n\n-5 c\n+3 b",
        "+3 a\n\n\n+6 c",
        "+1 import os\n\n-5 x\n+7 y",  # only with a line +2 is line 5 the seventh
        "Sure:\n\n+1 b",
        "@@ -1,2 +1,2 @@\n a\n\n-b\n+c",  # a blank line of a unified diff is a line of the file
        "-3: a\n\n+3: b",
    ],
)
def test_what_has_two_readings_or_none_stays(text: str) -> None:
    assert "\n".join(tidied(text.split("\n"))[0]) == text
    with pytest.raises(MalformedDiffError):
        parse(text)


LINES = st.lists(st.sampled_from(["a", "", " ", "b"]), min_size=1, max_size=6)


@given(LINES, LINES)
def test_what_diff_writes_stays_and_loses_no_line_between_blank_ones(old: list[str], new: list[str]) -> None:
    change = diff("\n".join(old), "\n".join(new))
    signed = change.split("\n") if change else []
    assert tidied(signed) == (signed, [])
    # stripped of blanks at the end of lines, only texts that are blank lose something that can be put back
    stripped = [
        line if line[-1:] != " " or line.split(" ", 1)[1].strip() else line.rstrip() for line in signed
    ]
    if " " not in old + new:
        assert tidied(stripped)[0] == signed
