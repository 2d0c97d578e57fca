r"""Token match: equal tokens but for layout and comments, of texts that need not parse.

A tolerant tokenizer: names and numbers, strings, operators, and the structure that layout expresses (end of a
logical line, indent, dedent), but no comments, blank lines, spaces, or lines joined by brackets or a
backslash. What only `ast_match` sees past is a difference here: quotes, parentheses, the spelling of numbers.

A string that is not closed ends with its line, or in triple quotes with the text
(`repair.curation.detectors.literals`). Where there are f-strings, tree-sitter says where strings end
(`repair.verification.cheats.syntax`): those in the braces of an f-string belong to it. A bracket that nothing
closes joins no lines.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from repair.curation.detectors.literals import Literals
from repair.text.lines import lines_of, split_mark
from repair.verification.cheats.syntax import CostlySyntaxError, tree_of

NEWLINE, INDENT, DEDENT, INCONSISTENT = "\n", "\n>", "\n<", "\n!"
"""Tokens of the structure; no other begins with a line feed. `INCONSISTENT`: an indentation that depends on
the width of a tab, which Python refuses."""

_TOKEN = re.compile(
    r"(?P<space>[ \t\f]+|\\\n)|(?P<newline>\n)|(?P<comment>#[^\n]*)"
    r"|(?:0[xXbBoO][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?[jJ]?)"
    r"|\w+|\*\*=?|//=?|>>=?|<<=?|->|:=|\.\.\.|[-+*/%@&|^=!<>]=|\S|\s"
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())
_TAB = 8
_QUOTE = re.compile(r"[rRbBuUfFtT]{0,2}(?=['\"])")
_FORMATTED = re.compile(r"[fFtT][rR]?['\"]")
_MOST_CONTINUATIONS = 2_000  # tree-sitter takes time in the square of them


class _Token(NamedTuple):
    text: str
    column: tuple[int, int]
    """Of its first character in its line, with tabs of 8 and of 1, as Python counts them."""


def token_match(prediction: str, target: str) -> bool:
    """Whether two texts have the same tokens: they differ in layout and comments at most.

    It asks more than `ast_match` where that answers, and answers for every text: what this Python can't
    parse, because it is broken or of another version, is compared as well.
    """
    return prediction == target or tokens(prediction) == tokens(target)


def tokens(source: str) -> list[str]:
    """The tokens of a Python text, broken or not, with `NEWLINE`, `INDENT` and `DEDENT`."""
    found = list(_lexed("\n".join(lines_of(split_mark(source)[1]))))
    joined = _joined_lines(found)
    result: list[str] = []
    indents = [(0, 0)]
    at_start = True
    for index, token in enumerate(found):
        if token.text == NEWLINE:
            if not at_start and index not in joined:
                result.append(NEWLINE)
                at_start = True
            continue
        if at_start:
            result.extend(_indentation(indents, token.column))
            at_start = False
        result.append(token.text)
    return result if at_start else [*result, NEWLINE]


def _indentation(indents: list[tuple[int, int]], column: tuple[int, int]) -> Iterator[str]:
    """The change of the indentation at the first token of a logical line; keeps the stack `indents`."""
    while column[0] < indents[-1][0]:
        indents.pop()
        yield DEDENT
    wide, narrow = (own - above for own, above in zip(column, indents[-1], strict=True))
    if (wide > 0) != (narrow > 0) or (wide == 0) != (narrow == 0):
        yield INCONSISTENT
    if wide > 0:  # also after a dedent to a column that no line had
        indents.append(column)
        yield INDENT


def _lexed(text: str) -> Iterator[_Token]:
    """The tokens with their columns, line ends among them and comments not."""
    formatted = _FORMATTED.search(text) and text.count("\\\n") <= _MOST_CONTINUATIONS
    strings, literals = dict(_tree_strings(text) if formatted else ()), Literals(text)
    position, column = 0, (0, 0)
    while position < len(text):
        end = strings.get(position)
        if end is None and (quote := _QUOTE.match(text, position)):
            literal = literals.around(quote.end(), quote.end() + 1)
            end = literal.end if literal and literal.prefix != "#" else None
        if end is not None and end > position:
            yield _Token(text[position:end], column)
            column = (column[0] + end - position, column[1] + end - position)
            position = end
            continue
        match = _TOKEN.match(text, position)
        if match is None:  # every character matches
            break
        if match["newline"] or match["space"] == "\\\n":
            if match["newline"]:
                yield _Token(NEWLINE, (0, 0))
            column = (0, 0)
        elif match["space"]:
            column = _column_after(column, match["space"])
        else:
            if not match["comment"]:
                yield _Token(match[0], column)
            column = (column[0] + len(match[0]), column[1] + len(match[0]))
        position = match.end()


def _column_after(column: tuple[int, int], space: str) -> tuple[int, int]:
    wide, narrow = column
    for character in space:
        if character == "\f":
            wide = narrow = 0
        else:
            wide = (wide // _TAB + 1) * _TAB if character == "\t" else wide + 1
            narrow += 1
    return wide, narrow


def _tree_strings(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the outermost strings without an error in them, in code points."""
    offset, byte = 0, 0
    last_end = 0
    source = text.encode(errors="replace")
    try:
        nodes = tree_of(text).of_type("string")
    except CostlySyntaxError:
        return
    for node in nodes:
        if node.start_byte < last_end or node.has_error:
            continue
        start = offset + len(source[byte : node.start_byte].decode())
        end = start + len(source[node.start_byte : node.end_byte].decode())
        offset, byte, last_end = end, node.end_byte, node.end_byte
        if end > start:
            yield start, end


def _joined_lines(found: list[_Token]) -> set[int]:
    """The indices of the line ends between a bracket and the one that closes it."""
    opened: list[tuple[str, int]] = []
    waiting: Counter[str] = Counter()
    pairs: list[tuple[int, int]] = []
    for index, token in enumerate(found):
        if token.text in _OPENING:
            opened.append((_OPENING[token.text], index))
            waiting[_OPENING[token.text]] += 1
        elif token.text in _CLOSING and waiting[token.text]:
            closing = ""
            while closing != token.text:  # brackets of other kinds in between are not closed
                closing, start = opened.pop()
                waiting[closing] -= 1
                if closing == token.text:
                    pairs.append((start, index))
    joined: set[int] = set()
    outer_end = -1
    for start, end in sorted(pairs):
        if end > outer_end:
            joined.update(index for index in range(start, end) if found[index].text == NEWLINE)
            outer_end = end
    return joined
