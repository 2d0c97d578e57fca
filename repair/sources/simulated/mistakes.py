"""Table of mistakes by family, with shares and sources, and the weighted random choice of the next one.

The studies count messages, not mistakes: "invalid syntax" alone is a third of them and has many causes. So
the share of a family follows from published counts where its `basis` says so, and the share of a kind within
its family is our own estimate. Three quarters follow the studies of beginners (the mean of both), one quarter
that of professionals. `docs/mistakes.md` has the result of `table`.
"""

from dataclasses import dataclass
from random import Random

from repair.sources.simulated.bracket_mistakes import BRACKET_MISTAKES
from repair.sources.simulated.combined_mistakes import COMBINED_MISTAKES
from repair.sources.simulated.definition_mistakes import DEFINITION_MISTAKES
from repair.sources.simulated.document import Document, Mistake
from repair.sources.simulated.edits import MistakeEdit, MistakeKind, applied, parses
from repair.sources.simulated.indentation_mistakes import INDENTATION_MISTAKES
from repair.sources.simulated.language_mistakes import LANGUAGE_MISTAKES
from repair.sources.simulated.pasted_mistakes import PASTED_MISTAKES
from repair.sources.simulated.places import PLACES
from repair.sources.simulated.quote_mistakes import QUOTE_MISTAKES
from repair.sources.simulated.reference_mistakes import REFERENCE_MISTAKES
from repair.sources.simulated.separator_mistakes import SEPARATOR_MISTAKES
from repair.sources.simulated.statement_mistakes import STATEMENT_MISTAKES
from repair.sources.simulated.studies import STUDIES
from repair.sources.simulated.type_mistakes import TYPE_MISTAKES


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds of mistakes that belong together."""

    name: str
    share: float
    """Per cent of all mistakes."""
    basis: str
    """What the share follows from."""
    kinds: tuple[MistakeKind, ...]

    def share_of(self, kind: MistakeKind) -> float:
        """The share of one of its kinds among all mistakes, in per cent."""
        return self.share * kind.weight / sum(other.weight for other in self.kinds)


_INVALID = (
    'its part of "invalid syntax" (Pritchard 34.7 %, Jeffries 39.2 %: mean 37 %, three quarters of it 28 %), '
    "our own estimate"
)
FAMILIES = (
    Family("separators", 7, _INVALID, SEPARATOR_MISTAKES),
    Family(
        "brackets",
        9,
        '"unexpected EOF while parsing" (Pritchard 5.0 %, Jeffries 5.2 %: 4 %), the rest ' + _INVALID,
        BRACKET_MISTAKES,
    ),
    Family(
        "quotes",
        7,
        '"EOL while scanning string literal" (Pritchard 3.3 %, Jeffries 7.2 %: 4 %), the rest '
        + _INVALID
        + "; Jeffries name texts without quotes as frequent in all exercises",
        QUOTE_MISTAKES,
    ),
    Family(
        "indentation",
        13,
        "the four messages about indentation and tabs (Pritchard 12.1 %, Jeffries 23.1 %: 13 %)",
        INDENTATION_MISTAKES,
    ),
    Family(
        "statements",
        7,
        "assignments to what is no variable (Pritchard 1.7 %, Jeffries 0.7 %: 1 %), the rest " + _INVALID,
        STATEMENT_MISTAKES,
    ),
    Family(
        "other languages",
        6,
        "print without parentheses (Jeffries 1.4 %: 1 %), the rest " + _INVALID,
        LANGUAGE_MISTAKES,
    ),
    Family("pasted text", 4, _INVALID, PASTED_MISTAKES),
    Family(
        "two on one line",
        3,
        "our own estimate; Sakkas: 14.2 % of users' fixes of syntax errors change one token, 23.2 % two, "
        "46.6 % more than four",
        COMBINED_MISTAKES,
    ),
    Family(
        "names",
        15,
        "names, attributes and imports that do not exist (Pritchard 22.1 %, Jeffries 13.7 %; Rak-amnouykit "
        "name-defined 25.6 %, attr-defined 17.0 %, no-redef 2.1 %: 22 %), two thirds of them where they are "
        "read",
        REFERENCE_MISTAKES,
    ),
    Family(
        "definitions",
        7,
        "the other third of the names, where they are defined, our own estimate",
        DEFINITION_MISTAKES,
    ),
    Family(
        "types",
        22,
        "types, arguments and None (Pritchard 20.0 %, Jeffries 9.5 %; Rak-amnouykit about 50 %: 23 %)",
        TYPE_MISTAKES,
    ),
)
KINDS: tuple[MistakeKind, ...] = tuple(kind for family in FAMILIES for kind in family.kinds)
_RAREST = 0.1
_WEIGHTS = {
    kind.name: family.share_of(kind) / max(PLACES[kind.name], _RAREST)
    for family in FAMILIES
    for kind in family.kinds
}

MOST_OPEN = 3
"""Mistakes in one file at a time."""

_MOST_TRIED = 12


def next_mistake(
    document: Document, used: set[str], random: Random, block: int | None = None
) -> Mistake | None:
    """A mistake that can be made in `document` now, or `None`.

    Kinds in `used` are not made again, and the kind that is returned is added: two mistakes of one kind in
    one file on one day would be near-duplicates of each other.
    """
    if len(document.mistakes) >= MOST_OPEN:
        return None
    for kind in sorted(KINDS, key=lambda kind: -(random.random() ** (1 / _WEIGHTS[kind.name]))):
        if kind.name in used:
            continue
        edits = list(document.possible_edits(kind, random, block))
        for edit in random.sample(edits, min(len(edits), _MOST_TRIED)):
            if shows(document, kind, edit):
                used.add(kind.name)
                return Mistake(kind, edit)
    return None


def shows(document: Document, kind: MistakeKind, edit: MistakeEdit) -> bool:
    """Whether the file parses with the mistake in it, exactly if its kind does not break parsing."""
    return parses(applied(document.source, edit)) is not kind.breaks_parsing


def table() -> str:
    """The kinds with their shares and sources, as Markdown."""
    lines = ["| family | share | follows from |", "|---|---|---|"]
    lines += [f"| {family.name} | {family.share} % | {family.basis} |" for family in FAMILIES]
    lines += ["", "| kind | family | share | what it is |", "|---|---|---|---|"]
    for family in FAMILIES:
        for kind in family.kinds:
            said = (kind.edits.__doc__ or "").strip().splitlines()[0].rstrip(".").replace("|", "\\|")
            lines.append(f"| {kind.name} | {family.name} | {family.share_of(kind):.2f} % | {said} |")
    lines += ["", "| study | title | counted |", "|---|---|---|"]
    lines += [f"| {study.name} | {study.title} | {study.counted} |" for study in STUDIES]
    return "\n".join(lines) + "\n"
