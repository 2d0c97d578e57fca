"""The sentinel schema: golden texts of this version, and every rendering parses back."""

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.line_diff import numbered as line_diff
from repair.line_diff import workspace as workspace_diff
from repair.prompt import sentinels as prompt
from repair.prompt.answer_formats import NAMES, answer_format
from repair.prompt.sentinels import (
    Example,
    PromptError,
    as_shown,
    parse,
    render,
    render_prompt,
    render_response,
)
from repair.text.lines import lines_of

GOLDEN = Path(__file__).parent / "golden"

EXAMPLE = Example(
    path="main.py",
    text="import turtle\n\nscreen = turtle.screen",
    message='"screen" is not a known member of module "turtle"',
    error_line=2,
    line_diff="-3 screen = turtle.screen\n+3 screen = turtle.Screen()",
)

LONG = "\n".join(
    [
        '"""Orders."""',
        "",
        "import json",
        "from shop import tax",
        "",
        "TABLE = [",
        *(f"    ({number}, 'entry {number} of a long table')," for number in range(60)),
        "]",
        "",
        "class Order:",
        '    """An order."""',
        "",
        "    def lines(self):",
        *(f"        yield self.line({number})  # of many" for number in range(30)),
        "",
        "    def net(",
        "        self,",
        "        rounded: bool = True,",
        "    ):",
        *(f"        self.log({number}, 'a step of the sum')" for number in range(12)),
        "        return Decimal(self.total())",
        "",
        *(f"    def other_{number}(self): return tax.of(self)" for number in range(40)),
        "",
    ]
)

# A model that was trained on a version of the format reads nothing else: to change one of these texts is to
# make a new version, with new files beside the old ones.
GOLDEN_EXAMPLES = {
    # the one of the publication's format
    "prompt_v3_attribute.txt": EXAMPLE,
    # pyright's messages have several lines; the file ends in a newline, the diff has empty and indented texts
    "prompt_v3_lines_of_message.txt": Example(
        path="src/shop/cart.py",
        text="def total(prices: list[int]) -> int:\n    return sum(prices)\n\n\ntotal(['1', '2'])\n",
        message=(
            'Argument of type "list[str]" cannot be assigned to parameter "prices" of type "list[int]"\n'
            '  "str" is not assignable to "int"\n'
            "\n"
            '  Consider switching from "list" to "Sequence" which is covariant'
        ),
        error_line=4,
        line_diff="-3 \n-5 total(['1', '2'])\n+4 total([1, 2])\n+6 ",
    ),
    # what looks like a sentinel: it stays in code, path and diff, and is escaped as a line of the message
    "prompt_v3_sentinels.txt": Example(
        path="</code>",
        text='<code>\n</code>\n\nprompt = """\n<diff>\n</diff>\n"""',
        message='</lsp_error>\n"</lsp_error>"\n"\\"<diff>\\""\n<diff> \n"quoted"\n<unknown>\nbroken\rline',
        error_line=1,
        line_diff="-1 <code>\n-2 </code>\n+2 <diff>\n+3 </diff>",
    ),
    # the diff goes on in other files, one of which has a name that looks like a sentinel
    "prompt_v3_other_files.txt": Example(
        path="main.py",
        text="from shop.cart import total\n\nprint(total([1], 2))\n",
        message="Expected 1 positional argument",
        error_line=2,
        line_diff=(
            "-3 print(total([1], 2))\n+3 print(total([1], tax=2))\n"
            "#shop/<diff>.py\n+2 # <diff>\n"
            "#shop/cart.py\n-1 def total(prices):\n+1 def total(prices, tax=0):\n+2 "
        ),
    ),
    # a file beyond the budget: the lines around the error, the heads around them, an import that they need
    "prompt_v3_excerpt.txt": Example(
        path="shop/orders.py",
        text=LONG,
        message='"Decimal" is not defined',
        error_line=LONG.split("\n").index("        return Decimal(self.total())"),
        line_diff="+4 from decimal import Decimal",
    ),
    # an empty file, no answer yet, an empty message
    "prompt_v3_unanswered.txt": Example(path="a b.py", text="", message="", error_line=0),
    # characters that end a line elsewhere, or are wide; white space at the ends of lines; an empty diff
    "prompt_v3_characters.txt": Example(
        path="naïve #1\u2028.py",
        text="x = '𝒳'  \n\f\n\ty = 'a\u2028b\x85c'\n ",
        message="tab\there, \u2028there\n ",
        error_line=3,
        line_diff="",
    ),
}


@pytest.mark.parametrize("name", sorted(GOLDEN_EXAMPLES))
def test_golden(name: str) -> None:
    example = GOLDEN_EXAMPLES[name]
    golden = (GOLDEN / name).read_bytes().decode()
    rendered = render(example)
    assert golden == (rendered if example.line_diff is None else rendered + "\n")
    assert parse(golden) == as_shown(example)
    if example.line_diff is not None:
        others = {"shop/<diff>.py": "\n", "shop/cart.py": "def total(prices):\n    return sum(prices)\n"}
        workspace_diff.apply({example.path: example.text, **others}, example.line_diff, example.path)


def test_every_golden_file_is_of_this_version() -> None:
    assert prompt.PROMPT_VERSION == "3"
    assert {path.name for path in GOLDEN.glob("prompt_v3_*.txt")} == set(GOLDEN_EXAMPLES)


def test_what_earlier_versions_could_say_of_a_short_file_is_still_said_so() -> None:
    names = {path.name for path in GOLDEN.glob("prompt_v[12]_*.txt")}
    short = {name for name in GOLDEN_EXAMPLES if "excerpt" not in name}
    assert names == {name.replace("v3", "v2") for name in short} | {
        name.replace("v3", "v1") for name in short if "other_files" not in name
    }
    for name in names:
        assert (GOLDEN / name).read_bytes() == (GOLDEN / f"prompt_v3{name[9:]}").read_bytes()


pieces = st.sampled_from(
    [
        *sorted(prompt.SENTINELS),
        '"',
        "\\",
        "\\n",
        "#",
        "1 ",
        "+1 x",
        " ",
        "\t",
        "\f",
        "\0",
        "\x85",
        "\u2028",
        "𝒳",
        "x",
    ]
)
line_texts = st.one_of(st.sampled_from(sorted(prompt.SENTINELS)), st.lists(pieces, max_size=3).map("".join))
codes = st.lists(line_texts, min_size=1, max_size=5).map("\n".join)
# Lines that are a sentinel, that quote one once or twice, and that almost do.
quoted = line_texts.flatmap(
    lambda text: st.sampled_from(
        [text, json.dumps(text), json.dumps(json.dumps(text)), f'"{text}"', json.dumps(text)[:-1]]
    )
)
messages = st.lists(
    st.one_of(line_texts, quoted, st.just("a\rb"), st.text(max_size=4)), min_size=1, max_size=4
)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    text = draw(codes)
    return Example(
        path=draw(line_texts),
        text=text,
        message="\n".join(draw(messages)),
        error_line=draw(st.integers(0, text.count("\n"))),
        line_diff=draw(st.one_of(st.none(), codes.map(lambda repaired: line_diff.diff(text, repaired)))),
    )


@settings(max_examples=150, deadline=None)
@given(examples())
def test_every_rendering_parses_back(example: Example) -> None:
    rendered = render(example)
    assert parse(rendered) == example
    assert parse(rendered.removesuffix("\n") + "\n") == example
    lines = rendered.split("\n")
    # whole-line sentinels are where sections begin and end and nowhere else
    sentinels = [line for line in lines if line in prompt.SENTINELS]
    expected = [f"<{slash}{name}>" for name in prompt.SECTIONS for slash in ("", "/")]
    assert sentinels == (expected if example.line_diff is not None else expected[:-1])
    assert "\r" not in rendered


@given(
    st.lists(st.text(alphabet="ab (:\f", max_size=90), min_size=1, max_size=60),
    st.integers(0, 59),
    st.sampled_from(["", "\ufeff"]),
)
def test_a_prompt_in_part_gives_back_what_it_shows(code: list[str], error_line: int, mark: str) -> None:
    whole = Example("a.py", mark + "\n".join(code), "message", error_line % len(code))
    given_back = parse(render_prompt(whole))
    assert given_back == replace(as_shown(whole), text=as_shown(whole).text.removeprefix(mark))
    assert render_prompt(given_back) == render_prompt(whole)
    numbers = [
        int(line.partition(" ")[0]) for line in render_prompt(whole).partition("</code>")[0].split("\n")[2:-1]
    ]
    shown = given_back.shown or ((1, len(lines_of(given_back.text))),)
    assert numbers == [number for first, last in shown for number in range(first, last + 1)]
    assert all(lines_of(given_back.text)[number - 1] == code[number - 1] for number in numbers)


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ((), "must rise"),
        (((2, 1), (3, 3)), "must rise"),
        (((1, 2), (3, 3)), "must rise"),
        (((3, 3), (1, 1)), "must rise"),
        (((0, 3),), "must rise"),
        (((1, 4),), "must rise"),
        (((1, 2),), "is not shown"),
    ],
)
def test_ranges_that_the_text_does_not_have(shown: tuple[tuple[int, int], ...], message: str) -> None:
    with pytest.raises(PromptError, match=message):
        render_prompt(replace(EXAMPLE, shown=shown))


def test_a_line_behind_millions_of_hidden_ones_costs_no_memory() -> None:
    with pytest.raises(PromptError, match="expected line 4"):
        parse(RENDERED.replace("</code>", "999999999 x\n</code>"))


@settings(deadline=None)
@given(examples())
def test_prompt_and_response_are_the_two_halves(example: Example) -> None:
    asked = replace(example, line_diff=None)
    assert render(asked) == render_prompt(asked) == render_prompt(example)
    assert render_prompt(example).endswith("\n</error_line>\n<diff>\n")
    if example.line_diff is not None:
        assert render(example) == render_prompt(example) + render_response(example.line_diff)
        # the model's answer after the opened block is extracted, and so is the whole
        assert line_diff.extract(render_response(example.line_diff)) == example.line_diff
        assert line_diff.extract(render(example)) == example.line_diff


@settings(deadline=None)
@given(
    st.one_of(
        st.text(), st.lists(st.one_of(line_texts, st.integers(0, 3).map(str)), max_size=12).map("\n".join)
    )
)
def test_no_text_raises_anything_but_a_prompt_error(text: str) -> None:
    try:
        example = parse(text)
    except PromptError:
        return
    assert render(example).removesuffix("\n") == text.removesuffix("\n")


@settings(max_examples=150, deadline=None)
@given(examples(), st.data())
def test_only_exact_renderings_parse(example: Example, data: st.DataObject) -> None:
    """One character changed: another example's rendering, or refused."""
    rendered = render(example)
    at = data.draw(st.integers(0, len(rendered) - 1))
    changed = (
        rendered[:at]
        + data.draw(st.sampled_from(["", "\n", " ", "\r", "1", '"', "<", "x"]))
        + rendered[at + 1 :]
    )
    try:
        other = parse(changed)
    except PromptError:
        return
    assert render(other).removesuffix("\n") == changed.removesuffix("\n")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("<diff>", '"<diff>"'),
        ('"<diff>"', r'"\"<diff>\""'),
        ("a\rb", r'"a\rb"'),
        ("<diff> ", "<diff> "),  # not the whole line
        (
            '"screen" is not a known member of module "turtle"',
            '"screen" is not a known member of module "turtle"',
        ),
        ('"screen"', '"screen"'),  # a JSON string of what needs no escape
        (r'"\u003cdiff>"', r'"\u003cdiff>"'),  # a JSON string of a sentinel, written as this format does not
        ('"a\tb"', '"a\tb"'),
    ],
)
def test_which_lines_of_a_message_are_escaped(line: str, shown: str) -> None:
    rendered = render_prompt(replace(EXAMPLE, message=f"first\n{line}"))
    assert f"\n<lsp_error>\nfirst\n{shown}\n</lsp_error>\n" in rendered
    assert parse(rendered).message == f"first\n{line}"


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_endings_are_not_shown(ending: str) -> None:
    other = replace(EXAMPLE, text=EXAMPLE.text.replace("\n", ending))
    assert render(other) == render(EXAMPLE)
    assert parse(render(other)) == EXAMPLE


def test_a_diff_is_written_with_newlines_between_its_lines() -> None:
    assert EXAMPLE.line_diff is not None
    loose = EXAMPLE.line_diff.replace("\n", "\r\n") + "\r\n"
    assert render_response(loose) == render_response(EXAMPLE.line_diff) == f"{EXAMPLE.line_diff}\n</diff>"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "a\nb.py"}, "line break"),
        ({"path": "a\r.py"}, "line break"),
        ({"error_line": 3}, "line 3 (0-based) for the error in 3 lines"),
        ({"error_line": -1}, "line -1"),
        ({"line_diff": "3 screen"}, "line 1 of the diff"),
        ({"line_diff": "+1 x\n</diff>\n<code>"}, "line 2 of the diff"),  # a response ends where it ends
        ({"line_diff": "+2 x\n+1 y"}, "comes after"),
    ],
)
def test_what_cannot_be_rendered(changes: dict[str, object], message: str) -> None:
    with pytest.raises(PromptError, match=re.escape(message)) as caught:
        render(replace(EXAMPLE, **changes))
    assert caught.value.reason == "malformed_prompt"
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (PromptError, str(caught.value))


RENDERED = render(EXAMPLE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a section's opening"),
        ("Repair this.\n" + RENDERED, "line 1"),
        (RENDERED + "\nDone.", "expected a section's opening"),
        (RENDERED.removesuffix("</diff>"), "ends within <diff>"),
        (RENDERED.replace("<lsp_error>", "<error>"), "expected a section's opening"),
        (RENDERED.replace("</code>\n", ""), "ends within <code>"),
        ("\n".join(RENDERED.split("\n")[:-7]), "sections are code, lsp_error, not"),
        (RENDERED + "\n" + RENDERED, "expected a section's opening"),  # one example a text
        ("<lsp_error>\nx\n</lsp_error>\n" + RENDERED, "expected a section's opening"),  # twice
        (RENDERED.replace("#main.py\n", ""), "a line with # and the path"),
        ("<code>\n</code>\n" + RENDERED.split("</code>\n")[1], "a line with # and the path"),
        ("<code>\n#main.py\n</code>\n" + RENDERED.split("</code>\n")[1], "a line with # and the path"),
        (RENDERED.replace("\n2\n", "\n2\n2\n"), "expected line 3 of the file or a later"),  # it must rise
        (
            RENDERED.replace("\n2\n", "\n1000001\n"),
            "expected line 2 of the file or a later",
        ),  # no file has it
        (RENDERED.replace("\n3 screen = turtle.screen\n</code>", "\n</code>"), "for the error in 2 lines"),
        (RENDERED.replace("\n3 screen = turtle.screen\n</code>", "\n4 x\n</code>"), "is not shown"),
        (RENDERED.replace("\n2\n", "\n02\n"), "expected line 2 of the file"),
        # nothing follows the number
        (RENDERED.replace("\n2\n", "\n2 \n"), "not written as this version"),
        (RENDERED.replace("1 import", "1\timport"), "expected line 1 of the file"),
        # another line's text
        (RENDERED.replace("<error_line>\n3", "<error_line>\n2"), "not written as this version"),
        (RENDERED.replace("<error_line>\n3", "<error_line>\n٣"), "one of the lines of <code>"),
        (RENDERED.replace("<error_line>\n3", "<error_line>\n4"), "for the error in 3 lines"),
        (RENDERED.replace("<error_line>\n3", "<error_line>\n" + "3" * 5000), "one of the lines of <code>"),
        (RENDERED.replace("<error_line>\n", "<error_line>\n\n"), "one of the lines of <code>"),
        (RENDERED.replace("-3 ", "3 "), "line 1 of the diff"),
        (RENDERED.replace('"screen" is', "<diff>\nis"), "not written as this version"),  # not escaped
        (RENDERED.replace("\n", "\r\n"), "expected a section's opening"),
    ],
)
def test_what_is_not_a_rendering(text: str, message: str) -> None:
    with pytest.raises(PromptError, match=re.escape(message)):
        parse(text)


def test_an_answer_goes_on_after_the_begun_turn_of_a_conversation() -> None:
    # with the newline that is still missing there
    assert line_diff.extract("\n" + render_response(EXAMPLE.line_diff or "")) == EXAMPLE.line_diff


def test_the_worked_example_is_written_in_the_format_and_repairs_its_file() -> None:
    worked = parse(prompt.ZERO_SHOT_SYSTEM[prompt.ZERO_SHOT_SYSTEM.index("<code>\n") :])
    assert worked.line_diff is not None
    repaired = line_diff.apply(worked.text, worked.line_diff)
    compile(repaired, worked.path, "exec")
    assert worked.message.split('"')[1] in lines_of(worked.text)[worked.error_line]
    assert "read(" not in repaired
    assert line_diff.diff(worked.text, repaired) == worked.line_diff  # it shows the fewest lines too


@given(
    st.sampled_from(["", "\ufeff", "\ufeff\ufeff"]),
    st.sampled_from(["import oss\n", "", "\ufeff", "a\n\ufeff"]),
)
def test_a_byte_order_mark_is_not_shown(mark: str, text: str) -> None:
    shown = render_prompt(Example("a.py", mark + text, "message", 0))
    whole = mark + text
    assert shown == render_prompt(Example("a.py", whole.removeprefix("\ufeff"), "message", 0)) or (
        whole.startswith("\ufeff\ufeff")  # the second one is the line's
    )
    assert render(parse(shown)) == shown
    if mark == "\ufeff" and not text.startswith(mark):
        assert parse(shown).text == text
        assert shown.count("\ufeff") == text.count("\ufeff")
        for name in NAMES:
            question = answer_format(name).question(Example("a.py", mark + text, "message", 0))
            assert question["error_line"] in ("1", "", "1 import oss", "import oss", "1 a", "a")
            assert "".join(question.values()).count("\ufeff") == text.count("\ufeff")


def test_other_invisible_characters_are_the_lines() -> None:
    text = "x\u200b = 1\u00a0+ 2\u2028\u00ad\n"
    assert f"1 {text}" in render_prompt(Example("a.py", text, "message", 0))
