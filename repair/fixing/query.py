"""Query and answer of `repair serve`: JSON over HTTP (docs/serve.md).

Tested by `tests/repair/fixing/test_app.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self
from uuid import uuid4

import msgspec
from msgspec import Meta, Struct

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError
from repair.fixing.fix import MODEL, Fix
from repair.fixing.patch import text_edits, unified_patch
from repair.fixing.targets import triage
from repair.recording.fix_events import FixShown

MAIN = "main.py"


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Which diagnostic is to be fixed: what is given has to agree. `line` counts from 1."""

    code: str | None = None
    line: int | None = None
    message: str | None = None

    def fits(self, found: Diagnostic) -> bool:
        """Whether `found` agrees in all that is given."""
        own = (found.code, found.start_line + 1, found.message)
        return all(
            value in (None, known) for value, known in zip(msgspec.structs.astuple(self), own, strict=True)
        )


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """A workspace, as `files` (path -> text) or as the `code` of one file, and the diagnostic of `path`.

    Without a diagnostic it is the first of the file that is no matter of style and that no server fixes
    itself. `k`: answers at most; `deadline_s`: seconds, from the moment at which the query was read.
    `unsure`: a fix below the model's threshold is answered as well.
    """

    code: str | None = None
    files: dict[str, str] | None = None
    path: str = MAIN
    diagnostic: Wanted = Wanted()
    k: Annotated[int, Meta(ge=1)] | None = None
    deadline_s: Annotated[float, Meta(gt=0)] | None = None
    unsure: bool = False

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises InputError, which says what was expected."""
        try:
            query = msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"the query can't be read: {error}") from None
        if (query.code is None) == (query.files is None):
            raise InputError("expected either `code` or `files`")
        if query.path not in query.workspace:
            raise InputError("`path` names none of the `files`")
        return query

    @property
    def workspace(self) -> Mapping[str, str]:
        """Path -> text."""
        return {self.path: self.code or ""} if self.files is None else self.files

    def target(self, diagnostics: Sequence[Diagnostic]) -> Diagnostic | None:
        """The wanted one among the diagnostics of the workspace."""
        own = [found for found in diagnostics if found.path == self.path]
        wanted = own if self.diagnostic != Wanted() else triage(own, self.workspace[self.path]).targets
        return next((found for found in wanted if self.diagnostic.fits(found)), None)


def answer_of(fix: Fix, model: str) -> dict[str, Any]:
    """The answer that tells a fix of a version of a model, or why there is none."""
    found, nearest = fix.task.diagnostic, fix.nearest
    before = {path: fix.task.files[path] for path in fix.changed}
    return {
        "outcome": "fixed" if fix.found else "no_fix",
        "diff": unified_patch(before, fix.changed) or None,
        "edits": text_edits(before, fix.changed),
        "confidence": fix.confidence,
        "author": fix.author if fix.found else None,
        "reason": nearest.reason if nearest else None,
        "detail": nearest.detail if nearest else None,
        "rejected": fix.reasons,
        "diagnostic": {"code": found.code, "line": found.start_line + 1, "message": found.message},
        "event": _event(fix, model if fix.author == MODEL else fix.author),
    }


def _event(fix: Fix, model: str) -> dict[str, Any] | None:
    """The payload of the event `fix_shown` that the editor records if it shows the fix."""
    if fix.line_diff is None:
        return None
    found = fix.task.diagnostic
    shown = FixShown(uuid4().hex, model, found.code, found.message, found.start_line, fix.line_diff)
    return msgspec.to_builtins(shown)


def no_answer(reason: str, detail: str) -> dict[str, Any]:
    """The answer to a query whose diagnostic could not be looked for, or is not there."""
    told = {"reason": reason, "detail": detail, "rejected": {}, "diagnostic": None, "event": None}
    return {"outcome": "no_fix", "diff": None, "edits": [], "confidence": None, "author": None, **told}
