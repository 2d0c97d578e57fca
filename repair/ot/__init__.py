"""OT packets: operations, the wire format in protobuf and JSON, and their application to a text."""

from repair.ot.packets import (
    Author,
    BadUTF8,
    Delete,
    DeletePastEnd,
    Insert,
    MalformedPacket,
    OTError,
    Packet,
    Skip,
    SkipPastEnd,
    apply,
    decode_packet,
    encode_packet,
    minimal_ops,
)

__all__ = [
    "Author",
    "BadUTF8",
    "Delete",
    "DeletePastEnd",
    "Insert",
    "MalformedPacket",
    "OTError",
    "Packet",
    "Skip",
    "SkipPastEnd",
    "apply",
    "decode_packet",
    "encode_packet",
    "minimal_ops",
]
