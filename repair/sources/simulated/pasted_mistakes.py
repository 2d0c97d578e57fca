"""Pasting mistakes: prompts, output, prose and line numbers among the code.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
import token
from collections.abc import Callable, Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText

# What is pasted is put together from these parts, so that it is hardly twice the same.
_OUTPUTS = (
    (
        "Traceback (most recent call last):",
        "Process finished with exit code {number}",
        "Out[{number}]: {number}",
    ),
    (
        "NameError: name '{word}' is not defined",
        "TypeError: '{word}' object is not callable",
        "$ python {word}.py",
    ),
    (
        '  File "{word}.py", line {number}, in <module>',
        "KeyError: '{word}'",
        "In [{number}]:",
        ">>>",
        "{number}",
    ),
    (
        "```python",
        "```",
        "<<<<<<< HEAD",
        "=======",
        "Hello, World!",
        "Enter the {word}: {number}",
        "[{number}, 2, 3]",
    ),
    (
        "{word} = {number} ms",
        "{number} passed in 0.{number}s",
        "INFO: {word} started",
        "-------------------------",
    ),
)
_BEGINNINGS = (
    *(
        "This is where",
        "Here we see that",
        "I don't know why",
        "TODO check if",
        "Now",
        "The old version said that",
    ),
    *("Step {number}: make sure that", "As you can see", "Note that", "It works because", "In this part"),
)
_SUBJECTS = ("the {word}", "each {word}", "the function", "the list", "our loop", "the result", "this value")
_ENDS = (
    *(
        "is computed",
        "is too large",
        "comes from the user",
        "has to be sorted first",
        "can be empty",
        "is done",
    ),
    *("is printed twice", "must not change", "gets its name", "was wrong before", "is returned at the end"),
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


def _inserted(source: SourceText, line: Callable[[str, int], str], random: Random) -> Iterator[MistakeEdit]:
    words = sorted(name for name in source.names if name.isalpha() and name.islower())

    for body in source.bodies:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
                continue
            if source.alone(node) or hasattr(node, "body"):
                start = source.line_start(node.lineno - 1)
                indent = " " * node.col_offset if random.random() < 0.5 else ""
                pasted = line(random.choice(words), random.randint(1, 40))
                yield MistakeEdit(start, start, f"{indent}{pasted}\n")


def output_pasted(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line of a program's output, of a merge or of a web page stands among the code."""

    def line(word: str, number: int) -> str:
        return random.choice(random.choice(_OUTPUTS)).format(word=word, number=number)

    return _inserted(source, line, random)


def prose_among_code(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line of prose stands among the code."""

    def line(word: str, number: int) -> str:
        parts = (random.choice(parts) for parts in (_BEGINNINGS, _SUBJECTS, _ENDS))
        return " ".join(parts).format(word=word, number=number)

    return _inserted(source, line, random)


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
