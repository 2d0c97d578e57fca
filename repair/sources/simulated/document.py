"""Model of a file that is being written: the blocks written so far, and the mistakes in them.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in the file, as an edit of the correct text."""

    kind: MistakeKind
    edit: MistakeEdit


class Document:
    """A file that the typist writes block by block: a block is a function, a class, or the text between two.

    All offsets are into the correct text; `text` is the present file.
    """

    def __init__(self, path: str, correct: str) -> None:
        self.path = path
        self.source = SourceText(correct)
        self.version = 0
        """Version of the last packet."""
        self.blocks = _blocks(self.source)
        self.unwritten: list[int] = []
        """Numbers of blocks, rising."""
        self.mistakes: list[Mistake] = []
        """The mistakes that are in the file, by offset."""
        self._made: set[tuple[int, int]] = set()

    @property
    def text(self) -> str:
        """The present text: the written blocks, with the mistakes in them."""
        correct, parts, pending = self.source.text, list[str](), list(self.mistakes)
        for number, (start, end) in enumerate(self.blocks):
            if number in self.unwritten:
                continue
            at = start
            while pending and pending[0].edit.start < end:
                edit = pending.pop(0).edit
                parts += [correct[at : edit.start], edit.text]
                at = edit.end
            parts.append(correct[at:end])
        return "".join(parts)

    def leave_out(self, random: Random, most: int) -> None:
        """Leave up to `most` functions or classes, which nothing else uses, to be written later."""
        tree = self.source.tree
        used = {node.id for node in self.source.nodes if isinstance(node, ast.Name)}
        used |= {node.attr for node in self.source.nodes if isinstance(node, ast.Attribute)}
        free: list[int] = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name not in used:
                number = self._block_of(self.source.span(node)[0])
                if self.blocks[number][1] - self.blocks[number][0] <= 2000:
                    free.append(number)
        self.unwritten = sorted(random.sample(free, min(most, len(free))))

    def write(self, number: int) -> None:
        """Mark the block as written."""
        self.unwritten.remove(number)

    def made_at(self, edit: MistakeEdit) -> bool:
        """Whether a mistake was ever made at these offsets."""
        return (edit.start, edit.end) in self._made

    def possible_edits(
        self, kind: MistakeKind, random: Random, block: int | None = None
    ) -> Iterator[MistakeEdit]:
        """Edits by which `kind` can be made now: in a written block, away from other mistakes, never twice.

        `block`: in this block only.
        """
        occupied = [self._lines(mistake.edit) for mistake in self.mistakes]
        for edit in kind.edits(self.source, random):
            first, last = self._lines(edit)
            number = self._block_of(edit.start)
            if number in self.unwritten or (block is not None and number != block):
                continue
            # Mistakes on neighbouring lines would merge into one.
            if self.made_at(edit) or any(first <= end + 1 and start <= last + 1 for start, end in occupied):
                continue
            if edit.end <= self.blocks[number][1]:
                yield edit

    def make(self, mistake: Mistake) -> None:
        """Add the mistake to the file."""
        self._made.add((mistake.edit.start, mistake.edit.end))
        self.mistakes = sorted([*self.mistakes, mistake], key=lambda made: made.edit.start)

    def correct(self, mistake: Mistake) -> None:
        """Remove the mistake from the file."""
        self.mistakes.remove(mistake)

    def _lines(self, edit: MistakeEdit) -> tuple[int, int]:
        return self.source.line_of(edit.start), self.source.line_of(edit.end)

    def _block_of(self, offset: int) -> int:
        return bisect_right(self.blocks, offset, key=lambda block: block[0]) - 1


def _blocks(source: SourceText) -> list[tuple[int, int]]:
    """Spans of the text, cut before and after each top-level function and class, with their comments."""
    cuts = {0, len(source.text)}
    end_before = 0
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            cuts |= {end_before, source.lines_span(node)[1]}
        end_before = source.lines_span(node)[1]
    ordered = sorted(cuts)
    return list(pairwise(ordered))
