"""Prompt variants differ in what their names say, and each ends with the line that opens the diff."""

import pytest

from repair.line_diff.numbered import OPENING
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.prompt.excerpt import BUDGET
from repair.prompt.sentinels import Example, parse, render_prompt
from repair.prompt.variants import INSTRUCTION, SENTINELS, UNNUMBERED, WHOLE_FILE, asked_in, example_in

LINES = [f"value_{number} = {number}" for number in range(200)]
LONG = "\ufeff" + "\r\n".join([*LINES, "print(valu_3)", ""])
SHORT = "import sys\nprint(valu_3)\n"
MESSAGE = '"valu_3" is not defined\n</code>'


def prompt(text: str, variant: str) -> str:
    line = text.replace("\r", "").split("\n").index("print(valu_3)")
    example = example_in(Example("a/b.py", text, MESSAGE, line), variant)
    return asked_in(answer_format(LINE_DIFF).question(example), variant)


def test_sentinels_are_the_prompt_of_released_models() -> None:
    for text in (LONG, SHORT):
        line = 200 if text == LONG else 1
        assert prompt(text, SENTINELS) == render_prompt(Example("a/b.py", text, MESSAGE, line))


def test_a_whole_file_has_every_line_and_else_the_same() -> None:
    whole, excerpt = prompt(LONG, WHOLE_FILE), prompt(LONG, SENTINELS)
    shown = whole.partition("</code>")[0].splitlines()[2:]
    assert shown == [
        f"{number} {line}".strip() for number, line in enumerate([*LINES, "print(valu_3)", ""], 1)
    ]
    assert len(excerpt) < BUDGET + 200 < len(whole)
    assert whole.partition("\n</code>\n")[2] == excerpt.partition("\n</code>\n")[2]
    assert prompt(SHORT, WHOLE_FILE) == prompt(SHORT, SENTINELS)


def test_without_numbers_lines_stand_as_they_are_and_a_gap_says_where_it_ends() -> None:
    numbered, plain = (prompt(LONG, variant).split("\n") for variant in (SENTINELS, UNNUMBERED))
    gaps = [line for line in plain if line.startswith("@@")]
    first = int(numbered[2].partition(" ")[0])
    assert gaps == [f"@@ line {first} @@"] and plain[:3] == ["<code>", "#a/b.py", gaps[0]]
    assert plain[3:5] == [line.partition(" ")[2] for line in numbered[2:4]]
    assert plain[-5:] == ["<error_line>", "print(valu_3)", "</error_line>", "<diff>", ""]
    assert [line for line in plain if "valu_3" in line] == [
        "print(valu_3)",
        '"valu_3" is not defined',
        "print(valu_3)",
    ]


def test_without_numbers_a_line_that_reads_as_a_sentinel_or_a_gap_is_a_json_string() -> None:
    text = "</code>\n@@ line 2 @@\n\nprint(valu_3)\n"
    code = prompt(text, UNNUMBERED).partition("\n</code>\n")[0].split("\n")
    assert code == ["<code>", "#a/b.py", '"</code>"', '"@@ line 2 @@"', "", "print(valu_3)", ""]


@pytest.mark.parametrize("text", [LONG, SHORT])
def test_an_instruction_says_the_same_without_sentinels(text: str) -> None:
    asked, sentinels = prompt(text, INSTRUCTION), prompt(text, SENTINELS)
    sections = answer_format(LINE_DIFF).question(parse(sentinels))
    for body in sections.values():
        assert f"\n\n{body}\n\n" in asked
    assert asked.endswith(f"\n\n{OPENING}\n")
    own_lines = {line for body in sections.values() for line in body.split("\n")}
    assert [line for line in asked.split("\n") if line.startswith("<") and line not in own_lines] == [OPENING]
