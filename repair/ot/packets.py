"""Operational transformation packets: what one says, its wire formats, and its effect on a text.

Positions and counts are Unicode code points. The cursor of a packet starts at 0: `Skip` moves it
forward, `Insert` puts text at it and moves it past that text, `Delete` removes text after it.
What is not mentioned stays.

```
OTError
├── SkipPastEnd       skip_past_end     a skip goes past the end of the text
├── DeletePastEnd     delete_past_end   a delete goes past the end of the text
├── MalformedPacket   malformed_packet  not a packet, or one with an impossible value
└── BadUTF8           bad_utf8          an inserted text that UTF-8 can't hold, or bytes that are not UTF-8
```
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Annotated, Any, Literal, NoReturn

from google.protobuf.message import DecodeError
from msgspec import Meta, Struct

from repair.declared_types import UnexpectedValueError, converted
from repair.errors import InputError
from repair.messages import shown
from repair.ot import ot_pb2
from repair.text.edits import edits

_LARGEST = 2**32 - 1  # of a protobuf uint32
_NUMBER = f"a whole number from 0 to {_LARGEST}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INVALID_TAG = b"\x07"
"""Prefix of a packet that was recorded as broken JSON: no protobuf message begins with this byte."""


class OTError(InputError):
    """A packet does not decode or does not apply."""

    reason = "bad_packet"


class MalformedPacket(OTError):  # noqa: N818 - named for what is wrong
    """Not a packet, or one with an impossible value."""

    reason = "malformed_packet"


class BadUTF8(OTError):  # noqa: N818 - named for what is wrong
    """An inserted text that UTF-8 can't hold (a lone surrogate), or bytes that are not UTF-8."""

    reason = "bad_utf8"


class _PastEnd(OTError):  # noqa: N818 - named for what is wrong
    verb = ""

    def __init__(self, index: int, count: int, remaining: int) -> None:
        super().__init__(index, count, remaining)
        self.index = index
        """Index of the op in its packet, from 0."""
        self.count = count
        """Code points that the op asks for."""
        self.remaining = remaining
        """Code points between the cursor and the end of the text."""

    def __str__(self) -> str:
        return f"op {self.index} {self.verb} {self.count} code points where only {self.remaining} are left"


class SkipPastEnd(_PastEnd):
    """A skip goes past the end of the text."""

    reason = "skip_past_end"
    verb = "skips"


class DeletePastEnd(_PastEnd):
    """A delete goes past the end of the text."""

    reason = "delete_past_end"
    verb = "deletes"


def _out_of_range(name: str, value: Any) -> MalformedPacket:
    return MalformedPacket(f"{name} is {shown(value)}, expected {_NUMBER}")


@dataclass(frozen=True, slots=True)
class Skip:
    """Moves the cursor `count` code points forward. A count of 0 is legal and does nothing."""

    count: int

    def __post_init__(self) -> None:
        if type(self.count) is not int or not 0 <= self.count <= _LARGEST:
            raise _out_of_range("a skip's count", self.count)


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes the `count` code points after the cursor. A count of 0 is legal and does nothing."""

    count: int

    def __post_init__(self) -> None:
        if type(self.count) is not int or not 0 <= self.count <= _LARGEST:
            raise _out_of_range("a delete's count", self.count)


@dataclass(frozen=True, slots=True)
class Insert:
    """Puts `text` at the cursor, which ends after it. An empty text is legal and does nothing.

    Raises BadUTF8 for a text with a lone surrogate: no packet can carry it.
    """

    text: str

    def __post_init__(self) -> None:
        if type(self.text) is not str:
            raise MalformedPacket(f"an insert's text is {shown(self.text)}, expected a string")
        if not self.text.isascii():
            try:
                self.text.encode()
            except UnicodeEncodeError as error:
                raise BadUTF8(f"code point {error.start} of an inserted text is a lone surrogate") from None


Op = Skip | Delete | Insert


def apply(text: str, ops: Iterable[Op]) -> str:
    """`text` after one packet's ops.

    Raises SkipPastEnd or DeletePastEnd for an op that goes past the end of the text.
    """
    pieces: list[str] = []
    cursor = 0  # in `text`, of which everything before it is in `pieces` or deleted
    for index, op in enumerate(ops):
        if isinstance(op, Insert):
            pieces.append(op.text)
            continue
        end = cursor + op.count
        if end > len(text):
            error = SkipPastEnd if isinstance(op, Skip) else DeletePastEnd
            raise error(index, op.count, len(text) - cursor)
        if isinstance(op, Skip):
            pieces.append(text[cursor:end])
        cursor = end
    pieces.append(text[cursor:])
    return "".join(pieces)


class Author(IntEnum):
    """Who wrote a packet's text."""

    USER = 0
    GHOSTWRITER = 1
    """An AI wrote it and the user accepted it: not to be taken for the user's own."""


_AUTHORS: dict[int, Author] = {author.value: author for author in Author}


@dataclass(frozen=True, slots=True)
class Packet:
    """One recorded edit of one file. It carries no path: the caller knows the file.

    Raises MalformedPacket for a value that the wire format can't hold.
    """

    ops: tuple[Op, ...]
    crc32: int
    """zlib's CRC-32 of the UTF-8 bytes of the whole file after the packet."""
    committed: datetime
    """When the server took it, UTC, in microseconds (the wire's nanoseconds are rounded down)."""
    version: int
    """Rises by 1 per packet of a file."""
    nonce: int = 0
    user_id: int = 0
    author: Author = Author.USER
    spooky_version: int = 0

    def __post_init__(self) -> None:
        for number in (self.crc32, self.version, self.nonce, self.user_id, self.spooky_version):
            if type(number) is not int or not 0 <= number <= _LARGEST:
                raise _out_of_range("crc32, version, nonce, user_id or spooky_version", number)
        if self.committed.tzinfo is not UTC:
            if self.committed.utcoffset() is None:
                raise MalformedPacket(f"committed is {self.committed}, expected a time with a time zone")
            try:
                object.__setattr__(self, "committed", self.committed.astimezone(UTC))
            except OverflowError:
                raise MalformedPacket(f"committed is {self.committed}, which UTC can't say") from None

    def to_json(self) -> str:
        """A JSON object: the names of the wire format in camel case, `committed` in ISO 8601."""
        return json.dumps(
            {
                "spookyVersion": self.spooky_version,
                "op": [_op_to_json(op) for op in self.ops],
                "crc32": self.crc32,
                "committed": self.committed.isoformat().replace("+00:00", "Z"),
                "version": self.version,
                "nonce": self.nonce,
                "userId": self.user_id,
                "author": self.author.name,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, data: str | bytes | Mapping[str, Any]) -> "Packet":
        """The inverse of `to_json`; also takes the parsed object.

        An absent number is 0 and an absent list empty, as in protobuf; `committed` must be there.
        Raises BadUTF8 or MalformedPacket.
        """
        try:
            row: Any = data if isinstance(data, Mapping) else json.loads(data)
            fields = converted(row, _PacketFields, "packet", _EXPECTED)
        except UnicodeDecodeError as error:
            raise BadUTF8(f"byte {error.start} of the JSON text is not UTF-8") from None
        except UnexpectedValueError as error:
            raise MalformedPacket(str(error)) from None
        except (ValueError, RecursionError) as error:
            raise MalformedPacket(f"not JSON: {error}") from None
        return cls(
            ops=tuple(_op(field) for field in fields.op),
            crc32=fields.crc32,
            committed=_committed_from_json(fields.committed),
            version=fields.version,
            nonce=fields.nonce,
            user_id=fields.user_id,
            author=Author[fields.author],
            spooky_version=fields.spooky_version,
        )


def _op_to_json(op: Op) -> dict[str, Any]:
    match op:
        case Skip(count):
            return {"op": "skip", "count": count}
        case Delete(count):
            return {"op": "delete", "count": count}
        case Insert(text):
            return {"op": "insert", "chars": text}


_Number = Annotated[int, Meta(ge=0, le=_LARGEST)]


class _SkipFields(Struct, tag_field="op", tag="skip", forbid_unknown_fields=True):
    count: _Number


class _DeleteFields(Struct, tag_field="op", tag="delete", forbid_unknown_fields=True):
    count: _Number


class _InsertFields(Struct, tag_field="op", tag="insert", forbid_unknown_fields=True):
    chars: str


class _PacketFields(Struct, rename="camel", forbid_unknown_fields=True):
    committed: str
    """Read by hand: msgspec takes fewer forms of ISO 8601 and rounds nanoseconds up."""
    op: list[_SkipFields | _DeleteFields | _InsertFields] = []
    crc32: _Number = 0
    version: _Number = 0
    nonce: _Number = 0
    user_id: _Number = 0
    author: Literal["USER", "GHOSTWRITER"] = "USER"
    spooky_version: _Number = 0


_TIME = "a time in ISO 8601 with a zone, such as 2024-05-01T12:00:00Z"
_EXPECTED = {
    **dict.fromkeys(("op[].count", "crc32", "version", "nonce", "userId", "spookyVersion"), _NUMBER),
    "op[].op": "skip, delete or insert",
    "author": "USER or GHOSTWRITER",
    "committed": _TIME,
}
"""What a field of the JSON form holds, in words."""


def _op(fields: _SkipFields | _DeleteFields | _InsertFields) -> Op:
    match fields:
        case _SkipFields():
            return Skip(fields.count)
        case _DeleteFields():
            return Delete(fields.count)
        case _InsertFields():
            return Insert(fields.chars)


def _committed_from_json(text: str) -> datetime:
    try:
        committed = datetime.fromisoformat(text)
    except ValueError:
        committed = None
    if committed is None or committed.tzinfo is None:
        raise MalformedPacket(f"packet.committed is {shown(text)}, expected {_TIME}")
    return committed


def decode_packet(data: bytes) -> Packet:
    """The packet that protobuf `data` holds.

    Raises BadUTF8 for an inserted string that is not UTF-8, MalformedPacket for anything else that
    is not a packet: bytes that do not parse, a component that is none of skip, delete and insert, an
    unknown author, an absent or impossible time. Unknown fields are skipped, as protobuf does. Bytes that
    begin with `INVALID_TAG` hold JSON that is no packet: its error is raised.
    """
    if data.startswith(INVALID_TAG):
        Packet.from_json(data.removeprefix(INVALID_TAG))
    try:
        message = ot_pb2.OTPacket.FromString(data)
    except DecodeError as error:
        _raise_undecodable(data, error)
    return Packet(
        ops=tuple(_decoded_ops(message)),
        crc32=message.crc32,
        committed=_decoded_time(message),
        version=message.version,
        nonce=message.nonce,
        user_id=message.user_id,
        author=_decoded_author(message.author),
        spooky_version=message.spooky_version,
    )


def _raise_undecodable(data: bytes, error: DecodeError) -> NoReturn:
    try:
        message = ot_pb2.UndecodedOTPacket.FromString(data)
    except DecodeError:
        raise MalformedPacket(f"{len(data)} bytes do not parse as a packet: {error}") from None
    for index, component in enumerate(message.op):
        try:
            component.insert.decode()
        except UnicodeDecodeError as undecodable:
            raise BadUTF8(f"op {index} inserts bytes that are not UTF-8: {undecodable}") from None
    raise MalformedPacket(f"{len(data)} bytes do not parse as a packet: {error}") from None


def _decoded_ops(message: ot_pb2.OTPacket) -> list[Op]:
    ops: list[Op] = []
    for component in message.op:
        kind = component.WhichOneof("component")
        if kind == "skip":
            ops.append(Skip(component.skip))
        elif kind == "insert":
            ops.append(Insert(component.insert))
        elif kind == "delete":
            ops.append(Delete(component.delete))
        else:
            raise MalformedPacket(f"op {len(ops)} is none of skip, delete and insert")
    return ops


def _decoded_time(message: ot_pb2.OTPacket) -> datetime:
    if not message.HasField("committed"):
        raise MalformedPacket("the packet does not say when it was committed")
    committed = message.committed
    seconds, nanos = committed.seconds, committed.nanos
    try:
        if 0 <= nanos < 1_000_000_000:
            return _EPOCH + timedelta(0, seconds, nanos // 1000)
    except OverflowError:
        pass
    raise MalformedPacket(f"committed is {seconds} s and {nanos} ns after 1970, which is no time")


def _decoded_author(value: int) -> Author:
    author = _AUTHORS.get(value)
    if author is None:
        raise MalformedPacket(f"author is {value}, expected 0 (user) or 1 (ghostwriter)")
    return author


def encode_packet(packet: Packet) -> bytes:
    """The inverse of `decode_packet`. Equal packets give equal bytes."""
    message = ot_pb2.OTPacket(
        spooky_version=packet.spooky_version,
        crc32=packet.crc32,
        version=packet.version,
        nonce=packet.nonce,
        user_id=packet.user_id,
        author=packet.author.name,
    )
    since = packet.committed - _EPOCH
    message.committed.seconds = since.days * 86_400 + since.seconds
    message.committed.nanos = since.microseconds * 1000
    for op in packet.ops:
        component = message.op.add()
        match op:
            case Skip(count):
                component.skip = count
            case Delete(count):
                component.delete = count
            case Insert(text):
                component.insert = text
    return message.SerializeToString(deterministic=True)


def minimal_ops(before: str, after: str) -> list[Op]:
    """Few and small ops that turn `before` into `after`; none if they are equal."""
    ops: list[Op] = []
    for kept, deleted, inserted in edits(before, after):
        if kept:
            ops.append(Skip(kept))
        if deleted:
            ops.append(Delete(deleted))
        if inserted:
            ops.append(Insert(inserted))
    return ops
