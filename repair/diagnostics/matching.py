"""Diagnostic matching: finds a recorded diagnostic among those that the servers report now.

Tested by `tests/repair/error_states/test_reproduction.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from repair.diagnostics.codes import same_family
from repair.diagnostics.diagnostic import Diagnostic


def match(recorded: Mapping[str, Any], found: Sequence[Diagnostic]) -> tuple[Diagnostic, list[str]] | None:
    """The diagnostic among `found` (all of one file) that matches `recorded`, and what agrees; or None.

    `recorded` is a `PUBLISHED_DIAGNOSTIC`, its characters in UTF-16 units. A candidate has a code of the
    same family and starts on the same line: the workspace is the recorded one, so the line may not differ,
    while codes and messages change between releases. The candidate that agrees in most of
    `code`, `line`, `range` and `message` wins, then the one that starts nearest.
    """
    candidates = [
        (candidate, _agreed(recorded, candidate))
        for candidate in found
        if candidate.start_line == recorded["start_line"] and same_family(candidate.code, recorded["code"])
    ]
    if not candidates:
        return None
    column = recorded["start_character"]
    return min(candidates, key=lambda pair: (-len(pair[1]), abs(pair[0].start_character - column)))


def _agreed(recorded: Mapping[str, Any], candidate: Diagnostic) -> list[str]:
    names = ("start_line", "start_character", "end_line", "end_character")
    facts = {
        "code": candidate.code == recorded["code"],
        "line": candidate.start_line == recorded["start_line"],
        "range": all(getattr(candidate, name) == recorded[name] for name in names),
        "message": candidate.message == recorded["message"],
    }
    return [name for name, holds in facts.items() if holds]
