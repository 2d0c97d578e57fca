"""The texts of a file at given moments: which packets count, what is checked, what is refused."""

import pickle
import random
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.ot.packets import BadUTF8, Delete, DeletePastEnd, Insert, Op, Packet, Skip, SkipPastEnd, apply
from repair.replay import crc32
from repair.replay.file import BadChecksum, FileReplay, ReplayError, VersionGap, texts_at
from repair.replay.text_buffer import TextBuffer

START = datetime(2024, 5, 1, tzinfo=UTC)
ALPHABET = "ab\n é߿中\uffff😀\U0010ffff"


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def packet(seconds: int, version: int, ops: list[Op], after: str, **other: Any) -> Packet:
    return Packet(
        **{
            "ops": tuple(ops),
            "crc32": zlib.crc32(after.encode()),
            "committed": at(seconds),
            "version": version,
        }
        | other
    )


HISTORY = [
    packet(1, 1, [Insert("ab")], "ab"),
    packet(2, 2, [Skip(1), Delete(1), Insert("😀")], "a😀"),
    packet(2, 3, [Skip(2), Insert("c")], "a😀c"),
    packet(9, 4, [Delete(3)], ""),
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, ""),  # before the first packet
        (1, "ab"),  # a packet counts from its own time on
        (2, "a😀c"),  # and two of the same time both do
        (8, "a😀c"),  # until the next one
        (99, ""),
    ],
)
def test_a_packet_counts_from_its_time_on(seconds: int, text: str) -> None:
    assert texts_at(HISTORY, [at(seconds)]) == [text]


def test_moments_come_in_any_order_and_more_than_once() -> None:
    assert texts_at(HISTORY, [at(9), at(0), at(2), at(1), at(2)]) == ["", "", "a😀c", "ab", "a😀c"]
    assert texts_at(HISTORY, []) == []
    assert texts_at([], [at(1)], base="x") == ["x"]


def test_a_time_that_goes_back_waits_for_the_packet_before_it() -> None:
    late = [packet(5, 1, [Insert("a")], "a"), packet(3, 2, [Insert("b")], "ba")]
    assert texts_at(late, [at(4), at(5)]) == ["", "ba"]


def test_the_base_is_the_text_before_the_first_packet() -> None:
    packets = [packet(1, 8, [Skip(3), Insert("!")], "abc!")]
    assert texts_at(packets, [at(1)], base="abc") == ["abc!"]
    assert texts_at(packets, [at(1)], base="abc", base_version=7) == ["abc!"]
    with pytest.raises(VersionGap):
        texts_at(packets, [at(1)], base="abc", base_version=6)


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ((1, 3), "a packet is missing"),
        ((1, 1), "one came twice"),
        ((2, 1), "they are out of order"),
    ],
)
def test_versions_rise_by_one(versions: tuple[int, int], reason: str) -> None:
    packets = [packet(i, version, [], "") for i, version in enumerate(versions)]
    with pytest.raises(VersionGap) as caught:
        texts_at(packets, [at(9)])
    assert caught.value.reason == "version_gap", reason


def test_every_checksum_is_checked() -> None:
    """The second packet's is wrong; the text after the third is right again."""
    packets = [*HISTORY[:1], packet(2, 2, [Insert("x")], "another text"), packet(3, 3, [Delete(1)], "ab")]
    with pytest.raises(BadChecksum) as caught:
        texts_at(packets, [at(9)])
    assert caught.value.reason == "bad_crc"
    assert caught.value.__notes__ == ["packet 1 of 3, version 2"]


def test_what_is_behind_the_last_moment_is_not_read() -> None:
    packets = [*HISTORY[:1], packet(5, 7, [Delete(99)], "nothing fits")]
    assert texts_at(packets, [at(4)]) == ["ab"]


def test_ops_past_the_end_are_refused() -> None:
    with pytest.raises(DeletePastEnd):
        texts_at([packet(1, 1, [Delete(1)], "")], [at(1)])
    with pytest.raises(SkipPastEnd):
        texts_at([packet(1, 1, [Skip(4)], "abc")], [at(1)], base="abc")


def test_a_base_that_utf8_can_not_hold_is_refused() -> None:
    with pytest.raises(BadUTF8):
        texts_at([], [at(1)], base="a\ud800")


@pytest.mark.parametrize("error", [BadChecksum("a file"), VersionGap("a packet")])
def test_errors_cross_a_process_boundary(error: ReplayError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.reason) == (type(error), str(error), error.reason)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_checksums_of_parts_make_that_of_the_whole(parts: list[bytes]) -> None:
    whole = 0
    for part in parts:
        by = crc32.shift(len(part))
        assert crc32.shifted(whole, crc32.tables(by)) == crc32.multiply(whole, by)
        whole = crc32.multiply(whole, by) ^ zlib.crc32(part)
    assert whole == zlib.crc32(b"".join(parts))


@pytest.mark.parametrize("length", [0, 1, 255, 65_536, 1_000_003])
def test_checksums_of_long_parts_make_that_of_the_whole(length: int) -> None:
    head, tail = b"head", b"\xa5" * length
    assert crc32.multiply(zlib.crc32(head), crc32.shift(length)) ^ zlib.crc32(tail) == zlib.crc32(head + tail)


def random_ops(chance: random.Random, length: int, around: int) -> list[Op]:
    """One or two edits: near `around`, or anywhere."""
    ops: list[Op] = []
    cursor = 0
    for _ in range(chance.randrange(1, 3)):
        skip = min(
            length - cursor, abs(around - cursor) if chance.random() < 0.7 else chance.randrange(length + 1)
        )
        cursor += skip
        ops.append(Skip(skip))
        if chance.random() < 0.5:
            size = 2000 if chance.random() < 0.05 else 5
            count = chance.randrange(min(size, length - cursor) + 1)
            cursor += count
            ops.append(Delete(count))
        else:
            size = 6000 if chance.random() < 0.05 else 5
            ops.append(Insert("".join(chance.choices(ALPHABET, k=chance.randrange(size)))))
    return ops


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alphabet", ["ab\n", "aé中", ALPHABET], ids=["1-byte", "3-byte", "4-byte"])
def test_the_buffer_equals_a_plain_text_after_each_packet(seed: int, alphabet: str) -> None:
    """Against `apply` and zlib, with texts far larger than the window whose checksum is kept."""
    chance = random.Random(f"{seed} {alphabet}")
    text = "".join(chance.choices(alphabet, k=chance.choice([0, 3, 20_000])))
    buffer = TextBuffer(text)
    around = 0
    for step in range(120):
        if chance.random() < 0.1:
            around = chance.randrange(len(text) + 1)
        ops = random_ops(chance, len(text), around)
        text = apply(text, ops)
        buffer.apply(ops)
        assert len(buffer) == len(text)
        if step % 3:  # several packets may lie between two checksums
            assert buffer.crc32() == zlib.crc32(text.encode())
        if step % 2:
            assert buffer.text() == text


@given(
    st.text(st.sampled_from(ALPHABET), max_size=30),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=3),
)
def test_the_buffer_refuses_what_apply_refuses(text: str, spans: list[tuple[int, int]]) -> None:
    ops: list[Op] = [op for skip, delete in spans for op in (Skip(skip), Insert("é"), Delete(delete))]
    try:
        expected = apply(text, ops)
    except (SkipPastEnd, DeletePastEnd) as error:
        with pytest.raises(type(error)) as caught:
            TextBuffer(text).apply(ops)
        assert str(caught.value) == str(error)
    else:
        buffer = TextBuffer(text)
        buffer.apply(ops)
        assert buffer.text() == expected


def test_a_file_replay_knows_its_version() -> None:
    file = FileReplay()
    assert file.version is None
    for packet in HISTORY[:3]:
        file.apply(packet)
    assert (file.text(), file.version) == ("a😀c", 3)
