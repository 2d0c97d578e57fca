"""Types of mistakes: a kind, and the edit that makes one.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from repair.sources.simulated.source_text import SourceText


class MistakeEdit(NamedTuple):
    """Replaces the correct text's code points [`start`, `end`) by the wrong `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class MistakeKind:
    """A kind of mistake that people make."""

    name: str
    edits: Callable[[SourceText, Random], Iterator[MistakeEdit]]
    """Every edit of a correct text that makes this mistake, in an order that depends on the text alone."""
    weight: float
    """Relative frequency among the kinds of its family (`families`)."""
    breaks_parsing: bool = False
    """Whether the file does not parse until it is corrected."""


def applied(source: SourceText, edit: MistakeEdit) -> str:
    """The whole text with the mistake in it."""
    return source.text[: edit.start] + edit.text + source.text[edit.end :]


def parses(text: str) -> bool:
    """Whether Python's grammar accepts `text`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mistake may be one that the compiler only warns of
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
    return True
