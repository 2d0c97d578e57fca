"""Numbered line diffs, against an oracle that follows the rule one line at a time."""

import pickle
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.errors import InputError
from repair.line_diff import numbered as line_diff
from repair.line_diff.numbered import (
    ContentMismatchError,
    Hunk,
    LineDiff,
    LineDiffError,
    MalformedDiffError,
    NoDiffError,
    NotRisingError,
    WrongLineError,
)
from repair.text.lines import lines_of


def oracle(original: str, diff: str) -> list[tuple[str, int | None]] | None:
    """What the diff makes of the file: (line, its number in the original or None); None: it must be refused.

    Slow and to the letter: lines are found character by character, and every `+N` is put in by itself.
    """
    state: list[tuple[str, int | None]] = []
    current, number, at = "", 1, 0
    while at < len(original):
        if original[at] in "\r\n":
            state.append((current, number))
            current, number = "", number + 1
            at += 2 if original[at : at + 2] == "\r\n" else 1
        else:
            current += original[at]
            at += 1
    state.append((current, number))

    unix = diff.replace("\r\n", "\n")
    if unix.endswith("\n"):
        unix = unix[:-1]
    signed = []
    for line in unix.split("\n") if unix else []:
        digits, space, text = line[1:].partition(" ")
        if line[:1] not in ("+", "-") or not space or "\r" in line:
            return None
        if not digits or any(c not in "0123456789" for c in digits) or digits[0] == "0":
            return None
        signed.append((line[0], int(digits), text))
    for sign in "+-":
        numbers = [n for s, n, _ in signed if s == sign]
        if any(n >= m for n, m in pairwise(numbers)):
            return None
    by_number = {n: line for line, n in state}
    for sign, n, text in signed:
        if sign == "-":
            if by_number.get(n) != text:
                return None
            state.remove((text, n))
    for sign, n, text in signed:
        if sign == "+":
            if n > len(state) + 1:
                return None
            state.insert(n - 1, (text, None))
    return state


# What only looks as if it ended a line, what str methods take for space or a digit, what looks like a diff.
pieces = st.sampled_from(
    [
        "a",
        "b",
        "  ",
        "",
        "x = 1",
        "\t",
        "\f",
        "\v",
        "\x1c",
        "\x85",
        "\u2028",
        "\u2029",
        "\0",
        "é",
        "𝒳",
        "-1 a",
        "+1 ",
        "٣",
    ]
)
line_texts = st.lists(pieces, max_size=2).map("".join)
files = st.lists(line_texts, min_size=1, max_size=8)
endings = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def mixed_texts(draw: st.DrawFn) -> str:
    return "".join(draw(line_texts) + draw(endings) for _ in range(draw(st.integers(0, 6)))) + draw(
        line_texts
    )


@st.composite
def nearly_diffs(draw: st.DrawFn, original: str) -> str:
    """Diffs of which many apply: signed lines that mostly name lines of the file, in rising order."""
    old = lines_of(original)
    signed: list[tuple[int, str]] = []
    for _ in range(draw(st.integers(0, 5))):
        sign = draw(st.sampled_from("+-"))
        number = draw(st.integers(1, len(old) + 1))
        known = draw(st.integers(0, 9)) > 0 and number <= len(old)
        text = old[number - 1] if sign == "-" and known else draw(line_texts)
        signed.append((number, f"{sign}{number} {text}"))
    if draw(st.integers(0, 9)) > 0:
        signed.sort(key=lambda pair: pair[0])
    diff = draw(st.sampled_from(["\n", "\n", "\r\n"])).join(line for _, line in signed)
    if draw(st.integers(0, 4)) == 0 and diff:  # one character too few, or another one
        at = draw(st.integers(0, len(diff) - 1))
        diff = (
            diff[:at] + draw(st.sampled_from(["", "\n", "\r", " ", "0", "9", "+", "-", "٣"])) + diff[at + 1 :]
        )
    return diff + draw(st.sampled_from(["", "", "\n", "\r\n", "\n\n"]))


@settings(deadline=None)
@given(files, files, st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_diff_makes_the_repaired_text(old: list[str], new: list[str], ending: str) -> None:
    # A file of one line does not show its line ending: lines added after it end as in most files.
    if len(old) == 1:
        ending = "\n"
    original, repaired = ending.join(old), ending.join(new)
    assert line_diff.apply(original, line_diff.diff(original, repaired)) == repaired


@settings(deadline=None)
@given(mixed_texts(), mixed_texts())
def test_with_mixed_line_endings_the_lines_are_right(original: str, repaired: str) -> None:
    result = line_diff.apply(original, line_diff.diff(original, repaired))
    assert lines_of(result) == re.split(r"\r\n|\r|\n", repaired)


@settings(deadline=None)
@given(mixed_texts())
def test_nothing_changes_nothing(text: str) -> None:
    assert line_diff.diff(text, text) == ""
    assert line_diff.apply(text, "") == text


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_applies_what_the_oracle_applies_and_nothing_else(data: st.DataObject) -> None:
    original = data.draw(mixed_texts())
    diff = data.draw(nearly_diffs(original))
    expected = oracle(original, diff)
    if expected is None:
        with pytest.raises(LineDiffError):
            line_diff.apply(original, diff)
        return
    result = line_diff.apply(original, diff)
    if expected:
        assert lines_of(result) == [line for line, _ in expected]
    else:
        assert result == ""  # every line was removed
    change = line_diff.parse(diff)
    landed = {number: position for position, (_, number) in enumerate(expected, 1) if number}
    for number in range(1, len(lines_of(original)) + 1):
        assert change.map_line(number) == landed.get(number)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_terminators_between_lines_that_stay_neighbours_stay(data: st.DataObject) -> None:
    original = data.draw(mixed_texts())
    diff = data.draw(nearly_diffs(original))
    expected = oracle(original, diff)
    if not expected:
        return
    before = re.findall(r"\r\n|\r|\n", original)
    counts = {end: before.count(end) for end in before}
    most = [end for end in counts if counts[end] == max(counts.values())]
    new = most[0] if len(most) == 1 else "\n"
    ends: list[tuple[str, bool]] = []  # with whether it is new
    for (_, number), (_, following) in pairwise(expected):
        stays = number is not None and following == number + 1
        ends.append((before[number - 1], False) if stays else (new, True))
    for i, (line, _) in enumerate(expected[:-1]):
        if i and line == "" and ends[i - 1][0] == "\r" and ends[i][0] == "\n":
            changed = i - 1 if ends[i - 1][1] else i
            assert ends[changed][1]  # both stay: the file itself would have had one line ending there
            ends[changed] = ("\r\n", True)
    text = "".join(line + end for (line, _), (end, _) in zip(expected, [*ends, ("", False)], strict=True))
    assert line_diff.apply(original, diff) == text


@settings(deadline=None)
@given(st.one_of(st.text(), mixed_texts()), st.text(alphabet="+-0123456789 \n\rab\u2028٣<>/dif"))
def test_no_text_raises_anything_but_a_line_diff_error(original: str, noise: str) -> None:
    for attempt in (line_diff.parse, line_diff.extract, lambda text: line_diff.apply(original, text)):
        try:
            attempt(noise)
        except LineDiffError as error:
            assert isinstance(error, InputError)
            assert type(error).reason in {
                "no_diff",
                "malformed",
                "not_rising",
                "wrong_line",
                "content_mismatch",
            }


FILE = "import turtle\n\nscreen = turtle.screen\n"


@pytest.mark.parametrize(
    ("repaired", "expected"),
    [
        (
            "import turtle\n\nscreen = turtle.Screen()\n",
            "-3 screen = turtle.screen\n+3 screen = turtle.Screen()",
        ),
        # a blank line in: between two that stay, numbered as in the repaired file
        ("import turtle\n\n\nscreen = turtle.screen\n", "+3 "),
        ("import turtle\nscreen = turtle.screen\n", "-2 "),
        # the last newline is a line of its own
        ("import turtle\n\nscreen = turtle.screen", "-4 "),
        ("import turtle\n\nscreen = turtle.screen\n\n", "+5 "),
        # a file is never without a line
        ("", "-1 import turtle\n-2 \n-3 screen = turtle.screen"),
        # hunk by hunk, - before +, numbers of each sign in its own file
        (
            "import turtle as t\nimport math\n\nscreen = t.Screen()\n",
            "-1 import turtle\n+1 import turtle as t\n+2 import math\n"
            "-3 screen = turtle.screen\n+4 screen = t.Screen()",
        ),
    ],
)
def test_diff_as_it_is_written(repaired: str, expected: str) -> None:
    assert line_diff.diff(FILE, repaired) == expected
    assert line_diff.apply(FILE, expected) == repaired


@pytest.mark.parametrize(
    ("original", "diff", "expected"),
    [
        ("a\nb\nc", "+1 x\n-1 a\n-3 c", "x\nb"),  # any interleaving
        ("a\nb", "+1 x\n+2 y\n-2 b", "x\ny\na"),  # each + is inserted after the ones before it
        ("a", "+2 b\n+3 c", "a\nb\nc"),  # each + may make room for the next
        ("a\nb", "-1 a\n+1 a\n", "a\nb"),  # a line may be replaced by itself
        ("a\nb", "-1 a\r\n+1 c\r\n", "c\nb"),  # a diff may come with the other line ending
        ("", "+1 a", "a\n"),  # the empty file has one empty line
        ("", "-1 \n+1 a", "a"),
        ("a", "-1 a", ""),
        ("a\fb\u2028c\x85d\ne", "-2 e\n+2 f", "a\fb\u2028c\x85d\nf"),  # these end no line
        ("a\0b", "-1 a\0b\n+1 c", "c"),
        ("  a  ", "-1   a  \n+1  b ", " b "),  # all spaces but one are text
        ("a\r\nb\nc\r\nd", "-2 b", "a\r\nc\r\nd"),  # the commonest between new neighbours
        ("a\r\nb\nc", "+2 x", "a\nx\nb\nc"),  # a tie
        ("a\rb\r\nc\rd\ne", "+5 x", "a\rb\r\nc\rd\rx\re"),  # a lone carriage return is an ending too
        ("a\rb\r\nc\nd", "-2 b\n+2 x", "a\nx\nc\nd"),  # three ways to tie
        # a new newline after an empty line that follows a carriage return, and the other way round
        ("a\r\r\nb\nc\nd", "-3 b", "a\r\r\nc\nd"),
        ("a\rb\rc\rd\n\ne", "-4 d", "a\rb\rc\r\n\ne"),
    ],
)
def test_apply(original: str, diff: str, expected: str) -> None:
    assert line_diff.apply(original, diff) == expected


@pytest.mark.parametrize(
    ("diff", "error", "reason", "message"),
    [
        ("-3 screen", ContentMismatchError, "content_mismatch", "'screen = turtle.screen'"),
        ("-3 screen = turtle.screen ", ContentMismatchError, "content_mismatch", "-3"),
        ("-5 ", WrongLineError, "wrong_line", "has 4 lines"),
        ("+6 x", WrongLineError, "wrong_line", "only 4 lines"),
        ("-2 \n+5 x", WrongLineError, "wrong_line", "only 3 lines"),  # as many as are left by then
        ("+1 x\n+7 y", WrongLineError, "wrong_line", "only 5 lines"),
        ("-" + "9" * 5000 + " x", WrongLineError, "wrong_line", "5000 digits"),  # more than int() reads
        ("+2 x\n+2 y", NotRisingError, "not_rising", "+2 comes after +2"),
        ("-3 screen = turtle.screen\n-1 import turtle", NotRisingError, "not_rising", "-1 comes after -3"),
        ("-0 x", MalformedDiffError, "malformed", "line 1"),  # lines are counted from 1
        ("-01 import turtle", MalformedDiffError, "malformed", "line 1"),
        ("-2", MalformedDiffError, "malformed", "line 1"),  # the space is there for an empty text too
        ("-2\tx", MalformedDiffError, "malformed", "line 1"),
        ("- 2 x", MalformedDiffError, "malformed", "line 1"),
        (" -2 ", MalformedDiffError, "malformed", "line 1"),
        ("2 x", MalformedDiffError, "malformed", "line 1"),
        ("−2 ", MalformedDiffError, "malformed", "line 1"),  # U+2212, a typographer's minus
        ("+٣ x", MalformedDiffError, "malformed", "line 1"),  # a digit to int(), not here
        ("+1 x\n\n+2 y", MalformedDiffError, "malformed", "line 2"),
        ("+1 x\n\n", MalformedDiffError, "malformed", "line 2"),  # one newline may end a diff, not two
        ("+1 x\ry", MalformedDiffError, "malformed", "line 1"),  # no line can hold a carriage return
        ("Here is the fix:\n+1 x", MalformedDiffError, "malformed", "Here is the fix"),
        ("```\n+1 x\n```", MalformedDiffError, "malformed", "line 1"),
        ("@@ -1 +1 @@\n+x", MalformedDiffError, "malformed", "line 1"),
    ],
)
def test_refused(diff: str, error: type[LineDiffError], reason: str, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        line_diff.apply(FILE, diff)
    assert type(caught.value) is error
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 400  # a model's line of a megabyte does not end up in a log
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (error, str(caught.value))


def test_a_long_line_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ContentMismatchError) as caught:
        line_diff.apply("a" * 10**6, "-1 " + "b" * 10**6)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<diff>\n-1 a\n+1 b\n</diff>", "-1 a\n+1 b"),
        ("<diff>\n-1 a\n+1 b\n</diff>\n", "-1 a\n+1 b"),
        ("-1 a\n+1 b\n</diff>", "-1 a\n+1 b"),  # the opening line was in the prompt
        ("\n-1 a\n+1 b\n</diff>", "-1 a\n+1 b"),  # only the opening sentinel was, without its newline
        ("The fix:\n<diff>\n+1 b\n</diff>\nDone.", "+1 b"),
        ("<diff>\n+1 a\n</diff>\nNo, better:\n<diff>\n+1 b\n</diff>", "+1 b"),  # the last one
        ("<diff>\n+1 a\n</diff>\nOr:\n<diff>\n+1 b", "+1 a"),  # the last complete one
        ("<diff>\n+1 a\n<diff>\n+1 b\n</diff>", "+1 b"),  # begun again
        ("+1 a\n</diff>\n<diff>\n+1 b\n</diff>", "+1 b"),
        ("<diff>\n+1 a\n</diff>\n</diff>", "+1 a"),  # a closing one that closes nothing
        ("<diff>\n+1 # </diff>\n+2 <diff>\n</diff>", "+1 # </diff>\n+2 <diff>"),  # not whole lines
        ("<diff>\r\n-1 a\r\n+1 b\r\n</diff>\r\n", "-1 a\n+1 b"),
        ("<diff>\n</diff>", ""),  # no change; that it repairs nothing is for others to say
        ("</diff>", ""),
        ("\n</diff>", ""),
        ("<diff>\n+1 \n</diff>", "+1 "),  # an empty text keeps its space
        ("Sure:\n+1 b\n</diff>", "Sure:\n+1 b"),  # the prompt may have opened it: `parse` says what is wrong
    ],
)
def test_extract(answer: str, expected: str) -> None:
    assert line_diff.extract(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I can't repair this.",
        "-1 a\n+1 b",  # cut off before its end
        "<diff>\n-1 a\n+1 b",
        "<diff>\n+1 b</diff>",  # not a line of its own
        "<DIFF>\n+1 b\n</DIFF>",
    ],
)
def test_extract_finds_none(answer: str) -> None:
    with pytest.raises(NoDiffError, match="no complete <diff>") as caught:
        line_diff.extract(answer)
    assert caught.value.reason == "no_diff"


@settings(deadline=None)
@given(files, files)
def test_what_diff_writes_is_extracted_as_it_is(old: list[str], new: list[str]) -> None:
    diff = line_diff.diff("\n".join(old), "\n".join(new))
    block = f"<diff>\n{diff}\n</diff>" if diff else "<diff>\n</diff>"
    assert line_diff.extract(f"Well.\n{block}\n") == diff


def test_parse_keeps_the_numbers_apart() -> None:
    assert line_diff.parse("+1 x\n-2 \n+4  y") == LineDiff(removed=((2, ""),), added=((1, "x"), (4, " y")))


def test_map_line() -> None:
    change = line_diff.parse("-2 b\n+1 x\n+4 y\n+5 z")  # a b c d -> x a c y z d
    assert [change.map_line(number) for number in (1, 2, 3, 4)] == [2, None, 3, 6]
    assert change.map_line(10) == 12  # the diff does not know where the file ends
    with pytest.raises(ValueError, match="counted from 1"):
        change.map_line(0)


def test_hunks() -> None:
    original, repaired = "a\nb\nc\nd\ne", "x\na\nb\nC\nCC\nd"
    assert line_diff.hunks(original, repaired) == [
        Hunk(start=1, new_start=1, removed=(), added=("x",)),
        Hunk(start=3, new_start=4, removed=("c",), added=("C", "CC")),
        Hunk(start=5, new_start=7, removed=("e",), added=()),
    ]
    assert line_diff.apply_hunks(original, repaired, {1}) == "a\nb\nC\nCC\nd\ne"
    assert line_diff.apply_hunks(original, repaired, [2, 0]) == "x\na\nb\nc\nd"
    with pytest.raises(ValueError, match="hunk 3 does not exist: there are 3"):
        line_diff.apply_hunks(original, repaired, {0, 3})


@settings(deadline=None)
@given(files, files, st.sets(st.integers(0, 8)))
def test_a_subset_of_hunks(old: list[str], new: list[str], chosen: set[int]) -> None:
    original, repaired = "\n".join(old), "\n".join(new)
    found = line_diff.hunks(original, repaired)
    keep = {index for index in chosen if index < len(found)}
    expected = list(old)
    for index in sorted(keep, reverse=True):  # from the end: what lies before a hunk keeps its numbers
        hunk = found[index]
        expected[hunk.start - 1 : hunk.start - 1 + len(hunk.removed)] = hunk.added
    assert line_diff.apply_hunks(original, repaired, keep) == "\n".join(expected)
    assert line_diff.apply_hunks(original, repaired, set()) == original
    assert line_diff.apply_hunks(original, repaired, range(len(found))) == repaired


MARK = "\ufeff"
marks = st.sampled_from(["", MARK, MARK * 2])
marked_lines = st.lists(st.sampled_from(["a", "b", "", MARK, MARK + "a", "a" + MARK]), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(marks, marked_lines, marks, marked_lines, st.sampled_from(["\n", "\r\n"]))
def test_no_byte_order_mark_is_lost_or_made(
    mark: str, old: list[str], new_mark: str, new: list[str], ending: str
) -> None:
    if len(old) == 1:
        ending = "\n"
    original, repaired = mark + ending.join(old), new_mark + ending.join(new)
    change = line_diff.diff(original, repaired)
    assert line_diff.apply(original, change) == repaired
    if (mark, new_mark) == (MARK, MARK) and MARK not in "".join(old + new):
        assert MARK not in change
    kept = range(len(line_diff.hunks(original, repaired)))
    assert line_diff.apply_hunks(original, repaired, kept) == repaired


@pytest.mark.parametrize(
    ("original", "repaired", "expected"),
    [
        (f"{MARK}import oss\n", f"{MARK}import os\n", "-1 import oss\n+1 import os"),
        (f"{MARK}\n", f"{MARK}import os\n", "-1 \n+1 import os"),
        (f"{MARK}a\nb", f"{MARK}b", "-1 a"),
        (f"{MARK}b", f"{MARK}a\nb", "+1 a"),
        # where one has none, it is part of the line
        (f"{MARK}a\nb", "a\nb", f"-1 {MARK}a\n+1 a"),
        ("a\nb", f"{MARK}a\nb", f"-1 a\n+1 {MARK}a"),
        (f"{MARK}a\nb", f"x\n{MARK}a\nb", f"-1 {MARK}a\n+1 x\n+2 {MARK}a"),
        (f"a{MARK}", "a", f"-1 a{MARK}\n+1 a"),  # elsewhere it is a character like others
    ],
)
def test_a_byte_order_mark_is_the_files(original: str, repaired: str, expected: str) -> None:
    assert line_diff.diff(original, repaired) == expected
    assert line_diff.apply(original, expected) == repaired


def test_a_diff_that_repeats_the_mark_applies_as_well() -> None:
    assert line_diff.apply(f"{MARK}oss", f"-1 {MARK}oss\n+1 {MARK}os") == f"{MARK}os"
    with pytest.raises(ContentMismatchError):
        line_diff.apply("oss", f"-1 {MARK}oss\n+1 os")
