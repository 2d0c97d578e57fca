"""Fix events: the payload that an editor records when it shows a fix, and when its user decides on it.

| kind | payload |
|---|---|
| `fix_shown` | `fix_id`, `model`, `code`, `message`, `start_line`, `line_diff` |
| `fix_accepted`, `fix_rejected` | `fix_id` of a fix that was shown in the project earlier on the day |

`repair serve` gives the first one whole, as `event` of its answer. Further keys are the editor's own.
docs/recordings.md shows an example of each.

Tested by `tests/repair/recording/test_validation.py`.
"""

from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from repair.errors import InputError
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.errors import LineDiffError
from repair.schema.events import EventKind

T = TypeVar("T")
FIX_KINDS = (EventKind.FIX_SHOWN, EventKind.FIX_ACCEPTED, EventKind.FIX_REJECTED)

_FixId = Annotated[str, Meta(min_length=1, max_length=128)]
_Name = Annotated[str, Meta(min_length=1, max_length=256)]

REASONS = {
    "malformed_fix": "the payload of a fix event lacks what its kind needs, or its line diff is none",
    "unknown_fix": "no fix with this id was shown in the project before, on this day",
    "repeated_fix": "a fix with this id was shown before, or decided on: the first event counts",
}


class MalformedFixError(InputError):
    """The payload of a fix event is not what its kind needs."""

    reason = "malformed_fix"


class FixShown(Struct, frozen=True):
    """A fix that was shown: by which model, for which diagnostic of the event's file, and the change."""

    fix_id: _FixId
    """Of this one showing: a fix that is shown again has another one."""
    model: _Name
    """The version of the model: of a released one the release, else what identifies its weights."""
    code: _Name
    message: str
    start_line: Annotated[int, Meta(ge=0, lt=2**31)]
    """Of the diagnostic, 0-based."""
    line_diff: Annotated[str, Meta(min_length=1)]
    """`repair.line_diff.workspace`; its lines before any header are about the event's file."""


class FixDecision(Struct, frozen=True):
    """What became of a fix that was shown; the event's kind says whether it was accepted."""

    fix_id: _FixId


def fix_shown(payload: str | bytes) -> FixShown:
    """The payload of `fix_shown`. Raises MalformedFixError."""
    found = _decoded(payload, FixShown)
    try:
        workspace_diff.parse(found.line_diff)
    except LineDiffError as error:
        raise MalformedFixError(f"a line_diff that can be read ({error})") from None
    return found


def fix_decision(payload: str | bytes) -> FixDecision:
    """The payload of `fix_accepted` and `fix_rejected`. Raises MalformedFixError."""
    return _decoded(payload, FixDecision)


def check_fix(kind: str, payload: str) -> None:
    """Raises MalformedFixError, whose message is what was expected."""
    if kind == EventKind.FIX_SHOWN:
        fix_shown(payload)
    else:
        fix_decision(payload)


def _decoded(payload: str | bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedFixError(f"a payload with the keys of its kind ({error})") from None


@dataclass(slots=True)
class ShownFixes:
    """The fixes of one project that were shown and decided on so far; its events come in order."""

    _shown: set[str] = field(default_factory=set[str])
    _decided: set[str] = field(default_factory=set[str])

    def add(self, kind: str, payload: str) -> str | None:
        """The reject reason of the next sound fix event; None: it counts."""
        fix_id = fix_decision(payload).fix_id
        if kind != EventKind.FIX_SHOWN and fix_id not in self._shown:
            return "unknown_fix"
        known = self._shown if kind == EventKind.FIX_SHOWN else self._decided
        if fix_id in known:
            return "repeated_fix"
        known.add(fix_id)
        return None
