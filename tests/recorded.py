"""Small recordings made by hand: a typist whose packets carry the right CRC-32 and version."""

import zlib
from datetime import UTC, datetime, timedelta

from repair.ot.packets import Packet, encode_packet, minimal_ops
from repair.recording.event import Event
from repair.schema.events import EventKind

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)


class Typist:
    """Edits the files of one project and remembers what is in them."""

    def __init__(self, project_id: str = "p") -> None:
        self.project_id = project_id
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def types(self, path: str, text: str, at: datetime, **wrong: int) -> Event:
        """The packet that turns the file into `text`; `wrong` replaces fields of it."""
        packet = self.packet(path, text, at, **wrong)
        return Event(self.project_id, at, EventKind.OT.value, path=path, packet=encode_packet(packet))

    def packet(self, path: str, text: str, at: datetime, **wrong: int) -> Packet:
        version = self.versions.get(path, 0) + 1
        ops = tuple(minimal_ops(self.texts.get(path, ""), text))
        self.texts[path], self.versions[path] = text, version
        fields = {"crc32": zlib.crc32(text.encode()), "version": version, **wrong}
        return Packet(ops=ops, committed=at, **fields)

    def event(self, kind: EventKind, at: datetime, **columns: object) -> Event:
        return Event(self.project_id, at, kind.value, **columns)  # pyright: ignore[reportArgumentType]


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def diagnostic(code: str = "ruff[F821]", message: str = "Undefined name `x`") -> dict[str, object]:
    return {
        "code": code,
        "message": message,
        "severity": "error",
        "start_line": 0,
        "start_character": 0,
        "end_line": 0,
        "end_character": 1,
        "code_action": None,
    }
