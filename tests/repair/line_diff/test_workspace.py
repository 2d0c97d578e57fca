"""Diffs of several files, against an oracle that parses them line by line, each file by itself."""

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.line_diff import numbered as line_diff
from repair.line_diff.numbered import (
    ContentMismatchError,
    LineDiff,
    LineDiffError,
    MalformedDiffError,
    NotRisingError,
    WrongLineError,
)
from repair.line_diff.workspace import UnknownDiffFileError, apply, diff, parse
from repair.text.lines import lines_of
from tests.repair.line_diff.test_numbered import mixed_texts, nearly_diffs
from tests.repair.line_diff.test_numbered import oracle as oracle_of_texts

OWN, HELPER, NESTED = "main.py", "helper.py", "shop/cart.py"
PATHS = (OWN, HELPER, NESTED)
FILES = {OWN: "import helper\n\nhelper.total(1)\n", HELPER: "def total():\n    return 1\n", NESTED: "x = 1"}


def test_of_one_file_it_is_a_line_diff_to_the_byte() -> None:
    changed = {**FILES, OWN: FILES[OWN].replace("(1)", "()")}
    written = diff(FILES, changed, OWN)
    assert written == line_diff.diff(FILES[OWN], changed[OWN]) == "-3 helper.total(1)\n+3 helper.total()"
    assert parse(written, OWN) == {OWN: line_diff.parse(written)}
    assert apply(FILES, written, OWN) == changed


def test_other_files_stand_behind_their_headers_by_their_paths() -> None:
    changed = {OWN: "helper.total(1)\n", HELPER: "def total(n):\n    return n\n", NESTED: "x = 2"}
    written = diff(FILES, changed, OWN)
    assert written == (
        "-1 import helper\n-2 \n"
        "#helper.py\n-1 def total():\n-2     return 1\n+1 def total(n):\n+2     return n\n"
        "#shop/cart.py\n-1 x = 1\n+1 x = 2"
    )
    assert apply(FILES, written, OWN) == changed
    # another file alone
    assert diff(FILES, {**FILES, NESTED: "x = 2"}, OWN) == "#shop/cart.py\n-1 x = 1\n+1 x = 2"
    # seen from another file, the same change is written otherwise
    assert diff(FILES, changed, NESTED).startswith("-1 x = 1\n+1 x = 2\n#helper.py\n")


def test_what_can_be_read_besides() -> None:
    # in any order, with the other line ending, and one line feed at the end
    assert parse("#b.py\r\n+1 x\r\n#a.py\r\n+1 y\r\n", OWN) == {
        "b.py": LineDiff(added=((1, "x"),)),
        "a.py": LineDiff(added=((1, "y"),)),
    }
    assert list(parse("+1 m\n#b.py\n+1 x\n#a.py\n+1 y", OWN)) == [OWN, "b.py", "a.py"]
    assert parse("") == parse("\n", OWN) == {}
    assert apply(FILES, "", OWN) == FILES
    # a signed line that looks like a header is none
    assert parse("+1 #helper.py\n-2 # x", OWN).keys() == {OWN}


@pytest.mark.parametrize(
    ("text", "error", "reason", "message"),
    [
        ("#new.py\n+1 x = 1", UnknownDiffFileError, "unknown_file", "new.py is not among the 3 files"),
        ("#../main.py\n+1 x", UnknownDiffFileError, "unknown_file", "line 1 of the diff"),
        ("#/etc/passwd\n+1 x", UnknownDiffFileError, "unknown_file", "absolute"),
        ("#\n+1 x", UnknownDiffFileError, "unknown_file", "0 bytes"),
        ("#shop\\cart.py\n+1 x", UnknownDiffFileError, "unknown_file", "backslash"),
        ("#a\ud800.py\n+1 x", UnknownDiffFileError, "unknown_file", "surrogate"),
        ("# helper.py\n+1 x", UnknownDiffFileError, "unknown_file", " helper.py is not among"),
        ("#HELPER.py\n+1 x", UnknownDiffFileError, "unknown_file", "HELPER.py"),
        ("#main.py\n+1 x", MalformedDiffError, "malformed", "come first, without it"),
        ("+1 x\n#main.py\n+2 x", MalformedDiffError, "malformed", "line 2 of the diff"),
        ("#helper.py\n+1 x\n#helper.py\n+2 y", MalformedDiffError, "malformed", "line 3 of the diff"),
        ("#helper.py", MalformedDiffError, "malformed", "expected a signed line after it"),
        ("#helper.py\n#shop/cart.py\n+1 x", MalformedDiffError, "malformed", "line 1 of the diff"),
        ("+1 x\n\n#helper.py\n+1 x", MalformedDiffError, "malformed", "line 2 of the diff"),
        ("#helper.py\n+1 x\n\n", MalformedDiffError, "malformed", "line 3 of the diff"),
        ("#helper.py\n 1 x", MalformedDiffError, "malformed", "line 2 of the diff"),
        ("--- a/helper.py\n+1 x", MalformedDiffError, "malformed", "line 1 of the diff"),
        ("#helper.py\n+2 x\n+1 x", NotRisingError, "not_rising", "line 3 of the diff"),
        ("#helper.py\n-9 x", WrongLineError, "wrong_line", "helper.py: -9: the file has 3 lines"),
        ("#helper.py\n-1 x", ContentMismatchError, "content_mismatch", "helper.py: -1: the file's line is"),
        ("-3 x", ContentMismatchError, "content_mismatch", "main.py: -3"),
        # numbers of another file's lines are none of this one's
        (
            "-3 helper.total(1)\n#helper.py\n-3 helper.total(1)",
            ContentMismatchError,
            "content_mismatch",
            "helper",
        ),
    ],
)
def test_refused(text: str, error: type[LineDiffError], reason: str, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        apply(FILES, text, OWN)
    assert (type(caught.value), caught.value.reason) == (error, reason)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (error, str(caught.value))


def test_a_long_header_is_not_repeated_in_the_message() -> None:
    with pytest.raises(UnknownDiffFileError) as caught:
        parse("#" + "a" * 10**6, OWN)
    assert len(str(caught.value)) < 400


def test_a_diff_creates_and_removes_no_file() -> None:
    with pytest.raises(ValueError, match=re.escape("new.py")):
        diff(FILES, {**FILES, "new.py": ""}, OWN)
    with pytest.raises(ValueError, match=re.escape(HELPER)):
        diff(FILES, {OWN: "", NESTED: ""}, OWN)


workspaces = st.fixed_dictionaries({path: mixed_texts() for path in PATHS})


@settings(deadline=None)
@given(workspaces, workspaces, st.sampled_from(PATHS))
def test_a_diff_makes_the_lines_of_the_changed_workspace(
    workspace: dict[str, str], changed: dict[str, str], path: str
) -> None:
    result = apply(workspace, diff(workspace, changed, path), path)
    assert {name: lines_of(text) for name, text in result.items()} == {
        name: lines_of(text) for name, text in changed.items()
    }
    assert diff(workspace, result, path) == diff(workspace, changed, path)


def oracle(workspace: dict[str, str], text: str, path: str) -> dict[str, list[str]] | None:
    """The lines of each file after the diff; None: it must be refused. One line at a time, to the letter."""
    unix = text.replace("\r\n", "\n")
    if unix.endswith("\n"):
        unix = unix[:-1]
    parts: dict[str, list[str]] = {path: []}
    current = path
    for line in unix.split("\n") if unix else []:
        if line[:1] == "#":
            if parts[current] == [] and current != path:
                return None
            current = line[1:]
            if current in parts or current not in workspace:
                return None
            parts[current] = []
        else:
            parts[current].append(line)
    if parts[current] == [] and current != path:
        return None
    result = {name: lines_of(text) for name, text in workspace.items()}
    for name, signed in parts.items():
        if "" in signed:
            return None
        lines = oracle_of_texts(workspace[name], "\n".join(signed))
        if lines is None:
            return None
        if signed:
            result[name] = [line for line, _ in lines] or [""]
    return result


@st.composite
def nearly_workspace_diffs(draw: st.DrawFn, workspace: dict[str, str]) -> str:
    """Diffs of which many apply: each file's own under its header, and now and then a slip."""
    parts: list[str] = []
    if draw(st.booleans()):
        parts.append(draw(nearly_diffs(workspace[OWN])).removesuffix("\n") or "+1 first")
    for path in draw(st.permutations((HELPER, NESTED)))[: draw(st.integers(0, 2))]:
        slips = [OWN, HELPER, f" {path}", f"{path}\r", "new.py", "../a", ""]
        parts.append(f"#{path if draw(st.integers(0, 9)) else draw(st.sampled_from(slips))}")
        part = draw(nearly_diffs(workspace[path]))
        parts.append(part if not draw(st.integers(0, 9)) else part.strip("\r\n") or "+1 first")
    return draw(st.sampled_from(["\n", "\n", "\n", "\r\n"])).join(parts)


@settings(max_examples=200, deadline=None)
@given(workspaces, st.data())
def test_applies_what_the_oracle_applies_and_nothing_else(
    workspace: dict[str, str], data: st.DataObject
) -> None:
    text = data.draw(nearly_workspace_diffs(workspace))
    expected = oracle(workspace, text, OWN)
    if expected is None:
        with pytest.raises(LineDiffError):
            apply(workspace, text, OWN)
        return
    result = apply(workspace, text, OWN)
    assert {name: lines_of(text) for name, text in result.items()} == expected
    # what no line of the diff is about is left as it is, terminators and all
    assert all(result[path] == workspace[path] for path in PATHS if path not in parse(text, OWN))


@settings(max_examples=150, deadline=None)
@given(workspaces, st.text(alphabet="+-0123456789 \n\r#ab./hmainelpr.y\u2028٣<>\ud800"))
def test_no_text_raises_anything_but_a_line_diff_error(workspace: dict[str, str], noise: str) -> None:
    for attempt in (parse, lambda text: parse(text, OWN), lambda text: apply(workspace, text, OWN)):
        try:
            attempt(noise)
        except LineDiffError as error:
            assert type(error).reason in {
                *("malformed", "not_rising", "wrong_line", "content_mismatch", "unknown_file"),
            }


@settings(deadline=None)
@given(st.data())
def test_without_a_header_it_is_as_strict_as_a_line_diff(data: st.DataObject) -> None:
    original = data.draw(mixed_texts())
    text = data.draw(nearly_diffs(original))
    try:
        expected: object = line_diff.apply(original, text)
    except LineDiffError as error:
        expected = type(error)
    try:
        found: object = apply({OWN: original}, text, OWN)[OWN]
    except LineDiffError as error:
        found = type(error)
    assert found == expected


def test_a_byte_order_mark_is_the_files() -> None:
    files = {"main.py": "\ufeffimport oss\n", "helper.py": "\ufeffx = y\n"}
    change = "-1 import oss\n+1 import os\n#helper.py\n-1 x = y\n+1 x = 1"
    repaired = {"main.py": "\ufeffimport os\n", "helper.py": "\ufeffx = 1\n"}
    assert apply(files, change, "main.py") == repaired
    assert diff(files, repaired, "main.py") == change
