"""Other forms of a numbered diff: read where the file proves them, else left to the strict parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError, apply, diff
from repair.line_diff.tolerant import canonical, visible

FILE = "import os\n\nif a:\n    b\u200b = c  \nd\u00a0= 1\n"
FILES = {"main.py": FILE, "helper.py": "x = y\n"}
RIGHT = "-3 if a:\n+3 if b:"


def read(line_diff: str) -> tuple[str, tuple[str, ...]]:
    found = canonical(line_diff, FILES, "main.py")
    return found.line_diff, found.tolerated


@pytest.mark.parametrize(
    ("text", "expected", "tolerated"),
    [
        (RIGHT, RIGHT, ()),
        ("-3: if a:\n+3: if b:", RIGHT, ("separator",)),
        ("-3:if a:\n+3:if b:", RIGHT, ("separator",)),
        ("- 3 if a:\n+ 3 if b:", RIGHT, ("separator",)),
        ("- 3: if a:\n+ 3: if b:", RIGHT, ("separator",)),
        ("-3\tif a:\n+3\tif b:", RIGHT, ("separator",)),
        ("-3| if a:\n+3| if b:", RIGHT, ("separator",)),
        ("- 3 if a:\n\n+ 3 if b:", RIGHT, ("separator", "blank_lines")),
        ("- 2\n- 3 if a:", "-2 \n-3 if a:", ("separator",)),
        ("-3: if a:\n#helper.py\n-1: x = y\n+1: x", "-3 if a:\n#helper.py\n-1 x = y\n+1 x", ("separator",)),
        # invisible characters and trailing blanks of what is taken away
        ("-4     b = c\n+4     b = d", "-4     b\u200b = c  \n+4     b = d", ("invisible",)),
        ("-5 d = 1\n+5 d = 2", "-5 d\u00a0= 1\n+5 d = 2", ("invisible",)),
        ("-3 if a: \n+3 if b:", RIGHT, ("invisible",)),
        ("-3 if\u00ad a:\n+3 if b:", RIGHT, ("invisible",)),
        # what is put in is taken to the character
        ("-3 if a:\n+3 if\u00a0b: ", "-3 if a:\n+3 if\u00a0b: ", ()),
        ("-2\n+2 x", "-2 \n+2 x", ("bare_number",)),
    ],
)  # fmt: skip
def test_the_same_diff(text: str, expected: str, tolerated: tuple[str, ...]) -> None:
    assert read(text) == (expected, tolerated)
    workspace_diff.apply(FILES, expected, "main.py")
    assert read(expected) == (expected, ())


@pytest.mark.parametrize(
    "text",
    [
        "+3: if b:",  # nothing shows whether the colon is the line's
        "+ 3 if b:",
        "-2:\n+2: x",  # a blank line proves nothing
        "-3: if b:\n+3: if c:",  # not the file's line
        "- 4 if a:\n+ 4 if b:",
        "-3: if a:\n+3 if b:",  # two forms
        "-3 if a:\n+3: if b:",
        "- 3 if a:\n+3: if b:",
        "-3: if a:\n#helper.py\n-1: x = z",
        "-3 | if a:\n+3 | if b:",  # the strict form, of another line
        "-3. if a:\n+3. if b:",
        "-03 if a:\n+03 if b:",
        "-3  if a:\n+3 if b:",  # visible blanks at the beginning are the indentation
        "-3if a:\n+3if b:",
        "3 if a:\n+3 if b:",
        "−3 if a:\n+3 if b:",
        "-4 b = c\n+4 d",
        "-9 if a:\n+9 if b:",
        "-3: if a:\n+3: b\rc",
        "- if a:\n+ if b:",
        "-3 if a:\n\n-5 d = 1",  # the blank line may be line 4
        "Replace line 3",
    ],
)
def test_another_diff_or_none_stays_and_is_refused(text: str) -> None:
    assert read(text) == (text, ())
    with pytest.raises(LineDiffError):
        workspace_diff.apply(FILES, text, "main.py")


LINES = st.lists(st.sampled_from(["a", "b:", ": c", "", "1 d", "| e"]), min_size=1, max_size=6)
FORMS = st.sampled_from(["{} {}", "{}: {}", "{}:{}", "{}| {}", "{}\t{}"])


@given(LINES, LINES, FORMS, st.booleans())
def test_every_form_is_read_as_what_it_was_or_not_at_all(
    old: list[str], new: list[str], form: str, gap: bool
) -> None:
    original = "\n".join(old)
    change = diff(original, "\n".join(new))
    signed = [line.partition(" ") for line in change.split("\n")] if change else []
    text = "\n".join(
        form.format(head.replace("-", "- ").replace("+", "+ ") if gap else head, rest)
        for head, _, rest in signed
    )
    found = canonical(text, {"m": original}, "m").line_diff
    if any(head.startswith("-") and rest.strip() for head, _, rest in signed):
        assert found == change
    else:
        assert found in (change, text)


@given(st.text(alphabet="+-123 :|\t\n#ab\u200b"), st.text(alphabet="ab :\n1\u200b"))
def test_what_applies_as_it_is_means_the_same(text: str, original: str) -> None:
    try:
        expected = apply(original, text)
    except LineDiffError:
        return
    assert apply(original, canonical(text, {"m": original}, "m").line_diff) == expected


def test_visible() -> None:
    assert visible("a\u200bb\u00adc\u2066\ufeff d \t ") == "abc d"
    assert visible("a\u00a0b\u3000c\u2028d") == "a b c d"
    assert visible("\ta  b") == "\ta  b"
