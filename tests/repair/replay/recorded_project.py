"""A project's events, written by hand in a test."""

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from repair.ot.packets import Author, Packet, encode_packet, minimal_ops
from repair.schema.events import EVENTS, EventKind, FileOperation

MIDNIGHT = datetime(2024, 5, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=seconds)


class RecordedProject:
    """Keeps the texts as an editor would, so that an edit is written as the text that it leads to."""

    def __init__(self, project_id: str = "p1") -> None:
        self.project_id = project_id
        self.rows: list[dict[str, Any]] = []
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def row(self, seconds: float, kind: str, **columns: Any) -> int:
        """Appends a row and says its sequence."""
        sequence = len(self.rows)
        given = {"project_id": self.project_id, "timestamp": at(seconds), "sequence": sequence, "kind": kind}
        self.rows.append(dict.fromkeys(EVENTS.names) | given | columns)
        return sequence

    def snapshot(self, seconds: float, files: Mapping[str, str | bytes | None]) -> None:
        """A stored copy; the editor goes on from it."""
        self.texts = {path: text for path, text in files.items() if isinstance(text, str)}
        for path, content in files.items():
            stored = content.encode() if isinstance(content, str) else content
            version = self.versions.get(path, 0)
            self.row(seconds, EventKind.SNAPSHOT, path=path, content=stored, version=version)
        if not files:
            self.row(seconds, EventKind.SNAPSHOT)

    def edit(self, seconds: float, path: str, text: str, author: Author = Author.USER, **wrong: Any) -> int:
        """A packet that leads to `text`; `wrong` puts other values into it."""
        before = self.texts.get(path, "")
        self.texts[path] = text
        self.versions[path] = self.versions.get(path, 0) + 1
        right = {
            "ops": tuple(minimal_ops(before, text)),
            "crc32": zlib.crc32(text.encode()),
            "version": self.versions[path],
        }
        packet = Packet(committed=at(seconds), author=author, **(right | wrong))
        return self.row(seconds, EventKind.OT, path=path, packet=encode_packet(packet))

    def file(self, seconds: float, operation: FileOperation, path: str, **columns: Any) -> int:
        content = columns.get("content")
        if operation in (FileOperation.CREATE, FileOperation.MODIFY) and isinstance(content, bytes):
            self.texts[path] = content.decode(errors="replace")
        if operation in (FileOperation.MOVE, FileOperation.REMOVE) and path in self.texts:
            text = self.texts.pop(path)
            if operation is FileOperation.MOVE:
                self.texts[columns["destination"]] = text
                self.versions[columns["destination"]] = self.versions.get(path, 0)
        return self.row(seconds, EventKind.FILE, operation=operation, path=path, **columns)

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self.rows, schema=EVENTS)
