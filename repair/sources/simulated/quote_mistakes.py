"""Quote mistakes: texts without quotes, quotes that are missing, doubled or do not match.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import re
import token
from collections.abc import Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText, Token

_TRIPLE = ('"""', "'''")
_WORD = re.compile(r"[A-Za-z]\w{2,20}")
_WORDS = re.compile(r"[A-Za-z][\w ,.!?:'/-]{3,60}")
_OTHER = {'"': "'", "'": '"'}


def _plain(source: SourceText) -> Iterator[Token]:
    """Strings on one line, without a prefix and not in three quotes."""
    for item in source.tokens:
        one_line = item.kind == token.STRING and len(item.text) > 2 and "\n" not in item.text
        if one_line and item.text[0] in _OTHER and item.text[:3] not in _TRIPLE:
            yield item


def unquoted_word(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A text of one word is written without quotes, and so is a name."""
    for item in _plain(source):
        word = item.text[1:-1]
        if _WORD.fullmatch(word) and word not in source.names:
            yield MistakeEdit(item.start, item.end, word)


def unquoted_words(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A text of several words is written without quotes."""
    for item in _plain(source):
        if _WORDS.fullmatch(item.text[1:-1]) and " " in item.text.strip():
            yield MistakeEdit(item.start, item.end, item.text[1:-1])


def unclosed_string(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A string on one line lacks its closing quote."""
    for item in source.tokens:
        quoted = item.text.lstrip("rRbBuUfF")
        if item.kind == token.STRING and len(quoted) > 2 and quoted[:3] not in _TRIPLE:
            yield MistakeEdit(item.end - 1, item.end, "")


def missing_opening_quote(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A string lacks its opening quote."""
    for item in _plain(source):
        yield MistakeEdit(item.start, item.start + 1, "")


def mismatched_quotes(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A string begins with one kind of quote and ends with the other."""
    for item in source.tokens:
        quoted = item.text.lstrip("rRbBuUfF")
        if item.kind == token.STRING and len(quoted) > 2 and quoted[:3] not in _TRIPLE:
            if random.random() < 0.5:
                yield MistakeEdit(item.end - 1, item.end, _OTHER[item.text[-1]])
            else:
                start = item.end - len(quoted)
                yield MistakeEdit(start, start + 1, _OTHER[quoted[0]])


def doubled_quote(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A string's closing quote is typed twice."""
    for item in _plain(source):
        yield MistakeEdit(item.end, item.end, item.text[-1])


def quote_inside(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A text holds its own quote: `'it's'`."""
    for item in _plain(source):
        inside = item.text[1:-1]
        if _OTHER[item.text[0]] in inside and "\\" not in inside:
            other = _OTHER[item.text[0]]
            yield MistakeEdit(item.start, item.end, f"{other}{inside}{other}")


def unclosed_docstring(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A text in three quotes ends with fewer of them, or with none."""
    for item in source.tokens:
        if item.kind == token.STRING and item.text.endswith(_TRIPLE):
            yield MistakeEdit(item.end - 3, item.end, item.text[-1] * random.choice([0, 1, 2]))


def typographic_quotes(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A text has the quotes of a word processor or a web page."""
    for item in _plain(source):
        opening, closing = ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}")
        if item.text[0] == "'":
            opening, closing = ("\N{LEFT SINGLE QUOTATION MARK}", "\N{RIGHT SINGLE QUOTATION MARK}")
        yield MistakeEdit(item.start, item.end, f"{opening}{item.text[1:-1]}{closing}")


QUOTE_MISTAKES = (
    MistakeKind("unquoted_word", unquoted_word, 4),
    MistakeKind("unquoted_words", unquoted_words, 4, breaks_parsing=True),
    MistakeKind("unclosed_string", unclosed_string, 5, breaks_parsing=True),
    MistakeKind("missing_opening_quote", missing_opening_quote, 3, breaks_parsing=True),
    MistakeKind("mismatched_quotes", mismatched_quotes, 4, breaks_parsing=True),
    MistakeKind("doubled_quote", doubled_quote, 1, breaks_parsing=True),
    MistakeKind("quote_inside", quote_inside, 2, breaks_parsing=True),
    MistakeKind("unclosed_docstring", unclosed_docstring, 2, breaks_parsing=True),
    MistakeKind("typographic_quotes", typographic_quotes, 1, breaks_parsing=True),
)
