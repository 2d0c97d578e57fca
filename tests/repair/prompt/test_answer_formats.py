"""Answer formats: every one asks for the same repair, and is parsed to a numbered line diff."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from repair.errors import ConfigurationError
from repair.line_diff import unified as unified_diff
from repair.line_diff.numbered import LineDiffError, apply, diff
from repair.line_diff.numbered import parse as parse_diff
from repair.prompt.answer_formats import LINE_DIFF, NAMES, WORKED_EXAMPLE, answer_format, fields_of, written
from repair.prompt.excerpt import OutsideExcerptError
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import (
    SENTINELS,
    ZERO_SHOT_SYSTEM,
    Example,
    escaped,
    excerpt_of,
    parse,
    render,
    render_prompt,
    unescaped,
)
from repair.text.lines import lines_of

OTHERS = [name for name in NAMES if name != LINE_DIFF]
UNIFIED = [name for name in OTHERS if name.startswith("unified")]
LINE = st.text(alphabet="ab \t<>/é\U0001f600\f", max_size=5) | st.sampled_from(
    ["</code>", "</diff>", "<lsp_error>", '"</code>"', "@@"]
)
TEXT = st.tuples(st.lists(LINE, max_size=8), st.sampled_from(["\n", "\r\n", "\r"])).map(
    lambda drawn: drawn[1].join(drawn[0])
)


@example("search_replace", "\n", ["", "", ""])
@example("search_replace", "a\n", ["", "a", "a"])
@example("search_replace", "\n", ["<", ""])
@given(st.sampled_from(NAMES), TEXT, st.lists(LINE, max_size=8))
def test_what_is_shown_as_solved_is_read_back(name: str, original: str, repaired: list[str]) -> None:
    text = "\n".join(lines_of(original))
    change = diff(text, "\n".join(repaired))
    form = answer_format(name)
    shown = form.solved(render(Example("a.py", text, "message", 0, change)))
    read = form.read(f"<diff>\n{shown['diff']}\n</diff>", text)
    assert apply(text, read) == apply(text, change)


LONG_LINE = st.sampled_from(["", "    pass", "</code>", "@@ line 3 @@", "import os", "def f():", "x" * 60])


@given(
    st.sampled_from(NAMES),
    st.lists(LONG_LINE, min_size=1, max_size=8),
    st.integers(0, 99),
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 2), st.lists(LONG_LINE, max_size=2)), max_size=3),
)
def test_what_is_shown_of_a_long_file_as_solved_is_read_back(
    name: str, code: list[str], at: int, edits: list[tuple[int, int, list[str]]]
) -> None:
    code = [f"{code[number % len(code)]} # {number}." for number in range(100)] + [""]
    repaired = list(code)
    for offset, removed, added in edits:
        start = max(0, at + offset)
        repaired[start : start + removed] = added
    text, change = "\n".join(code), diff("\n".join(code), "\n".join(repaired))
    example = Example("a.py", text, "message", at, change)
    if excerpt_of(example).whole:
        return
    try:
        excerpt_of(example).check(parse_diff(change))
    except OutsideExcerptError:
        return
    form = answer_format(name)
    given_back = parse(render(example))
    shown = form.solved(render(example))
    if given_back.shown is not None:  # else the end of the file is not known
        assert {**shown, "diff": ""} == {**form.question(example), "diff": ""}
        assert apply(text, form.read(f"<diff>\n{shown['diff']}\n</diff>", text)) == apply(text, change)
    numbers = set(excerpt_of(example).numbers())
    hidden = {line for number, line in enumerate(code, 1) if number not in numbers}
    assert not any(line in section for line in hidden - {""} for section in shown.values())


def test_a_gap_shows_where_lines_have_no_numbers() -> None:
    text = "import os\n" + "\n".join(f"step({number}, 'one of many')" for number in range(200)) + "\n"
    form = answer_format("unified_diff_unnumbered")
    code = form.question(Example("a.py", text, "message", 100))["code"].split("\n")
    assert code[:2] == ["#a.py", "import os"]
    first = int(code[2].removeprefix("@@ line ").removesuffix(" @@"))
    assert code[3] == lines_of(text)[first - 1]
    assert code[-1] in lines_of(text)  # the file goes on
    whole = form.question(Example("a.py", "x\n@@ line 3 @@\n", "message", 0))["code"]
    assert whole == '#a.py\nx\n"@@ line 3 @@"'


@given(st.sampled_from(UNIFIED), TEXT, TEXT)
def test_a_unified_diff_of_any_file_becomes_the_same_change(name: str, original: str, repaired: str) -> None:
    if name == "unified_diff_unnumbered" and any(escaped(line) != line for line in lines_of(original)):
        return  # a diff of such a file is one of its lines as they are shown
    block = unified_diff.diff(original, repaired)
    read = answer_format(name).read(f"\n{block}\n</diff>", original)
    assert lines_of(apply(original, read)) == lines_of(unified_diff.apply(original, block))


@given(TEXT)
def test_a_question_shows_every_line_of_the_file_once(text: str) -> None:
    example = Example("a.py", text, "message", 0)
    whole = lines_of(text)
    for name in OTHERS:
        path, *shown = answer_format(name).question(example)["code"].split("\n")
        ended = shown[-1:] != ["\\ No newline at end of file"]
        counted = shown if ended else shown[:-1]
        if name == "unified_diff":
            assert [line.split(" ")[0] for line in counted] == [str(n) for n in range(1, len(counted) + 1)]
            counted = [line.partition(" ")[2] for line in counted]
        assert path == "#a.py"
        assert SENTINELS.isdisjoint(shown)
        if name != "unified_diff":
            counted = [unescaped(line) for line in counted]
        assert counted == (whole[:-1] if ended else whole)
        assert ended == (whole[-1] == "")


@given(TEXT, st.lists(LINE, max_size=3).map("\n".join))
def test_the_prompt_of_a_row_is_the_question(text: str, message: str) -> None:
    diagnostic = {"message": message, "start_line": 0}
    row = {"path": "a.py", "files": [{"path": "a.py", "text": text}], "diagnostic": diagnostic}
    example = Example("a.py", text, message, 0)
    assert prompt_of(row) == render_prompt(example)
    for name in OTHERS:
        assert prompt_of(row, name) == written(answer_format(name).question(example)) + "\n<diff>\n"


def test_the_line_diff_is_asked_for_as_the_model_is_trained_on_it() -> None:
    form = answer_format(LINE_DIFF)
    assert form.instructions == ZERO_SHOT_SYSTEM
    assert form is answer_format(None)


@pytest.mark.parametrize("name", OTHERS)
def test_the_formats_differ_in_nothing_but_the_format(name: str) -> None:
    instructions_text = answer_format(name).instructions
    sections = answer_format(name).solved(render(WORKED_EXAMPLE))
    assert instructions_text.endswith(written(sections))
    assert WORKED_EXAMPLE.message in instructions_text
    asked = ZERO_SHOT_SYSTEM[ZERO_SHOT_SYSTEM.index("- Change no more") : ZERO_SHOT_SYSTEM.index("<code>")]
    assert asked in instructions_text
    assert max(len(line) for line in instructions_text.split("\n")) <= 110


BROKEN = {
    "no block": ("no_diff", "@@ -1 +1 @@\n-a = b\n+a = 1"),
    "a line diff": ("malformed", "<diff>\n-1 a = b\n+1 a = 1\n</diff>"),
    "a hunk cut short": ("malformed", "<diff>\n@@ -1,2 +1,2 @@\n+a = 1\n</diff>"),
    "out of order": ("not_rising", "<diff>\n@@ -2 +2 @@\n-b\n+c\n@@ -1 +1 @@\n-a = b\n+a\n</diff>"),
    "behind the end": ("wrong_line", "<diff>\n@@ -9 +9 @@\n-a = b\n+a = 1\n</diff>"),
    "another text": ("content_mismatch", "<diff>\n@@ -1 +1 @@\n-a = c\n+a = 1\n</diff>"),
}


NOT_THERE = """<diff>
<<<<<<< SEARCH
a = c
=======
a = 1
>>>>>>> REPLACE
</diff>"""
IN_TWO_PLACES = NOT_THERE.replace("a = c", "b")
BROKEN_BLOCKS = {
    "no block": ("no_diff", NOT_THERE.removesuffix("\n</diff>")),
    "a line diff": ("malformed", "<diff>\n-1 a = b\n+1 a = 1\n</diff>"),
    "another text": ("content_mismatch", NOT_THERE),
    "one of two lines": ("wrong_line", IN_TWO_PLACES),
}


@pytest.mark.parametrize(("reason", "answer"), BROKEN_BLOCKS.values(), ids=BROKEN_BLOCKS)
def test_blocks_that_can_not_be_read_have_the_usual_reason(reason: str, answer: str) -> None:
    with pytest.raises(LineDiffError) as caught:
        answer_format("search_replace").read(answer, "a = b\nb\nb\n")
    assert caught.value.reason == reason


@pytest.mark.parametrize(("reason", "answer"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", UNIFIED)
def test_what_can_not_be_read_has_the_usual_reason(name: str, reason: str, answer: str) -> None:
    with pytest.raises(LineDiffError) as caught:
        answer_format(name).read(answer, "a = b\nb\n")
    assert caught.value.reason == reason


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unified_diff_unnumbered"):
        answer_format("json")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_line_that_is_a_sentinel_closes_no_section(mark: str) -> None:
    form = answer_format("unified_diff_unnumbered")
    text = mark + '</code>\r\n<lsp_error>\r\nx = y\r\n"</code>"\r\n'
    question = form.question(Example("a.py", text, "message", 0))
    assert fields_of(written(question)) == question
    assert question["error_line"] == '"</code>"'
    head = "@@ -1,4 +1,4 @@\n"
    for shown in ('-"</code>"\n+"</diff>"\n "<lsp_error>"\n x = y\n ' + json.dumps('"</code>"'),):
        read = form.read(f"<diff>\n{head}{shown}\n</diff>", text)
        assert apply(text, read) == text.replace("</code>", "</diff>", 1)
    # one that repeats the file itself is read too
    raw = '-</code>\n+</diff>\n <lsp_error>\n x = y\n "</code>"'
    assert form.read(f"<diff>\n{head}{raw}\n</diff>", text) == "-1 </code>\n+1 </diff>"
