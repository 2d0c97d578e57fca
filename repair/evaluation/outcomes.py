"""Outcomes of answers in few kinds: repaired, abstained, no change, cheat, unreadable, wrong, not checked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from repair.evaluation.abstention import abstains
from repair.evaluation.intervals import Share
from repair.language_servers import errors
from repair.unexpected import UNEXPECTED

REPAIRED, ABSTAINED, NO_CHANGE, CHEAT, UNREADABLE, WRONG, UNCHECKED = (
    *("repaired", "abstained", "no_change", "cheat", "unreadable", "wrong", "unchecked"),
)
KINDS = {
    REPAIRED: "the diff applies, the servers agree, and it is no cheat",
    ABSTAINED: "there is no answer (as where the prompt is too long), it is blank, or its diff has no line",
    NO_CHANGE: "the diff has lines and leaves every line of the files as it was",
    CHEAT: "the diff silences the diagnostic, and repairs nothing",
    UNREADABLE: "no diff can be read, or it does not fit the files, or what was shown of them",
    WRONG: "the diff applies, and the diagnostic remains or an error is new",
    UNCHECKED: "the language servers failed, or a step met an unforeseen error: nothing about the answer",
}
"""Kind -> what it means. All but the first count as wrong in every share."""

_KIND_OF = {
    REPAIRED: REPAIRED,
    NO_CHANGE: NO_CHANGE,
    CHEAT: CHEAT,
    **dict.fromkeys(
        ("no_diff", "malformed", "not_rising", "wrong_line", "content_mismatch", "unknown_file"), UNREADABLE
    ),
    "outside_excerpt": UNREADABLE,
    **dict.fromkeys(("diagnostic_remains", "new_error"), WRONG),
    **dict.fromkeys((*errors.REASONS, UNEXPECTED, "diagnostic_absent", "file_absent"), UNCHECKED),
}


def kind_of(row: Mapping[str, Any]) -> str:
    """The kind of a row of `SCORES`, one of `KINDS`; an outcome that is not known here is `wrong`."""
    if abstains(row["answer"]):
        return ABSTAINED
    return _KIND_OF.get(row["outcome"], WRONG)


def shares_of_kinds(rows: Iterable[Mapping[str, Any]]) -> dict[str, Share]:
    """The share of each of `KINDS` among the rows; empty where there is no row."""
    counts = Counter(kind_of(row) for row in rows)
    return {kind: Share(counts[kind], counts.total()) for kind in KINDS} if counts else {}
