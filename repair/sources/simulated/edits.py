"""Types of mistakes: a kind, and the edit that makes one.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from repair.sources.simulated.source_text import SourceText
from repair.text.python_syntax import tree_of


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
    return tree_of(text) is not None
