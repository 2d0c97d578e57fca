"""Weighted random choice of the next mistake.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

from random import Random

from repair.sources.simulated.document import Document, Mistake
from repair.sources.simulated.edits import MistakeKind
from repair.sources.simulated.reference_mistakes import REFERENCE_MISTAKES
from repair.sources.simulated.syntax_mistakes import SYNTAX_MISTAKES
from repair.sources.simulated.type_mistakes import TYPE_MISTAKES

KINDS: tuple[MistakeKind, ...] = (*SYNTAX_MISTAKES, *REFERENCE_MISTAKES, *TYPE_MISTAKES)

MOST_OPEN = 3
"""Mistakes in one file at a time."""


def next_mistake(
    document: Document, used: set[str], random: Random, block: int | None = None
) -> Mistake | None:
    """A mistake that can be made in `document` now, or `None`.

    Kinds in `used` are not made again, and the kind that is returned is added: two mistakes of one kind in
    one file on one day would be near-duplicates of each other. Nothing is made in a file that does not
    parse, as the servers would not report it.
    """
    if document.broken or len(document.mistakes) >= MOST_OPEN:
        return None
    for kind in sorted(KINDS, key=lambda kind: -(random.random() ** (1 / kind.weight))):
        if kind.name in used:
            continue
        # A mistake that breaks the file hides the others in it.
        if kind.breaks_parsing and document.mistakes:
            continue
        edits = list(document.possible_edits(kind, random, block))
        if edits:
            used.add(kind.name)
            return Mistake(kind, random.choice(edits))
    return None
