"""Pasting mistakes: prompts, output, prose and line numbers among the code.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
import token
from collections.abc import Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText

_OUTPUT = (
    "Traceback (most recent call last):",
    "Process finished with exit code 0",
    "NameError: name 'result' is not defined",
    "$ python main.py",
    "In [2]:",
    "Out[3]: [1, 2, 3]",
    "```python",
    "```",
    "Hello, World!",
    "Enter a number: 5",
    "<<<<<<< HEAD",
    "=======",
)
_PROSE = (
    "This is the part that does the work",
    "TODO fix this later",
    "Here is the corrected version of the function:",
    "now we call the function",
    "I don't know why this is needed",
    "Step 2: check the result",
    "the old version did not work",
)
_MOST_LINES = 5


def prompt_pasted(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """One or more lines begin with the prompt that they were copied from."""
    for body in source.bodies:
        for number, node in enumerate(body):
            rest = body[number : number + random.choice([1, 1, 2, 3])]
            if all(source.simple(other) for other in rest) and not node.col_offset:
                start, end, lines = source.indented_lines(rest[0], rest[-1])
                prompt = random.choice([">>> ", ">>> ", ">>>", "... "])
                yield MistakeEdit(start, end, "\n".join(prompt + line if line else line for line in lines))


def prompt_inside(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line of a block begins with a prompt."""
    for body in source.bodies:
        for node in body:
            if node.col_offset and source.simple(node):
                start = source.span(node)[0]
                yield MistakeEdit(start, start, random.choice([">>> ", "... "]))


def comment_without_sign(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A comment lacks its `#`."""
    for comment in source.comments:
        words = comment.text.lstrip("# ")
        if len(words.split()) > 1:
            yield MistakeEdit(comment.start, comment.end, words)


def docstring_without_quotes(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A docstring on one line lacks its quotes."""
    for item in source.tokens:
        one_line = item.kind == token.STRING and "\n" not in item.text
        if one_line and item.text.startswith('"""') and len(item.text.split()) > 2:
            yield MistakeEdit(item.start, item.end, item.text[3:-3])


def _inserted(source: SourceText, lines: tuple[str, ...], random: Random) -> Iterator[MistakeEdit]:
    for body in source.bodies:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
                continue
            if source.alone(node) or hasattr(node, "body"):
                start = source.line_start(node.lineno - 1)
                indent = " " * node.col_offset if random.random() < 0.5 else ""
                yield MistakeEdit(start, start, f"{indent}{random.choice(lines)}\n")


def output_pasted(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line of a program's output, of a merge or of a web page stands among the code."""
    return _inserted(source, _OUTPUT, random)


def prose_among_code(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line of prose stands among the code."""
    return _inserted(source, _PROSE, random)


def line_numbers(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """Some lines begin with their numbers in the text that they were copied from."""
    for body in source.bodies:
        for number, node in enumerate(body):
            rest = body[number : number + random.choice([1, 2, 3])]
            if all(source.simple(other) for other in rest):
                start, end, lines = source.indented_lines(rest[0], rest[-1])
                if len(lines) <= _MOST_LINES:
                    first, form = node.lineno, random.choice(["{} {}", "{}: {}", "{}. {}"])
                    yield MistakeEdit(
                        start,
                        end,
                        "\n".join(form.format(first + index, line) for index, line in enumerate(lines)),
                    )


PASTED_MISTAKES = (
    MistakeKind("prompt_pasted", prompt_pasted, 3, breaks_parsing=True),
    MistakeKind("prompt_inside", prompt_inside, 1, breaks_parsing=True),
    MistakeKind("comment_without_sign", comment_without_sign, 4, breaks_parsing=True),
    MistakeKind("docstring_without_quotes", docstring_without_quotes, 2, breaks_parsing=True),
    MistakeKind("output_pasted", output_pasted, 3, breaks_parsing=True),
    MistakeKind("prose_among_code", prose_among_code, 2, breaks_parsing=True),
    MistakeKind("line_numbers", line_numbers, 1, breaks_parsing=True),
)
