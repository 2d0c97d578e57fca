"""Other forms of a unified diff: read where the hunk's counts and the file prove them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.line_diff import unified
from repair.line_diff.errors import LineDiffError
from repair.line_diff.tolerant_unified import canonical

FILE = "import os\n\nif a:\n    b = c\n- d\ne\u200b = 1  \n"
RIGHT = "@@ -1,4 +1,4 @@\n import os\n \n-if a:\n+if b:\n     b = c"


@pytest.mark.parametrize(
    ("text", "expected", "tolerated"),
    [
        (RIGHT, RIGHT, ()),
        (f"diff --git a/main.py b/main.py\nindex 1f..2a 100644\n--- a/main.py\n+++ b/main.py\n{RIGHT}",
         f"--- a/main.py\n+++ b/main.py\n{RIGHT}", ("file_headers",)),
        (f"\n{RIGHT}\n\n", RIGHT, ("blank_lines",)),
        ("@@ -1,4 +1,4 @@\nimport os\n\n-if a:\n+if b:\n    b = c", RIGHT, ("context_space",)),
        ("@@ -1,4 +1,4 @@\n import os\n\n-if a:\n+if b:\n     b = c", RIGHT, ("context_space",)),
        ("@@ -3 +3 @@\n-if a:\n+if b:\n\n@@ -6 +6 @@\n-e = 1\n+e = 2",
         "@@ -3 +3 @@\n-if a:\n+if b:\n@@ -6 +6 @@\n-e\u200b = 1  \n+e = 2", ("blank_lines", "invisible")),
        (RIGHT.replace("1,4 +1,4", "1,7 +1,7"), RIGHT, ("recount",)),
        (RIGHT.replace("1,4 +1,4", "1,3 +1,4"), RIGHT, ("recount",)),
        (RIGHT.replace("1,4 +1,4", "1,4 +2,4"), RIGHT, ("recount",)),
        (f"diff --git a/a b/a\n--- a/a\n+++ b/a\n{RIGHT.replace(',4', ',1')}\n\n", RIGHT, ("recount",)),
        ("@@ -1,9 +1,9 @@ def f():\nimport os\n\n-if a:\n    b = c\n@@ -6,2 +6,2 @@\n-e = 1\n+e = 2",
         "@@ -1,4 +1,3 @@\n import os\n \n-if a:\n     b = c\n@@ -6,1 +5,1 @@\n-e\u200b = 1  \n+e = 2",
         ("recount", "context_space", "invisible")),
    ],
)  # fmt: skip
def test_the_same_diff(text: str, expected: str, tolerated: tuple[str, ...]) -> None:
    found = canonical(text.split("\n"), FILE)
    assert (found.line_diff, found.tolerated) == (expected, tolerated)
    unified.apply(FILE, found.line_diff)


@pytest.mark.parametrize(
    "text",
    [
        "@@ -1,4 +1,4 @@\nimport sys\n\n-if a:\n+if b:\n    b = c",  # not the file's line
        "@@ -4,2 +4,2 @@\n     b = c\n- d\n+x",  # is the file's line kept, or ` d` taken away?
        "@@ -1,4 +1,4 @@\n import os\n-if a:\n+if b:\n     b = c",  # a line short
        "diff --git a/a b/a\n@@ -3 +3 @@\n-if a:\n+if b:\ndiff --git a/b b/b\n@@ -1 +1 @@\n-x\n+y",
        "rename from a.py\nrename to b.py\n@@ -3 +3 @@\n-if a:\n+if b:",
        "-3 if a:\n+3 if b:",
        "@@ -3,5 +3,5 @@\n-if a\n+if b:",  # not the file's line, and the counts are wrong as well
        "@@ -2,5 +2,5 @@\n-if a:\n+if b:",  # the line before it
        "@@ -2,5 +2,5 @@\n \n+if b:",  # a blank line proves nothing
        "@@ -3,0 +3,5 @@\n+if b:",
        "@@ -0,5 +1,5 @@\n-if a:\n+if b:",
        "@@ -6,5 +6,5 @@\n e = 1\n \n+if b:\n x",  # beyond the last line
        "if b:\n@@ -3,5 +3,5 @@\n-if a:\n+if b:",
    ],
)
def test_another_diff_or_none_is_refused(text: str) -> None:
    with pytest.raises(LineDiffError):
        unified.apply(FILE, canonical(text.split("\n"), FILE).line_diff)


LINES = st.lists(st.sampled_from(["a", "b", "", " ", "-", "+", " a", "- d", "@@"]), max_size=7)


@given(LINES, LINES, st.booleans())
def test_stripped_context_means_the_same_or_is_refused(old: list[str], new: list[str], strip: bool) -> None:
    original, repaired = "\n".join(old), "\n".join(new)
    lines = unified.diff(original, repaired).split("\n") if original != repaired else []
    stripped = [line.removeprefix(" ") if strip else line for line in lines]
    try:
        result = unified.apply(original, canonical(stripped, original).line_diff)
    except LineDiffError:
        assert strip
    else:
        assert result == repaired


@given(LINES.filter(any), LINES, st.data())
def test_a_diff_with_other_counts_means_the_same_or_is_refused(
    old: list[str], new: list[str], data: st.DataObject
) -> None:
    original, repaired = "\n".join(old) + "\nend\n", "\n".join(new) + "\nend\n"
    count = st.integers(0, 9)

    def other(header: re.Match[str]) -> str:
        return f"@@ -{header[1]},{data.draw(count)} +{data.draw(count)},{data.draw(count)} @@"

    unified_diff = unified.diff(original, repaired)
    lines = re.sub(r"^@@ -(\d+).*", other, unified_diff, flags=re.MULTILINE).split("\n")
    read = canonical(lines, original)
    try:
        result = unified.apply(original, read.line_diff)
    except LineDiffError:
        assert "recount" not in read.tolerated
    else:
        assert result == repaired
