"""Spool of one project's events on disk: they are passed on only once all of them are there.

So a source that fails in the middle leaves nothing half done behind it.
Tested by `tests/repair/sources/test_git_folder.py`.
"""

import tempfile
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyarrow import ipc

from repair.errors import InputError
from repair.recording.event import Event, estimated_bytes, event_batch, events_of
from repair.schema.events import EVENTS

MOST_BYTES = 8 << 30
"""Of the events of one project."""
_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 4096


class ProjectTooLargeError(InputError):
    """The events of one project are more than a recording takes from it."""

    reason = "too_large"


class Spooled:
    """All of `events`, put aside to be read once. Raises what they raise, and `ProjectTooLargeError`."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._file = tempfile.TemporaryFile(prefix="repair-events-")  # noqa: SIM115 (held until it is read)
        try:
            self._write(events)
        except BaseException:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[Event]:
        with self._file:
            self._file.seek(0)
            for batch in ipc.open_stream(self._file):
                yield from events_of(batch)

    def _write(self, events: Iterable[Event]) -> None:
        pending: list[Event] = []
        size, total = 0, 0
        with ipc.new_stream(
            self._file, EVENTS, options=ipc.IpcWriteOptions(compression=pa.Codec("zstd"))
        ) as stream:
            for event in events:
                pending.append(event)
                size += estimated_bytes(event)
                if total + size > MOST_BYTES:
                    raise ProjectTooLargeError(
                        f"project {event.project_id} has events of over {MOST_BYTES:,} bytes: "
                        "import fewer of its commits"
                    )
                if size >= _BATCH_BYTES or len(pending) == _BATCH_ROWS:
                    stream.write_batch(event_batch(pending))
                    total += size
                    pending, size = [], 0
            stream.write_batch(event_batch(pending))
