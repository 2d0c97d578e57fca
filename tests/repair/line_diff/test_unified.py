"""Unified diffs, against git's own `apply` and against an oracle that replaces slices."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.line_diff import unified as unified_diff
from repair.line_diff.numbered import (
    ContentMismatchError,
    LineDiffError,
    MalformedDiffError,
    NotRisingError,
    WrongLineError,
)

NO_NEWLINE = "\\ No newline at end of file"
ORIGINAL = "a\nb\nc\nd\ne\nf\ng\nh"

line_texts = st.lists(
    st.sampled_from(["a", "b", " ", "-", "+", "\\", "@@", "\f", "\u2028", "\x85", "\0", "𝒳", NO_NEWLINE]),
    max_size=2,
).map("".join)
files = st.lists(line_texts, max_size=12)


def text_of(lines: list[str], ending: str, ended: bool) -> str:
    return ending.join(lines) + (ending if ended and lines else "")


@settings(deadline=None)
@given(
    old=files,
    new=files,
    ended=st.tuples(st.booleans(), st.booleans()),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    context=st.integers(0, 4),
)
def test_a_diff_makes_the_repaired_text(
    *, old: list[str], new: list[str], ended: tuple[bool, bool], ending: str, context: int
) -> None:
    original, repaired = text_of(old, ending, ended[0]), text_of(new, ending, ended[1])
    if ending not in original:  # it does not show its line ending: what is put in ends as most files do
        repaired = repaired.replace(ending, "\n")
    diff = unified_diff.diff(original, repaired, context=context)
    assert unified_diff.apply(original, diff) == repaired
    assert (
        unified_diff.apply(original, f"--- a/main.py\n+++ b/main.py\n{diff}\n" if diff else diff) == repaired
    )


def test_git_reads_it_alike(tmp_path: Path) -> None:
    """The same diffs, applied by the program that the format is known from."""
    cases = [
        (ORIGINAL, "a\nb\nC\nd\ne\nf\ng\nh"),
        (ORIGINAL, ORIGINAL + "\n"),
        (ORIGINAL + "\n", ORIGINAL),
        (ORIGINAL, "x\n" + ORIGINAL + "\ny\n"),
        (ORIGINAL, "c\nd"),
        ("\n\n\n", "\n\n"),
        ("one", "two"),
        (NO_NEWLINE, f"-{NO_NEWLINE}\n"),
        (
            "".join(f"{n}\n" for n in range(60)),
            "".join(f"{n}\n" for n in range(60) if n not in {3, 20, 21, 50}),
        ),
    ]
    for original, repaired in cases:
        (tmp_path / "main.py").write_bytes(original.encode())
        diff = f"--- a/main.py\n+++ b/main.py\n{unified_diff.diff(original, repaired)}\n"
        subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tmp_path, check=True, timeout=30)
        assert (tmp_path / "main.py").read_bytes().decode() == repaired
        assert unified_diff.apply(original, diff) == repaired


def oracle(original: str, diff: str) -> str | None:
    """Cuts the diff into hunks by their counts and replaces slices from the end; LF only, None: refused."""
    tokens = re.findall(r"[^\n]*\n|[^\n]+", original)
    body = re.findall(r"[^\n]*\n|[^\n]+", diff if diff.endswith("\n") else diff + "\n")
    hunks = []
    while body:
        header = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(?: [^\n]*)?\n", body.pop(0))
        if not header:
            return None
        a, b, c, d = (int(1 if group is None else group) for group in header.groups())
        sides: dict[str, list[str]] = {"-": [], "+": []}
        while (len(sides["-"]), len(sides["+"])) != (b, d):
            if not body or body[0][0] not in " -+":
                return None
            line = body.pop(0)
            if body and body[0] == NO_NEWLINE + "\n":
                body.pop(0)
                line = line[:-1]
            for sign in "-+":
                if line[0] in (" ", sign):
                    sides[sign].append(line[1:])
            if len(sides["-"]) > b or len(sides["+"]) > d:
                return None
        if b == d == 0 or (b and a < 1) or (d and c < 1):
            return None
        hunks.append((a - 1 if b else a, c - 1 if d else c, sides["-"], sides["+"]))
    end = shift = 0
    for start, new_start, old, new in hunks:
        if (
            start < end
            or start > len(tokens)
            or tokens[start : start + len(old)] != old
            or new_start != start + shift
        ):
            return None
        end, shift = start + len(old), shift + len(new) - len(old)
    for start, _, old, new in reversed(hunks):
        tokens[start : start + len(old)] = new
    if any(not token.endswith("\n") for token in tokens[:-1]):
        return None
    return "".join(tokens)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_applies_what_the_oracle_applies_and_nothing_else(data: st.DataObject) -> None:
    simple = st.lists(st.sampled_from(["a", "b", "", "c"]), max_size=8)
    original, repaired = (text_of(data.draw(simple), "\n", data.draw(st.booleans())) for _ in "ab")
    diff = unified_diff.diff(original, repaired, context=data.draw(st.integers(0, 1)))
    if diff and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(diff) - 1))
        diff = (
            diff[:at]
            + data.draw(st.sampled_from(["", "\n", " ", "0", "1", "3", "+", "-", "a"]))
            + diff[at + 1 :]
        )
    if data.draw(st.booleans()):  # the file has moved on since
        original = text_of(data.draw(simple), "\n", data.draw(st.booleans()))
    expected = oracle(original, diff) if diff.strip("\n") else original
    if expected is None:
        with pytest.raises(LineDiffError):
            unified_diff.apply(original, diff)
    else:
        assert unified_diff.apply(original, diff) == expected


@settings(deadline=None)
@given(st.text(), st.text(alphabet="+-@ 0123,\n\rab\\"))
def test_no_text_raises_anything_but_a_line_diff_error(original: str, noise: str) -> None:
    for attempt in (noise, f"@@ -1 +1 @@\n{noise}"):
        try:
            unified_diff.apply(original, attempt)
        except LineDiffError as error:
            assert type(error).reason in {"malformed", "not_rising", "wrong_line", "content_mismatch"}


def test_as_it_is_written() -> None:
    assert unified_diff.diff("a\nb\nc\nd\ne\n", "a\nb\nc\nd\nE", context=1) == (
        f"@@ -4,2 +4,2 @@\n d\n-e\n+E\n{NO_NEWLINE}"
    )
    assert unified_diff.diff(ORIGINAL, ORIGINAL) == ""


@pytest.mark.parametrize(
    ("original", "diff", "expected"),
    [
        ("a\nb\n", "", "a\nb\n"),
        ("a\nb\n", "@@ -1,2 +1,2 @@ def f():\n a\n-b\n+c", "a\nc\n"),  # git writes the function's head there
        ("a\nb\n", "@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+c\r\n", "a\nc\n"),
        ("", "@@ -0,0 +1 @@\n+a", "a\n"),
        ("a\n", "@@ -1 +0,0 @@\n-a", ""),
        ("a\r\nb\nc\r\n", "@@ -2 +2 @@\n-b\n+x", "a\r\nx\r\nc\r\n"),  # what is put in ends as most lines do
        ("a\r\nb\n", "@@ -2 +2 @@\n-b\n+x", "a\r\nx\n"),  # a tie
        ("a\rb\n\n", "@@ -2 +1,0 @@\n-b", "a\r\r\n"),  # the empty line stays a line
    ],
)
def test_apply(original: str, diff: str, expected: str) -> None:
    assert unified_diff.apply(original, diff) == expected


@pytest.mark.parametrize(
    ("diff", "error", "message"),
    [
        ("@@ -3 +3 @@\n-x\n+y", ContentMismatchError, "line 3 of the file is 'c', not 'x'"),
        ("@@ -2,2 +2,2 @@\n x\n-c\n+y", ContentMismatchError, "line 2 of the file is 'b', not 'x'"),
        ("@@ -8 +8 @@\n-h\n+y", ContentMismatchError, "'h' without a newline, not 'h'"),
        (f"@@ -1 +1 @@\n-a\n{NO_NEWLINE}\n+y", ContentMismatchError, "not 'a' without a newline"),
        ("@@ -8,0 +9 @@\n+i", ContentMismatchError, "follow one that has no newline"),
        (f"@@ -1 +1 @@\n-a\n+y\n{NO_NEWLINE}", ContentMismatchError, "follow one that has no newline"),
        # the lines match and the line number is wrong: patch applies it, with an offset
        ("@@ -4 +4 @@\n-c\n+y", ContentMismatchError, "line 4"),
        ("@@ -3 +4 @@\n-c\n+y", WrongLineError, "line 3 of the repaired file"),
        ("@@ -9 +9 @@\n-i\n+y", WrongLineError, "8 lines"),
        ("@@ -8,2 +8,2 @@\n h\n-i\n+y", WrongLineError, "8 lines"),
        ("@@ -99,0 +100 @@\n+i", WrongLineError, "8 lines"),
        ("@@ -3 +3 @@\n-c\n+y\n@@ -1 +1 @@\n-a\n+z", NotRisingError, "above it"),
        ("@@ -3,2 +3 @@\n-c\n-d\n+y\n@@ -4 +3 @@\n-d\n+z", NotRisingError, "above it"),
        ("@@ -3,2 +3 @@\n-c\n+y", MalformedDiffError, "the diff ends before"),
        ("@@ -3,2 +3,1 @@\n-c\n+y\n+z", MalformedDiffError, "more lines than its header"),
        ("@@ -3 +3 @@\n-c\n+y\n+z", MalformedDiffError, "expected a hunk's header"),
        ("@@ -2,3 +2,3 @@\n b\nc\n-d\n+y", MalformedDiffError, "expected a space, - or +"),
        ("@@ -0 +1 @@\n-a\n+b", MalformedDiffError, "counted from 1"),
        ("@@ -1,0 +1,0 @@", MalformedDiffError, "has no line"),
        ("@@ -1 +1 @@x\n-a\n+b", MalformedDiffError, "expected a hunk's header"),
        ("@@ -٣ +3 @@\n-c\n+y", MalformedDiffError, "expected a hunk's header"),  # digits to int()
        ("@@ @@\n-c\n+y", MalformedDiffError, "expected a hunk's header"),  # models leave numbers out
        ("-c\n+y", MalformedDiffError, "expected a hunk's header"),
        ("--- a/x\n+++ b/x", MalformedDiffError, "no hunk"),
        ("@@ -3 +3 @@\n-c\n+y\rz", MalformedDiffError, "carriage return"),
        ("-3 c\n+3 y", MalformedDiffError, "expected a hunk's header"),  # the other format
    ],
)
def test_refused(diff: str, error: type[LineDiffError], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        unified_diff.apply(ORIGINAL, diff)
    assert type(caught.value) is error


MARK = "\ufeff"


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.sampled_from(["", MARK, MARK * 2]), st.sampled_from(["", MARK, MARK * 2])),
    st.lists(st.sampled_from(["a", "b", "", MARK, MARK + "a"]), max_size=5),
    st.lists(st.sampled_from(["a", "b", "", MARK, MARK + "a"]), max_size=5),
    st.integers(0, 3),
)
def test_no_byte_order_mark_is_lost_or_made(
    marks: tuple[str, str], old: list[str], new: list[str], context: int
) -> None:
    original, repaired = marks[0] + "\n".join(old), marks[1] + "\n".join(new)
    change = unified_diff.diff(original, repaired, context=context)
    assert unified_diff.apply(original, change) == repaired
    if marks == (MARK, MARK) and MARK not in "".join(old + new):
        assert MARK not in change


def test_a_byte_order_mark_is_the_files() -> None:
    change = "@@ -1 +1 @@\n-import oss\n+import os"
    assert unified_diff.diff(f"{MARK}import oss\n", f"{MARK}import os\n") == change
    assert unified_diff.apply(f"{MARK}import oss\n", change) == f"{MARK}import os\n"
