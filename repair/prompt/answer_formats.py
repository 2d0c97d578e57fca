r"""Answer formats: the interchangeable diff formats in which a language model may answer.

| name | lines of the file in the question | the answer's block |
|---|---|---|
| `line_diff` | numbered | a numbered line diff (`repair.line_diff.numbered`) |
| `unified_diff` | numbered | a unified diff (`repair.line_diff.unified`) |
| `unified_diff_unnumbered` | as they are | a unified diff |
| `search_replace` | as they are | search/replace blocks (`repair.line_diff.search_replace`) |

Each has its instructions, renders a question and an example's answer, and parses an answer *to a numbered
line diff*, the only format of the later stages. The reject reasons of an answer are the same in every format.

All but the first show the file by the convention of unified diffs: a last line that ends in a newline has no
empty line after it, and one that does not is followed by `\ No newline at end of file`, as in such a diff.
A line without its number that could be read as a sentinel (`</code>`) is shown as a JSON string, as a line of
the message is, and a diff repeats it so.

All formats show the same excerpt of a long file (`repair.prompt.excerpt`). Where lines have no numbers,
`@@ line N @@` stands in a gap, above line N, and a line of the file that reads so is a JSON string as well. A
rendered example does not say whether its file goes on after the last shown line: `solved` takes it that it
does if lines are hidden before, and else that it ends there.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from repair.errors import ConfigurationError
from repair.line_diff import numbered as line_diff
from repair.line_diff import search_replace, tolerant, tolerant_unified
from repair.line_diff import unified as unified_diff
from repair.line_diff.answer_block import find_block
from repair.line_diff.numbered import CLOSING, OPENING
from repair.line_diff.search_replace import DIVIDER, REPLACE, SEARCH
from repair.line_diff.tolerant import ReadDiff
from repair.prompt.sentinels import (
    ZERO_SHOT_SYSTEM,
    Example,
    escaped,
    excerpt_of,
    numbered_line,
    parse,
    render_prompt,
    unescaped,
    unnumbered_lines,
)
from repair.text.lines import TERMINATOR, lines_of, split_mark

LINE_DIFF = "line_diff"

_OPENING = re.compile(r"<(\w+)>")
_NO_NEWLINE = "\\ No newline at end of file"


class AnswerFormat(Protocol):
    """Renders questions for one diff format, and parses the answers."""

    @property
    def name(self) -> str:
        """The value of the column `answer_format`."""
        ...

    @property
    def instructions(self) -> str:
        """The system message, with a worked example."""
        ...

    def question(self, example: Example) -> dict[str, str]:
        """Sentinel name -> body of each section of the question.

        Raises:
            PromptError: the example can't be rendered.
        """
        ...

    def solved(self, rendered: str) -> dict[str, str]:
        """The sections of a question and its answer, for an example that `repair.prompt.sentinels`
        rendered."""
        ...

    def read(self, answer: str, original: str) -> str:
        """Parses an answer: its diff of the text `original`, as a numbered line diff.

        Raises:
            LineDiffError: there is none, or it does not apply; the subclass names the reason.
        """
        ...

    def read_in(self, answer: str, files: Mapping[str, str], path: str) -> ReadDiff:
        """`read` for an answer about the file `path` of a workspace; with the tolerances that it took."""
        ...


def fields_of(rendered: str) -> dict[str, str]:
    """The sections of a text that `repair.prompt.sentinels` rendered: sentinel name -> body."""
    fields: dict[str, str] = {}
    name, body = "", list[str]()
    for line in rendered.split("\n"):
        if name and line == f"</{name}>":
            fields[name], name = "\n".join(body), ""
        elif name:
            body.append(line)
        elif opening := _OPENING.fullmatch(line):
            name, body = opening[1], []
    return fields


def written(sections: Mapping[str, str]) -> str:
    """Renders sections between their sentinels, as they are sent to a model."""
    return "\n".join(f"<{name}>\n{body}\n</{name}>" for name, body in sections.items())


class _OfOneFile:
    """`read` of every format: `read_in` of a workspace of one file."""

    __slots__ = ()

    def read(self: AnswerFormat, answer: str, original: str) -> str:
        return self.read_in(answer, {"": original}, "").line_diff


@dataclass(frozen=True, slots=True)
class _LineDiffs(_OfOneFile):
    name: str = LINE_DIFF
    instructions: str = ZERO_SHOT_SYSTEM

    def question(self, example: Example) -> dict[str, str]:
        return fields_of(render_prompt(example))

    def solved(self, rendered: str) -> dict[str, str]:
        return fields_of(rendered)

    def read_in(self, answer: str, files: Mapping[str, str], path: str) -> ReadDiff:
        block = find_block(answer)
        read = tolerant.canonical("\n".join(block.lines), files, path)
        return ReadDiff(read.line_diff, (*block.tolerated, *read.tolerated))


@dataclass(frozen=True, slots=True)
class _UnifiedDiffs(_OfOneFile):
    name: str
    numbered: bool

    @property
    def instructions(self) -> str:
        file, apart, gap = (
            ("a file with numbered lines", ", without its number", "A gap in the numbers means")
            if self.numbered
            else ("a file", "", "`@@ line N @@` above line N means")
        )
        return _UNIFIED_SYSTEM.format(file=file, apart=apart, gap=gap) + written(self._solved(WORKED_EXAMPLE))

    def question(self, example: Example) -> dict[str, str]:
        sections = fields_of(render_prompt(example))
        if not self.numbered:
            sections["error_line"] = lines_of(split_mark(self._shown(example.text))[1])[example.error_line]
        return {**sections, "code": "\n".join((f"#{example.path}", *self._lines(example)))}

    def solved(self, rendered: str) -> dict[str, str]:
        return self._solved(parse(rendered))

    def read_in(self, answer: str, files: Mapping[str, str], path: str) -> ReadDiff:
        block = find_block(answer)
        original = files.get(path, "")
        shown = self._shown(original)
        read = tolerant_unified.canonical(block.lines, shown)
        try:
            repaired = unified_diff.apply(shown, read.line_diff)
        except line_diff.LineDiffError:
            if shown == original:
                raise
            read = tolerant_unified.canonical(block.lines, original)  # it repeats the file itself
            repaired = unified_diff.apply(original, read.line_diff)
        else:
            repaired = repaired if shown == original else _by_line(repaired, unescaped)
        return ReadDiff(line_diff.diff(original, repaired), (*block.tolerated, *read.tolerated))

    def _solved(self, example: Example) -> dict[str, str]:
        example = _going_on(example)
        change = example.line_diff or ""
        repaired = line_diff.apply(example.text, change)
        shown = self._shown(example.text)
        # A line of a diff begins with its sign: only where the file itself is shown so it has to agree.
        new = repaired if shown == example.text else self._shown(repaired)
        if example.shown is None:
            return {**self.question(example), "diff": unified_diff.diff(shown, new)}
        numbered = line_diff.parse(change if shown == example.text else line_diff.diff(shown, new))
        end = len(lines_of(shown))
        numbers = set(excerpt_of(example).numbers()) - {end}
        at_end = end in dict(numbered.removed) or len(lines_of(new)) in dict(numbered.added)
        diff = (
            unified_diff.diff(shown, new, 0) if at_end else unified_diff.of_changes(shown, numbered, numbers)
        )
        return {**self.question(example), "diff": diff}

    def _shown(self, text: str) -> str:
        """A text as its lines are shown: without numbers, some are escaped."""
        return text if self.numbered else _by_line(text, escaped)

    def _lines(self, example: Example) -> list[str]:
        lines = lines_of(split_mark(example.text)[1])
        shown = [(number, lines[number - 1]) for number in excerpt_of(example).numbers()]
        formatted = (
            [numbered_line(number, line) for number, line in shown]
            if self.numbered
            else unnumbered_lines(shown)
        )
        if shown[-1][0] < len(lines):
            return formatted
        return formatted[:-1] if lines[-1] == "" else [*formatted, _NO_NEWLINE]


_UNNUMBERED = _UnifiedDiffs("unified_diff_unnumbered", numbered=False)


@dataclass(frozen=True, slots=True)
class _SearchReplace(_OfOneFile):
    name: str = "search_replace"

    @property
    def instructions(self) -> str:
        return _SEARCH_SYSTEM + written(self._solved(WORKED_EXAMPLE))

    def question(self, example: Example) -> dict[str, str]:
        return _UNNUMBERED.question(example)

    def solved(self, rendered: str) -> dict[str, str]:
        return self._solved(parse(rendered))

    def read_in(self, answer: str, files: Mapping[str, str], path: str) -> ReadDiff:
        block = find_block(answer)
        blocks, original = "\n".join(block.lines), files.get(path, "")
        shown = _by_line(original, escaped)
        try:
            repaired = _by_line(search_replace.apply(shown, blocks), unescaped)
        except line_diff.LineDiffError:
            if shown == original:
                raise
            repaired = search_replace.apply(original, blocks)  # it repeats the file itself
        return ReadDiff(line_diff.diff(original, repaired), block.tolerated)

    def _solved(self, example: Example) -> dict[str, str]:
        example = _going_on(example)
        repaired = line_diff.apply(example.text, example.line_diff or "")
        shown, new = (_by_line(text, escaped) for text in (example.text, repaired))
        numbers = set(excerpt_of(example).numbers())
        if example.text.endswith("\n"):
            numbers.discard(len(lines_of(example.text)))  # the empty line behind the last newline
        return {**self.question(example), "diff": search_replace.diff(shown, new, numbers)}


def _going_on(example: Example) -> Example:
    """The example, the text of which ends in a newline where hidden lines follow."""
    if example.shown is None or example.text.endswith("\n"):
        return example
    return replace(example, text=f"{example.text}\n")


def _by_line(text: str, change: Callable[[str], str]) -> str:
    """`text` with every line changed, and its byte order mark and every terminator as they were."""
    mark, text = split_mark(text)
    ends = [*TERMINATOR.findall(text), ""]
    return mark + "".join(change(line) + end for line, end in zip(lines_of(text), ends, strict=True))


# The worked example of the line diff's instructions, so that all formats have the same one.
WORKED_EXAMPLE = parse(ZERO_SHOT_SYSTEM[ZERO_SHOT_SYSTEM.index("<code>\n") :])

_UNIFIED_SYSTEM = f"""\
You are an expert assistant for debugging Python code. You are given {{file}}, the message
of one error that a language server reports in it, and the line in which that error begins.
{{gap}} lines that are not shown, and a long file may go on after the last line.

Answer with a unified diff that repairs this error, and with nothing else:
- The diff stands between {OPENING} and {CLOSING}, each alone on its line. It has no file headers.
- A hunk begins with `@@ -a,b +c,d @@`: b lines, from line a of the given file on, become d lines, from line c
  of the repaired file on.
- Each line below it begins with a space if it is kept, `-` if it is taken away, `+` if it is put in, and
  then has the text of the line{{apart}}. What is kept or taken away repeats the file exactly.
- Up to three kept lines stand before and behind each change, of those that are shown.
- Take away only lines that are shown, and put lines in only next to one that is.
- `{_NO_NEWLINE}` stands below a last line that no newline ends, here and in the diff.
- Change no more than the repair needs, and keep what the program is meant to do. Never delete, comment out or
  silence the faulty code in place of repairing it.

For example:

"""

_SEARCH_SYSTEM = f"""\
You are an expert assistant for debugging Python code. You are given a file, the message
of one error that a language server reports in it, and the line in which that error begins.
`@@ line N @@` above line N means lines that are not shown, and a long file may go on after the last line.

Answer with search/replace blocks that repair this error, and with nothing else:
- The blocks stand between {OPENING} and {CLOSING}, each alone on its line.
- A block is `{SEARCH}`, lines of the given file, `{DIVIDER}`, the lines that they become, and
  `{REPLACE}`, each of the three markers alone on its line.
- What is searched for repeats whole lines of the file exactly, and stands in it once: where a line stands
  there more often, lines around it are repeated in both parts.
- Search only for lines that are shown. A line of a block that reads as a marker is written as a JSON string.
- Change no more than the repair needs, and keep what the program is meant to do. Never delete, comment out or
  silence the faulty code in place of repairing it.

For example:

"""

_FORMATS: dict[str, AnswerFormat] = {
    form.name: form
    for form in (
        _LineDiffs(),
        _UnifiedDiffs("unified_diff", numbered=True),
        _UNNUMBERED,
        _SearchReplace(),
    )
}

NAMES = tuple(_FORMATS)


def answer_format(name: str | None) -> AnswerFormat:
    """The format of this name; None, as in a row without one, is the numbered line diff.

    Raises:
        ConfigurationError: there is no such format.
    """
    found = _FORMATS.get(name or LINE_DIFF)
    if found is None:
        raise ConfigurationError(f"there is no answer format {name!r}; there are {', '.join(NAMES)}")
    return found
