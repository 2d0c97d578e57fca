"""The shape that every kind of mistake has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from repair.sources.simulated.source_text import SourceText


class Edit(NamedTuple):
    """Replaces the correct text's code points [`start`, `end`) by the wrong `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class MistakeKind:
    """A kind of mistake that people make."""

    name: str
    places: Callable[[SourceText, Random], Iterator[Edit]]
    """Every place of a correct text where it can be made, in an order that depends on the text alone."""
    weight: float
    """How often it is made, next to the others."""
    breaks_parsing: bool = False
    """Whether the file does not parse until it is corrected, which hides other mistakes."""
