"""Combined mistakes: two on one line, which only one edit of the line mends.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

from repair.sources.simulated.bracket_mistakes import BRACKET_MISTAKES
from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.quote_mistakes import QUOTE_MISTAKES
from repair.sources.simulated.reference_mistakes import misspelt_name
from repair.sources.simulated.separator_mistakes import SEPARATOR_MISTAKES
from repair.sources.simulated.source_text import SourceText

_PARTS = (
    *(kind.edits for kind in (*SEPARATOR_MISTAKES, *QUOTE_MISTAKES, *BRACKET_MISTAKES)),
    misspelt_name,
)
_PARTS_AT_ONCE = 8


def two_on_one_line(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """Two mistakes on one line: in separators, quotes, brackets or a name."""
    by_line: defaultdict[int, list[MistakeEdit]] = defaultdict(list)
    for edits in random.sample(_PARTS, _PARTS_AT_ONCE):
        for edit in edits(source, random):
            line = source.line_of(edit.start)
            if line == source.line_of(edit.end) and "\n" not in edit.text:
                by_line[line].append(edit)
    for found in by_line.values():
        first, second = sorted(random.sample(found, min(2, len(found))) * (2 // min(2, len(found))))
        if first.end < second.start:
            yield joined(source, (first, second))


def joined(source: SourceText, edits: Sequence[MistakeEdit]) -> MistakeEdit:
    """One edit that makes all `edits`, which are in order and apart."""
    parts, at = list[str](), edits[0].start
    for edit in edits:
        parts += [source.text[at : edit.start], edit.text]
        at = edit.end
    return MistakeEdit(edits[0].start, at, "".join(parts))


COMBINED_MISTAKES = (MistakeKind("two_on_one_line", two_on_one_line, 1, breaks_parsing=True),)
