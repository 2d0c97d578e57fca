"""The texts that a file settles on after a moment, found while its project is replayed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from repair.replay.workspace import Mismatch, Workspace

MOST_LATER_STATES = 5


@dataclass(slots=True, kw_only=True)
class LaterStates:
    """Follows one file from a moment on; tell it of every change that may touch the file.

    A text is settled if no edit followed for `settle`, or none to the end of the partition. Texts that
    were seen before, the one at the moment among them, are left out.
    """

    path: str
    gone: datetime
    """Only texts count that stood longer than that."""
    settle: timedelta
    ghostwriter_packets: int
    """Those of the file at the moment."""
    seen: set[str | None]
    """The text at the moment."""
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Of `repair.schema.stages.LATER_STATES`: the time of the edit that made the text, and the text; null:
    the file was removed or moved away."""
    _changed: datetime | None = None
    _complete: bool = False
    _proved: int = 0  # rows before the latest stored copy

    def before(self, now: datetime, workspace: Workspace) -> None:
        """A change is about to happen: the text that it ends may have been a settled one."""
        if self._changed is not None and now - self._changed >= self.settle and now > self.gone:
            self._add(workspace)

    def edited(self, now: datetime) -> None:
        """The change was an edit. Whether it broke the file is not looked at before somebody asks for the
        text, so that many edits are replayed at once."""
        self._changed = now

    def look(self, workspace: Workspace) -> None:
        """What is in the file is about to be told anew. If edits broke it, it is not followed any further."""
        if self._changed is not None and not self._complete:
            self._complete = workspace.text(self.path) is None

    def after(self, now: datetime, workspace: Workspace) -> None:
        """The change has happened, and was no edit. A file that it breaks is not followed any further."""
        self._changed = now
        if self._complete or workspace.text(self.path) is not None:
            return
        self._complete = True
        if self.path not in workspace:
            self.rows.append({"timestamp": now, "text": None, "ghostwriter": False})

    def compared(self, mismatches: Iterable[Mismatch]) -> None:
        """A stored copy was reached. If it shows that the replay had gone wrong, the texts since the one
        before are taken back."""
        if any(each.path == self.path for each in mismatches):
            del self.rows[self._proved :]
            self._complete = True
        self._proved = len(self.rows)

    def finish(self, workspace: Workspace) -> None:
        """The partition has ended, and with it the last text."""
        if self._changed is not None:
            self._add(workspace)

    def _add(self, workspace: Workspace) -> None:
        self.look(workspace)
        text = workspace.text(self.path)
        if self._complete or text in self.seen:
            return
        self.seen.add(text)
        ghostwriter = workspace.ghostwriter_packets(self.path) > self.ghostwriter_packets
        self.rows.append({"timestamp": self._changed, "text": text, "ghostwriter": ghostwriter})
        self._complete = len(self.rows) == MOST_LATER_STATES
