"""A file of a recording at a moment.

Tested by `tests/repair/recording/test_reader.py`.
"""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from repair.errors import InputError
from repair.messages import shown
from repair.recording.reader import Recording
from repair.recording.session_events import session_events
from repair.replay.workspace import State, workspaces_at
from repair.schema.events import EVENTS
from repair.schema.outcomes import REASON

AFTER_ALL = 2**63 - 1
"""After every sequence of an instant."""


def text_at(recording: Recording, project_id: str, path: str, moment: datetime) -> str:
    """The text of a project's file after all that happened up to `moment`, that instant included.

    It is replayed from the midnight before and compared with the stored copy of the midnight after.
    Raises InputError if the recording does not reach there, or the file did not exist then, is not text
    or can't be replayed.
    """
    state = _state(recording, project_id, moment)
    if state is None:
        raise InputError(
            f"{recording.uri} has nothing of project {shown(project_id)} up to {moment.isoformat()}"
        )
    if path in state.broken:
        broken = state.broken[path]
        raise InputError(
            f"{path} can't be replayed to {moment.isoformat()}: {broken.reason}: {broken.detail}"
        )
    if path in state.binary:
        raise InputError(f"{path} is not UTF-8 text at {moment.isoformat()}")
    if path not in state.files:
        there = ", ".join(sorted(state.files)[:10]) or "no file"
        raise InputError(f"{path} does not exist at {moment.isoformat()}; the project has {there}")
    return state.files[path]


def _state(recording: Recording, project_id: str, moment: datetime) -> State | None:
    """The project's files at `moment`, from the latest date with rows of it."""
    last = moment.astimezone(UTC).date()
    for day in reversed([day for day in recording.dates() if day <= last]):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        recorded = recording.events(start, start + timedelta(days=1), [project_id])
        batches = [batch for batch in session_events(recorded, recording.projects()) if batch.num_rows]
        if batches:
            rows = pa.Table.from_batches(batches)
            sound = rows.filter(pc.field(REASON).is_null()).select(EVENTS.names)
            if sound.num_rows:
                return next(workspaces_at(sound, [(moment, AFTER_ALL)]))
    return None
