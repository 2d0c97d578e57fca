"""Editing histories of real documents, each as this project's own packets, replay to their end.

Every packet goes over the wire, and every packet's version and checksum are checked.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from repair.ot.packets import Delete, Insert, Op, Packet, Skip, decode_packet, encode_packet
from repair.replay.file import texts_at
from repair.replay.text_buffer import TextBuffer

START = datetime(2024, 1, 1, tzinfo=UTC)
TICK = timedelta(milliseconds=1)


def trace(folder: Path, name: str) -> dict[str, Any]:
    return json.loads(gzip.decompress((folder / "editing_traces" / f"{name}.json.gz").read_bytes()))


def recorded(history: dict[str, Any]) -> Iterator[bytes]:
    """One packet per patch, a millisecond apart."""
    text = TextBuffer(history["startContent"])
    version = 0
    for transaction in history["txns"]:
        for position, deleted, inserted in transaction["patches"]:
            parts: list[tuple[bool, Op]] = [
                (position > 0, Skip(position)),
                (deleted > 0, Delete(deleted)),
                (inserted != "", Insert(inserted)),
            ]
            ops = tuple(op for present, op in parts if present)
            text.apply(ops)
            version += 1
            yield encode_packet(Packet(ops, text.crc32(), START + version * TICK, version))


@pytest.mark.parametrize(
    ("name", "patches"),
    [
        ("sveltecomponent", 19_749),  # source code, with large pastes
        ("friendsforever_flat", 26_078),
        ("json-crdt-patch", 18_723),  # has insertions that are not ASCII
        pytest.param("automerge-paper", 259_778, marks=pytest.mark.slow),  # the longest one
    ],
)
def test_a_real_history_replays_to_its_end(shared_data: Path, name: str, patches: int) -> None:
    history = trace(shared_data, name)
    packets = [decode_packet(data) for data in recorded(history)]
    assert len(packets) == patches
    base, last = history["startContent"], packets[-1].committed
    assert texts_at(packets, [last, START], base=base, base_version=0) == [history["endContent"], base]


def spliced(history: dict[str, Any], count: int) -> str:
    """The text after `count` patches, by Python's own strings."""
    text = history["startContent"]
    patches = [patch for transaction in history["txns"] for patch in transaction["patches"]]
    for position, deleted, inserted in patches[:count]:
        text = text[:position] + inserted + text[position + deleted :]
    return text


def test_a_real_history_equals_spliced_strings_on_the_way(shared_data: Path) -> None:
    history = trace(shared_data, "sveltecomponent")
    packets = [decode_packet(data) for data in recorded(history)]
    counts = [0, 1, 2, 777, 5_000, 12_345, len(packets)]
    moments = [START + count * TICK for count in counts]
    assert texts_at(packets, moments) == [spliced(history, count) for count in counts]


def test_a_real_history_goes_on_from_its_middle(shared_data: Path) -> None:
    history = trace(shared_data, "json-crdt-patch")
    packets = [decode_packet(data) for data in recorded(history)]
    middle = spliced(history, 9_000)
    (end,) = texts_at(packets[9_000:], [packets[-1].committed], base=middle, base_version=9_000)
    assert end == history["endContent"]
