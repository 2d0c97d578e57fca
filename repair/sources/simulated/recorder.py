"""Event factory of one simulated person, with their clock and session.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from repair.ot.packets import Author, Op, Packet, encode_packet
from repair.recording.event import Event
from repair.schema.events import EventKind, FileOperation
from repair.sources.simulated.document import Document


class SimulatedRecorder:
    """Makes the events of a project at the present of its own clock, `now`."""

    def __init__(self, project_id: str, now: datetime, random: Random) -> None:
        self.now = now
        self.session: str | None = None
        self._project_id = project_id
        self._random = random
        self._user = random.randrange(1, 2**31)

    def pause(self, shortest: float, longest: float) -> None:
        """Let some time pass, in seconds."""
        self.now += timedelta(milliseconds=self._random.randint(int(shortest * 1000), int(longest * 1000)))

    def packet(
        self, document: Document, after: str, ops: Sequence[Op], author: Author = Author.USER
    ) -> Event:
        """An edit of the document's file, after which its text is `after`."""
        document.version += 1
        packet = Packet(
            ops=tuple(ops),
            crc32=zlib.crc32(after.encode()),
            committed=self.now,
            version=document.version,
            nonce=self._random.randrange(2**32),
            user_id=self._user,
            author=author,
            spooky_version=1,
        )
        return self.event(EventKind.OT, document.path, packet=encode_packet(packet))

    def file(self, operation: FileOperation, path: str, text: str) -> Event:
        """A file that is created or modified by other means than typing."""
        return self.event(EventKind.FILE, path, operation=operation, content=text.encode())

    def event(
        self,
        kind: EventKind,
        path: str | None,
        payload: Mapping[str, object] | None = None,
        *,
        operation: FileOperation | None = None,
        destination: str | None = None,
        content: bytes | None = None,
        packet: bytes | None = None,
    ) -> Event:
        """An event of any kind."""
        return Event(
            self._project_id,
            self.now,
            kind,
            self.session,
            path=path,
            packet=packet,
            operation=operation,
            destination=destination,
            content=content,
            payload=None if payload is None else json.dumps(payload, ensure_ascii=False, sort_keys=True),
        )
