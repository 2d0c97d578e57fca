"""A file on its way to a correct text: what is written of it, and which mistakes are in it."""

import ast
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import Edit, MistakeKind
from repair.sources.simulated.source_text import SourceText


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake that was made at a place of the correct text."""

    kind: MistakeKind
    edit: Edit


class Document:
    """A file that the typist writes block by block: a block is a function, a class, or what stands between.

    All places are offsets into the correct text; `text` is the file as it is now.
    """

    def __init__(self, path: str, correct: str) -> None:
        self.path = path
        self.source = SourceText(correct)
        self.version = 0
        """Of the last packet."""
        self.blocks = _blocks(self.source)
        self.unwritten: list[int] = []
        """Numbers of blocks, rising."""
        self.mistakes: list[Mistake] = []
        """Those still in the file, in the order of their places."""
        self._made: set[tuple[int, int]] = set()

    @property
    def text(self) -> str:
        """The file as it is now."""
        correct, parts, waiting = self.source.text, list[str](), list(self.mistakes)
        for number, (start, end) in enumerate(self.blocks):
            if number in self.unwritten:
                continue
            at = start
            while waiting and waiting[0].edit.start < end:
                edit = waiting.pop(0).edit
                parts += [correct[at : edit.start], edit.text]
                at = edit.end
            parts.append(correct[at:end])
        return "".join(parts)

    @property
    def broken(self) -> bool:
        """Whether the file does not parse."""
        return any(mistake.kind.breaks_parsing for mistake in self.mistakes)

    def leave_out(self, random: Random, most: int) -> None:
        """Leave up to `most` functions or classes to be written later, such as nothing else needs."""
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
        """Put the block in its place."""
        self.unwritten.remove(number)

    def made_at(self, edit: Edit) -> bool:
        """Whether a mistake was ever made at this place."""
        return (edit.start, edit.end) in self._made

    def places(self, kind: MistakeKind, random: Random, block: int | None = None) -> Iterator[Edit]:
        """Where `kind` can be made now: in what is written, away from other mistakes, and never twice.

        `block`: in this block only.
        """
        taken = [self._lines(mistake.edit) for mistake in self.mistakes]
        for edit in kind.places(self.source, random):
            first, last = self._lines(edit)
            number = self._block_of(edit.start)
            if number in self.unwritten or (block is not None and number != block):
                continue
            # A neighbouring line would make one place of two.
            if self.made_at(edit) or any(first <= end + 1 and start <= last + 1 for start, end in taken):
                continue
            if edit.end <= self.blocks[number][1]:
                yield edit

    def make(self, mistake: Mistake) -> None:
        """Put the mistake into the file."""
        self._made.add((mistake.edit.start, mistake.edit.end))
        self.mistakes = sorted([*self.mistakes, mistake], key=lambda one: one.edit.start)

    def correct(self, mistake: Mistake) -> None:
        """Take the mistake out again."""
        self.mistakes.remove(mistake)

    def _lines(self, edit: Edit) -> tuple[int, int]:
        return self.source.line_of(edit.start), self.source.line_of(edit.end)

    def _block_of(self, offset: int) -> int:
        return bisect_right(self.blocks, offset, key=lambda block: block[0]) - 1


def _blocks(source: SourceText) -> list[tuple[int, int]]:
    """The text cut in front of and behind each function and class of its body, comments with them."""
    cuts = {0, len(source.text)}
    behind = 0
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            cuts |= {behind, source.lines_span(node)[1]}
        behind = source.lines_span(node)[1]
    ordered = sorted(cuts)
    return list(pairwise(ordered))
