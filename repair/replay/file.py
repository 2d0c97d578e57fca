"""Plain OT replay of one file, packet by packet: the oracle of the compiled one, and what names an error.

```
ReplayError
├── BadChecksum   bad_crc       the file after a packet is not the one that its author saw
└── VersionGap    version_gap   a packet is missing, repeated or out of order
```
"""

from collections.abc import Sequence
from datetime import datetime

from repair.errors import InputError
from repair.ot.packets import OTError, Packet
from repair.replay.text_buffer import TextBuffer


class ReplayError(InputError):
    """A packet does not fit the file that it is about."""

    reason = "bad_replay"


class BadChecksum(ReplayError):  # noqa: N818 - named for what is wrong
    """The file after a packet is not the one that its author saw."""

    reason = "bad_crc"


class VersionGap(ReplayError):  # noqa: N818 - named for what is wrong
    """A packet is missing, repeated or out of order."""

    reason = "version_gap"


class FileReplay:
    """One file whose packets are applied one after the other, each of them checked.

    Once a packet was refused the text is undefined: start again from a known one.
    """

    def __init__(self, text: str = "", version: int | None = None) -> None:
        """`version`: of the last packet that is in `text`; None: any version may follow."""
        self._buffer = TextBuffer(text)
        self.version = version

    @property
    def length(self) -> int:
        """Of the text, in code points."""
        return len(self._buffer)

    def text(self) -> str:
        return self._buffer.text()

    def apply(self, packet: Packet) -> None:
        """Raises VersionGap, SkipPastEnd, DeletePastEnd or BadChecksum."""
        if self.version is not None and packet.version != self.version + 1:
            raise VersionGap(f"version {packet.version} follows {self.version}, expected {self.version + 1}")
        self._buffer.apply(packet.ops)
        checksum = self._buffer.crc32()
        if checksum != packet.crc32:
            raise BadChecksum(
                f"the file after version {packet.version} has CRC-32 {checksum:#010x}, "
                f"the packet says {packet.crc32:#010x}"
            )
        self.version = packet.version


def texts_at(
    packets: Sequence[Packet],
    moments: Sequence[datetime],
    base: str = "",
    *,
    base_version: int | None = None,
) -> list[str]:
    """The text of a file at each of `moments`, which may come in any order.

    `packets` are the file's, in the order of their versions. One counts from its `committed` time on,
    and not before the packets in front of it. `base` is the text before the first of them and
    `base_version` the version of the last packet that is in it (None: not known).

    Version and CRC-32 of every packet up to the last moment are checked; later ones are not read.
    Raises VersionGap, BadChecksum, SkipPastEnd, DeletePastEnd, or TypeError for a moment without a
    time zone.
    """
    texts = [""] * len(moments)
    file = FileReplay(base, base_version)
    following = iter(enumerate(packets))
    index, packet = next(following, (0, None))
    for wanted in sorted(range(len(moments)), key=moments.__getitem__):
        while packet is not None and packet.committed <= moments[wanted]:
            apply_next(file, packet, index, len(packets))
            index, packet = next(following, (0, None))
        texts[wanted] = file.text()
    return texts


def apply_next(file: FileReplay, packet: Packet, index: int, packets: int) -> None:
    """Applies the packet `index` of that many; an error notes which one it was."""
    try:
        file.apply(packet)
    except (OTError, ReplayError) as error:
        error.add_note(f"packet {index} of {packets}, version {packet.version}")
        raise
