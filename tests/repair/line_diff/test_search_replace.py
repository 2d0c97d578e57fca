"""Search/replace blocks, against plain string replacement and the numbered diffs."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.line_diff import numbered, search_replace
from repair.line_diff.errors import (
    ContentMismatchError,
    LineDiffError,
    MalformedDiffError,
    WrongLineError,
)
from repair.line_diff.search_replace import DIVIDER, MARKERS, REPLACE, SEARCH
from repair.text.lines import lines_of

ORIGINAL = "a\nb\nc\nb\nd\n"
# markers, what escapes them, and what escapes that
HARD = [*MARKERS, '"======="', '"\\"=======\\""', '"a"', "", " ", "\u2028", "a", "b"]
lines = st.lists(st.sampled_from(HARD), max_size=9)


@settings(max_examples=400)
@given(lines, lines, st.sampled_from(["\n", "\r\n", "\r"]), st.tuples(*[st.sampled_from(["", "\ufeff"])] * 2))
def test_a_diff_makes_what_a_numbered_one_does(
    old: list[str], new: list[str], ending: str, marks: tuple[str, str]
) -> None:
    original, repaired = marks[0] + ending.join(old), marks[1] + ending.join(new)
    made = search_replace.apply(original, search_replace.diff(original, repaired))
    assert made == numbered.apply(original, numbered.diff(original, repaired))


@given(lines.filter(bool), lines)
def test_each_block_is_one_replacement_in_the_text(old: list[str], new: list[str]) -> None:
    """The oracle replaces slices of text: each search stands in the file once, between the ends of lines."""

    def whole(lines: list[str]) -> str:
        return "".join(f"{line}\n" for line in lines)

    text = made = f"\n{whole(old)}"
    blocks = search_replace.diff("\n".join(old), "\n".join(new))
    for search, replace in reversed(search_replace._parse(blocks)):
        piece = re.escape(f"\n{whole(search)}")
        assert len(re.findall(f"(?={piece})", text)) == 1, blocks
        start = text.index(f"\n{whole(search)}") + 1
        made = made[:start] + whole(replace) + made[start + len(whole(search)) :]
    assert made == f"\n{whole(new or [''])}" or (not new and made == "\n")


def block(search: str, replace: str = "x") -> str:
    return f"{SEARCH}\n{search}\n{DIVIDER}\n{replace}\n{REPLACE}"


def test_lines_around_a_change_tell_its_place_and_no_more() -> None:
    repaired = "a\nb\nc\nB\nd\n"
    assert search_replace.diff(ORIGINAL, repaired) == block("c\nb", "c\nB")
    assert search_replace.diff(ORIGINAL, "a\nb\nC\nb\nd\n") == block("c", "C")
    assert search_replace.diff(ORIGINAL, ORIGINAL) == ""
    # the lines of a hidden part are none of them
    assert search_replace.diff(ORIGINAL, repaired, {4, 5, 6}) == block("b\nd", "B\nd")
    with pytest.raises(WrongLineError):
        search_replace.apply(ORIGINAL, search_replace.diff(ORIGINAL, repaired, {4}))


def test_what_is_inserted_or_taken_away() -> None:
    assert search_replace.diff("a\nb\n", "a\nx\nb\n") == block("a", "a\nx")
    assert search_replace.diff("a\nb\n", "b\n") == f"{SEARCH}\na\n{DIVIDER}\n{REPLACE}"
    assert search_replace.apply("a\nb\n", f"{SEARCH}\na\n{DIVIDER}\n{REPLACE}") == "b\n"


def test_the_order_of_blocks_says_nothing() -> None:
    first, second = block("a", "A\nA"), block("d", "D")
    for blocks in (f"{first}\n{second}", f"{second}\n\n{first}\n"):
        assert search_replace.apply(ORIGINAL, blocks) == "A\nA\nb\nc\nb\nD\n"


AB, BC = "a\nb", "b\nc"
REFUSED: list[tuple[str, type[LineDiffError], str]] = [
    (block("z"), ContentMismatchError, "from 'z' on do not stand in the file"),
    (block("a\nc"), ContentMismatchError, "the 2 lines from 'a' on"),
    (block("a "), ContentMismatchError, "'a '"),
    (block("b"), WrongLineError, "from lines 2 and 4 on"),
    (
        f"{block('a' + chr(10) + 'b')}\n{block('b' + chr(10) + 'c')}",
        WrongLineError,
        "line 2 of the file is of two",
    ),
    (f"{block('a')}\n{block('a')}", WrongLineError, "line 1 of the file is of two"),
    (f"{SEARCH}\n{DIVIDER}\nx\n{REPLACE}", MalformedDiffError, "a search for nothing"),
    (f"{SEARCH}\na\n{DIVIDER}\nx", MalformedDiffError, f"the diff ends where {REPLACE!r} has to be"),
    (f"{SEARCH}\na", MalformedDiffError, f"the diff ends where {DIVIDER!r} has to be"),
    (
        f"{SEARCH}\na\n{REPLACE}",
        MalformedDiffError,
        f"line 3 of the diff is {REPLACE!r}: expected {DIVIDER!r}",
    ),
    (f"a\n{block('a')}", MalformedDiffError, f"line 1 of the diff is 'a': expected {SEARCH!r}"),
    ("-1 a\n+1 x", MalformedDiffError, "line 1 of the diff is '-1 a'"),  # another format
    (block("a", "x\ry"), MalformedDiffError, "line 4 of the diff holds a carriage return"),
]


@pytest.mark.parametrize(("blocks", "error", "said"), REFUSED)
def test_refused(blocks: str, error: type[LineDiffError], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)) as caught:
        search_replace.apply(ORIGINAL, blocks)
    assert type(caught.value) is error


def test_a_line_that_reads_as_a_marker_is_a_string() -> None:
    original = "Title\n=======\n"
    blocks = search_replace.diff(original, "Title\n-----\n")
    assert blocks == block('"======="', "-----")
    assert lines_of(search_replace.apply(original, blocks)) == ["Title", "-----", ""]
