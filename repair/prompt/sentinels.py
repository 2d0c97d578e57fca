"""Prompt template with sentinels, for training and inference: renders an example, and parses it back.

```
<code>
#main.py
1 import turtle
2
3 screen = turtle.screen
</code>
<lsp_error>
"screen" is not a known member of module "turtle"
</lsp_error>
<error_line>
3 screen = turtle.screen
</error_line>
<diff>
-3 screen = turtle.screen
+3 screen = turtle.Screen()
</diff>
```

A file that is too long is shown in part (`repair.prompt.excerpt`): a gap in the numbers means lines that are
not shown, and after the last shown line there may be more. The diff names none of those (`outside_excerpt`).

The diff may continue in other files of the workspace, each after a line with `#` and its path
(`repair.line_diff.workspace`); a diff of the shown file alone has no such line.

A sentinel counts only as a whole line. A line of code is its number, and a space and its text unless that
is empty; a line of the diff begins with a sign, and a path's line with `#`: none of them can be read as a
sentinel. A line of the message that is a sentinel, or contains a carriage return, is escaped as a JSON
string; so is `@@ line 3 @@`, which is a gap where lines are shown without numbers, and a line that looks like
one that was escaped, which makes the escaping unambiguous. Messages that merely quote a name stay as they
are.

Line terminators and a byte order mark are not part of a prompt: a file is shown by its lines
(`repair.text.lines`), and `parse` joins them by newlines. Parsing a rendered example gives it back exactly if
its text has no mark and no other line ending, its diff is written as `repair.line_diff.numbered.diff`
writes it, and the file is shown whole. Of an excerpt it gives back what was shown (`as_shown`): the lines
with their numbers, empty ones in the gaps, and nothing after the last. Other invisible characters (a
zero-width space, a no-break space) are shown as they are: they are the line's, and often the very error.

The prompt is a row of sections (`SECTIONS`), each an opening sentinel, body lines and a closing sentinel.
To add another kind of event, add a name to that table, a function that renders its body lines and one that
parses them. Format, parser, sentinels and golden examples are versioned together: any change of them is a new
`PROMPT_VERSION`, which is stored with the weights that were trained on it.

| version | |
|---|---|
| 1 | diffs of the shown file |
| 2 | diffs may continue in other files |
| 3 | a file beyond the budget is shown in part, and a diff names shown lines only |

Every text of version 1 is one of version 2 with the same meaning. It is a new version because the answers of
weights that learned to write a path's line must not go to a parser that refuses it. A text of version 2 is
one of version 3 if its file fits the budget: weights of version 2 never saw a gap, and those of version 3
never saw a long file. Other files are shown in no version; a diff of theirs is what it was in version 2,
checked against the files and not against the prompt. A byte order mark was
shown once, as an invisible first character; a diff that repeats it applies as one that does not, so that this
is no version of its own.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from repair.errors import InputError
from repair.line_diff import numbered as line_diffs
from repair.line_diff import workspace as workspace_diff
from repair.messages import shown
from repair.prompt.excerpt import Excerpt, excerpt_of_lines, runs
from repair.text.escaping import LineEscaping
from repair.text.lines import BYTE_ORDER_MARK, lines_of, split_mark

PROMPT_VERSION = "3"

SECTIONS = ("code", "lsp_error", "error_line", "diff")
"""The sections of a prompt with its response, in order."""

SENTINELS = frozenset(f"<{slash}{name}>" for name in SECTIONS for slash in ("", "/"))


class PromptError(InputError):
    """An example can't be rendered, or a text is not a rendered example."""

    reason = "malformed_prompt"


@dataclass(frozen=True, slots=True)
class Example:
    """A file, a diagnostic in it and, if it is known, the diff that repairs it."""

    path: str
    text: str
    message: str
    error_line: int
    """0-based line in which the diagnostic starts."""
    line_diff: str | None = None
    shown: tuple[tuple[int, int], ...] | None = None
    """First and last number (1-based) of each run of shown lines, if `text` has no others (`as_shown`); None:
    `text` is the whole file, and `repair.prompt.excerpt` chooses what is shown of it."""


def excerpt_of(example: Example) -> Excerpt:
    """The lines that the example's prompt shows.

    Raises:
        PromptError: `error_line` is not in the file, or not among its `shown` lines.
    """
    code = lines_of(split_mark(example.text)[1])
    if not 0 <= example.error_line < len(code):
        raise PromptError(
            f"{example.path}: no line {example.error_line} (0-based) for the error in {len(code)} lines"
        )
    if example.shown is None:
        return excerpt_of_lines(code, example.error_line)
    inside = bool(example.shown) and all(1 <= first <= last <= len(code) for first, last in example.shown)
    excerpt = Excerpt(example.shown, len(code))
    if not inside or runs(excerpt.numbers()) != example.shown:
        raise PromptError(f"{example.path}: the shown lines must rise, and be of the {len(code)} of the text")
    if not any(first <= example.error_line + 1 <= last for first, last in example.shown):
        raise PromptError(f"{example.path}: line {example.error_line} (0-based), of the error, is not shown")
    return excerpt


def as_shown(example: Example) -> Example:
    """What `parse` makes of the example's prompt: `text` has empty lines in the gaps and ends with the last
    shown line; `shown` is None where nothing before that is hidden."""
    excerpt = excerpt_of(example)
    mark, text = split_mark(example.text)
    code = lines_of(text)
    numbers = list(excerpt.numbers())
    known = dict(zip(numbers, (code[number - 1] for number in numbers), strict=True))
    lines = [known.get(number, "") for number in range(1, numbers[-1] + 1)]
    return replace(
        example, text=mark + "\n".join(lines), shown=None if len(numbers) == len(lines) else excerpt.ranges
    )


def render(example: Example) -> str:
    """The prompt followed by the response, or the prompt alone if the example has no `line_diff`.

    Raises:
        PromptError: the path contains a line break, `error_line` is not in the file, or the diff is
        malformed.
    """
    if example.line_diff is None:
        return render_prompt(example)
    return render_prompt(example) + render_response(example.line_diff)


def render_prompt(example: Example) -> str:
    """The model's input, up to the line that opens the diff; `line_diff` is not used.

    Raises:
        PromptError: the path contains a line break, or `error_line` is not in the file.
    """
    return f"{_question(example)}{line_diffs.OPENING}\n"


def render_response(line_diff: str) -> str:
    r"""The model's expected output: the diff and the line that closes it, without a newline after it.

    Raises:
        PromptError: the diff is malformed.
    """
    try:
        workspace_diff.parse(line_diff)
    except line_diffs.LineDiffError as error:
        raise PromptError(f"the example's line diff can't be read: {error}") from error
    body = line_diff.replace("\r\n", "\n").removesuffix("\n")
    return f"{body}\n{line_diffs.CLOSING}" if body else line_diffs.CLOSING


def parse(text: str) -> Example:
    """The example of which `text` is the rendering; the prompt alone gives one without `line_diff`.

    Raises:
        PromptError: the text is not an output of `render` or `render_prompt` (plus at most a newline).
    """
    lines = text.removesuffix("\n").split("\n")
    answered = lines[-1] != line_diffs.OPENING
    bodies = _bodies(lines if answered else [*lines, line_diffs.CLOSING])
    if tuple(bodies) != SECTIONS:
        raise PromptError(f"the prompt's sections are {', '.join(bodies)}, not {', '.join(SECTIONS)}")
    path, code = _read_code(bodies["code"])
    # A mark that is shown is the second one: the first belongs to the file.
    mark = BYTE_ORDER_MARK if code.get(1, "").startswith(BYTE_ORDER_MARK) else ""
    last = max(code)
    example = Example(
        path=path,
        text=mark + "\n".join(code.get(number, "") for number in range(1, last + 1)),
        message="\n".join(unescaped(line) for line in bodies["lsp_error"]),
        error_line=_read_error_line(bodies["error_line"]),
        line_diff="\n".join(bodies["diff"]) if answered else None,
        shown=None if len(code) == last else runs(code),
    )
    if render(example) != text.removesuffix("\n") + ("" if answered else "\n"):
        raise PromptError("the prompt is not written as this version of the format writes it")
    return example


def _question(example: Example) -> str:
    if "\n" in example.path or "\r" in example.path:
        raise PromptError(f"the path {shown(example.path)} holds a line break: it must fit on one line")
    excerpt = excerpt_of(example)
    code = lines_of(split_mark(example.text)[1])
    numbered = [numbered_line(number, code[number - 1]) for number in excerpt.numbers()]
    bodies = (
        [f"#{example.path}", *numbered],
        [escaped(line) for line in example.message.split("\n")],
        [numbered_line(example.error_line + 1, code[example.error_line])],
    )
    return "".join(
        "\n".join((f"<{name}>", *body, f"</{name}>\n")) for name, body in zip(SECTIONS, bodies, strict=False)
    )


_NUMBER = re.compile("[1-9][0-9]{0,8}")
_GAP = re.compile(r"@@ line [0-9]+ @@")
_MOST_LINES = 1_000_000  # of a file that `parse` gives back: the gaps of a stranger's prompt cost memory


def numbered_line(number: int, line: str) -> str:
    """A line as <code> shows it."""
    return f"{number} {line}" if line else str(number)


def _bodies(lines: Sequence[str]) -> dict[str, list[str]]:
    """The body lines of each section, by its name, in the order of the text."""
    bodies: dict[str, list[str]] = {}
    opened: str | None = None
    for position, line in enumerate(lines, 1):
        if opened is None:
            opened = line[1:-1]
            if opened not in SECTIONS or line != f"<{opened}>" or opened in bodies:
                raise PromptError(
                    f"line {position} of the prompt is {line[:80]!r}: expected a section's opening"
                )
            bodies[opened] = []
        elif line == f"</{opened}>":
            opened = None
        else:
            bodies[opened].append(line)
    if opened is not None:
        raise PromptError(f"the prompt ends within <{opened}>")
    return bodies


def _read_code(body: Sequence[str]) -> tuple[str, dict[int, str]]:
    """The path, and the shown lines by their numbers."""
    if len(body) < 2 or not body[0].startswith("#"):
        raise PromptError("<code> must hold a line with # and the path, and the numbered lines of the file")
    code: dict[int, str] = {}
    last = 0
    for line in body[1:]:
        digits, _, text = line.partition(" ")
        if not _NUMBER.fullmatch(digits) or not last < int(digits) <= _MOST_LINES:
            raise PromptError(f"<code>: expected line {last + 1} of the file or a later, not {line[:80]!r}")
        last = int(digits)
        code[last] = text
    return body[0][1:], code


def _read_error_line(body: Sequence[str]) -> int:
    digits = body[0].partition(" ")[0] if len(body) == 1 else ""
    if not _NUMBER.fullmatch(digits):
        raise PromptError("<error_line> must hold one of the lines of <code>, with its number")
    return int(digits) - 1


def unnumbered_lines(lines: Iterable[tuple[int, str]]) -> list[str]:
    """Lines as <code> shows them without numbers; `@@ line N @@` stands for hidden ones before line N."""
    formatted: list[str] = []
    last = 0
    for number, line in lines:
        if number > last + 1:
            formatted.append(f"@@ line {number} @@")
        formatted.append(escaped(line))
        last = number
    return formatted


def escaped(line: str) -> str:
    """A line of a text that is shown without numbers: a JSON string, if it reads as a sentinel or a gap."""
    return _ESCAPING.escaped(line)


def unescaped(line: str) -> str:
    """The line of which `escaped` made this one."""
    return _ESCAPING.unescaped(line)


def _is_special(line: str) -> bool:
    return line in SENTINELS or "\r" in line or _GAP.fullmatch(line) is not None


_ESCAPING = LineEscaping(_is_special)

_WORKED_EXAMPLE = Example(
    path="settings.py",
    text=(
        'import json\n\ndef load(path):\n    return json.loads(read(path))\n\nprint(load("settings.json"))\n'
    ),
    message='"read" is not defined',
    error_line=3,
    line_diff=(
        "-4     return json.loads(read(path))\n"
        "+4     with open(path) as file:\n"
        "+5         return json.load(file)"
    ),
)

ZERO_SHOT_SYSTEM = f"""\
You are an expert assistant for debugging Python code. You are given a file with numbered lines, the message
of one error that a language server reports in it, and the line in which that error begins. A gap in the
numbers means lines that are not shown, and a long file may go on after the last line.

Answer with a line diff that repairs this error, and with nothing else:
- The diff stands between {line_diffs.OPENING} and {line_diffs.CLOSING}, each alone on its line.
- `-N text` takes line N of the given file away; the text repeats that line exactly.
- `+N text` puts a line in, so that it is line N of the repaired file.
- One space stands between number and text, also where the text is empty, and the text keeps its indentation.
- The numbers rise, for each of the two signs by itself.
- Take away only lines that are shown, and put lines in only next to one that is.
- Change no more than the repair needs, and keep what the program is meant to do. Never delete, comment out or
  silence the faulty code in place of repairing it.

For example:

{render(_WORKED_EXAMPLE)}"""
"""The system message of the zero-shot conversation."""
