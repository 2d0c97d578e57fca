"""Packets: their ops against a plain oracle, both wire formats, each reason to refuse one."""

import json
import pickle
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.ot import ot_pb2
from repair.ot.packets import (
    Author,
    BadUTF8,
    Delete,
    DeletePastEnd,
    Insert,
    MalformedPacket,
    Op,
    OTError,
    Packet,
    Skip,
    SkipPastEnd,
    apply,
    decode_packet,
    encode_packet,
    minimal_ops,
)
from tests.cpu_time import cpu_bound

NOON = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)

# Characters of 1, 2, 3 and 4 bytes in UTF-8, a combining one, and the line ends that editors disagree on.
ALPHABET = "ab\n\r \x0cé߿ह\u2028中\uffff😀🇩\U0010ffff\u0301"
texts = st.text(st.sampled_from(ALPHABET), max_size=40)
counts = st.integers(0, 12)
any_ops = st.lists(st.one_of(counts.map(Skip), counts.map(Delete), texts.map(Insert)), max_size=8)
uint32 = st.integers(0, 2**32 - 1)


def naive(text: str, ops: list[Op]) -> str:
    """One character at a time, in the words of the format's description."""
    characters, cursor = list(text), 0
    for op in ops:
        match op:
            case Skip(count):
                if cursor + count > len(characters):
                    raise IndexError("skip")
                cursor += count
            case Delete(count):
                for _ in range(count):
                    characters.pop(cursor)
            case Insert(inserted):
                for character in inserted:
                    characters.insert(cursor, character)
                    cursor += 1
    return "".join(characters)


@given(texts, any_ops)
def test_ops_do_what_the_description_says(text: str, ops: list[Op]) -> None:
    try:
        expected = naive(text, ops)
    except IndexError:
        with pytest.raises((SkipPastEnd, DeletePastEnd)):
            apply(text, ops)
    else:
        assert apply(text, ops) == expected


@pytest.mark.parametrize(
    ("text", "ops", "expected"),
    [
        ("abc", [], "abc"),  # an empty list is legal
        ("", [Insert("abc")], "abc"),  # the first packet may insert the whole file
        ("abc", [Skip(3), Insert("d")], "abcd"),  # the end of the text is a place to insert at
        ("abc", [Skip(1), Delete(2)], "a"),  # deleting up to the end is legal
        ("abc", [Skip(1), Delete(1), Delete(1)], "a"),  # a delete leaves the cursor where it is
        ("abc", [Insert("x"), Delete(1), Insert("y")], "xybc"),  # an insert moves it past its text
        ("😀b", [Skip(1), Delete(1)], "😀"),  # code points, not the 2 UTF-16 units of the first one
        ("abc", [Skip(0), Delete(0), Insert("")], "abc"),  # counts of 0 are legal and do nothing
    ],
)
def test_examples_of_ops(text: str, ops: list[Op], expected: str) -> None:
    assert apply(text, ops) == expected


@pytest.mark.parametrize(
    ("ops", "error", "reason"),
    [
        ([Skip(4)], SkipPastEnd, "skip_past_end"),
        ([Skip(1), Skip(3)], SkipPastEnd, "skip_past_end"),  # counts from the cursor on
        ([Delete(4)], DeletePastEnd, "delete_past_end"),  # a popular library accepts this one
        (
            [Skip(3), Insert("dd"), Delete(1)],
            DeletePastEnd,
            "delete_past_end",
        ),  # inserted text does not count
    ],
)
def test_going_past_the_end_is_refused(ops: list[Op], error: type[OTError], reason: str) -> None:
    with pytest.raises(error) as caught:
        apply("abc", ops)
    assert caught.value.reason == reason


def test_the_message_says_which_op_and_how_far() -> None:
    with pytest.raises(DeletePastEnd, match="op 1 deletes 5 code points where only 2 are left"):
        apply("abc", [Skip(1), Delete(5)])


@pytest.mark.parametrize(
    "error", [SkipPastEnd(1, 5, 2), DeletePastEnd(0, 4, 3), MalformedPacket("no packet"), BadUTF8("no text")]
)
def test_errors_cross_a_process_boundary(error: OTError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.reason) == (type(error), str(error), error.reason)


packets = st.builds(
    Packet,
    ops=st.lists(st.one_of(uint32.map(Skip), uint32.map(Delete), st.text().map(Insert))).map(tuple),
    crc32=uint32,
    committed=st.datetimes(timezones=st.just(UTC)),
    version=uint32,
    nonce=uint32,
    user_id=uint32,
    author=st.sampled_from(Author),
    spooky_version=uint32,
)


@given(packets)
def test_both_formats_give_the_packet_back(packet: Packet) -> None:
    assert decode_packet(encode_packet(packet)) == packet
    assert Packet.from_json(packet.to_json()) == packet
    assert Packet.from_json(json.loads(packet.to_json())) == packet


def test_the_json_form_is_that_of_public_code() -> None:
    packet = Packet((Skip(3), Delete(1), Insert("é")), 7, NOON, 9, 1, 2, Author.GHOSTWRITER, 2)
    assert json.loads(packet.to_json()) == {
        "spookyVersion": 2,
        "op": [{"op": "skip", "count": 3}, {"op": "delete", "count": 1}, {"op": "insert", "chars": "é"}],
        "crc32": 7,
        "committed": "2024-05-01T12:00:00.123456Z",
        "version": 9,
        "nonce": 1,
        "userId": 2,
        "author": "GHOSTWRITER",
    }


def test_the_protobuf_form_has_the_recorded_field_numbers() -> None:
    packet = Packet((Skip(3), Delete(1), Insert("é")), 7, datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), 9)
    written_by_hand = (
        b"\x12\x02\x08\x03"  # op=2, skip=1
        b"\x12\x02\x10\x01"  # op=2, delete=2
        b"\x12\x04\x1a\x02\xc3\xa9"  # op=2, insert=3
        b"\x18\x07"  # crc32=3
        b"\x22\x02\x08\x05"  # committed=4, seconds=1
        b"\x28\x09"  # version=5
        b"\x30\x0b\x38\x0c\x40\x01"  # nonce=6, userId=7, author=8
        b"\x08\x02"  # spookyVersion=1; protobuf takes fields in any order
    )
    assert decode_packet(written_by_hand) == Packet(
        packet.ops, 7, packet.committed, 9, 11, 12, Author.GHOSTWRITER, 2
    )
    assert decode_packet(encode_packet(packet)) == packet


def message(**fields: Any) -> ot_pb2.UndecodedOTPacket:
    built = ot_pb2.UndecodedOTPacket(version=1, **fields)
    built.committed.FromDatetime(NOON)
    return built


def with_insert(inserted: bytes) -> bytes:
    built = message()
    built.op.add().insert = inserted
    return built.SerializeToString()


def with_time(seconds: int, nanos: int) -> bytes:
    built = message()
    built.committed.seconds, built.committed.nanos = seconds, nanos
    return built.SerializeToString()


def without_op() -> bytes:
    built = message()
    built.op.add()
    return built.SerializeToString()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xff\xff\xff", MalformedPacket),  # no protobuf at all
        (with_insert(b"abc")[:-1], MalformedPacket),  # cut short
        (b"", MalformedPacket),  # parses, but says no time
        (without_op(), MalformedPacket),  # a component that is none of the three
        (with_time(2**40, 0), MalformedPacket),  # a year behind 9999
        (with_time(0, -1), MalformedPacket),  # nanoseconds count forward
        (with_time(0, 10**9), MalformedPacket),  # and stay below a second
        (message(author=2).SerializeToString(), MalformedPacket),  # an author that nobody knows
        (with_insert(b"a\xff"), BadUTF8),  # no UTF-8
        (with_insert(b"\xed\xa0\x80"), BadUTF8),  # a surrogate, which UTF-8 does not encode
        (with_insert(b"\xc0\xaf"), BadUTF8),  # an overlong form
    ],
)
def test_bytes_that_are_no_packet_are_refused(data: bytes, error: type[OTError]) -> None:
    with pytest.raises(error):
        decode_packet(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_packet_or_an_ot_error(data: bytes) -> None:
    try:
        packet = decode_packet(data)
    except OTError:
        return
    assert decode_packet(encode_packet(packet)) == packet


def as_json(**fields: Any) -> str:
    return json.dumps({"committed": "2024-05-01T12:00:00Z", "version": 1} | fields)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("{", MalformedPacket),  # no JSON
        ("[]", MalformedPacket),  # no object
        ("[" * 100_000, MalformedPacket),  # nested without end
        (b"\xff{}", BadUTF8),  # no text
        (as_json(op={}), MalformedPacket),  # ops are a list
        (as_json(op=[{"op": "jump", "count": 1}]), MalformedPacket),  # an unknown op
        (as_json(op=[{"op": "skip"}]), MalformedPacket),  # a skip without a count
        (as_json(op=[{"op": "skip", "count": -1}]), MalformedPacket),  # counts are not negative
        (as_json(op=[{"op": "skip", "count": 1.0}]), MalformedPacket),  # nor fractions
        (as_json(op=[{"op": "skip", "count": True}]), MalformedPacket),  # nor truth values
        (as_json(op=[{"op": "delete", "count": 2**32}]), MalformedPacket),  # nor beyond the wire's range
        (as_json(op=[{"op": "insert", "chars": 5}]), MalformedPacket),  # an inserted number
        (as_json(op=[{"op": "insert", "chars": "a\ud800"}]), BadUTF8),  # JSON can escape a lone surrogate
        (as_json(crc32="7"), MalformedPacket),  # a number as a string
        (as_json(author="ROBOT"), MalformedPacket),  # an unknown author
        (as_json(committed=None), MalformedPacket),  # no time
        (as_json(committed="2024-05-01T12:00:00"), MalformedPacket),  # a time without a zone
        (as_json(committed="noon"), MalformedPacket),  # no time either
    ],
)
def test_json_that_is_no_packet_is_refused(data: str | bytes, error: type[OTError]) -> None:
    with pytest.raises(error):
        Packet.from_json(data)


def test_a_surrogate_pair_in_json_is_one_character() -> None:
    packet = Packet.from_json(
        '{"committed": "2024-05-01T12:00:00Z", "op": [{"op":"insert","chars":"\\ud83d\\ude00"}]}'
    )
    assert packet.ops == (Insert("😀"),)


def test_reasons_are_stable_names() -> None:
    assert MalformedPacket.reason == "malformed_packet"
    assert BadUTF8.reason == "bad_utf8"


def test_times_are_kept_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    packet = Packet((), 0, datetime(2024, 5, 1, 14, tzinfo=east), 1)
    assert packet.committed.tzinfo is UTC
    assert packet.committed == datetime(2024, 5, 1, 12, tzinfo=UTC)
    with pytest.raises(MalformedPacket):
        Packet((), 0, datetime(2024, 5, 1, 12), 1)
    with pytest.raises(MalformedPacket):
        Packet((), 0, datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))), 1)


def test_nanoseconds_are_rounded_down() -> None:
    assert decode_packet(with_time(10, 1_999)).committed == datetime(1970, 1, 1, 0, 0, 10, 1, tzinfo=UTC)


lines = st.lists(st.sampled_from(["", "x = 1\n", "x = 2\n", "    return é\r\n", "😀", "pass\n"]), max_size=12)
documents = st.one_of(texts, lines.map("".join))


@given(documents, documents)
def test_minimal_ops_turn_one_text_into_the_other(before: str, after: str) -> None:
    ops = minimal_ops(before, after)
    assert apply(before, ops) == after
    assert len(ops) <= 3 * max(len(before), len(after))
    assert not any(op == Skip(0) or op == Delete(0) or op == Insert("") for op in ops)
    assert not ops or not isinstance(ops[-1], Skip)
    assert (ops == []) == (before == after)


@pytest.mark.parametrize(
    ("before", "after", "ops"),
    [
        ("x = 1\n", "x = 12\n", [Skip(5), Insert("2")]),  # a keystroke
        ("a\nb\nc\n", "a\nc\n", [Skip(2), Delete(2)]),  # a line away
        (
            "a = 1\nb\nc = 3\n",
            "a = 2\nb\nc = 4\n",
            [Skip(4), Delete(1), Insert("2"), Skip(7), Delete(1), Insert("4")],
        ),
        ("x" * 9000 + "1" + "y" * 9000, "x" * 9000 + "2" + "y" * 9000, [Skip(9000), Delete(1), Insert("2")]),
        ("aaa", "aa", [Skip(2), Delete(1)]),  # prefix and suffix may not overlap
    ],
)
def test_minimal_ops_are_what_a_person_would_type(before: str, after: str, ops: list[Op]) -> None:
    assert minimal_ops(before, after) == ops


def test_minimal_ops_of_five_thousand_lines_take_no_second() -> None:
    chance = random.Random(3)
    before = [
        f"{'    ' * chance.randrange(4)}{chance.choice(['return x', 'pass', '', 'y = 1'])}\n"
        for _ in range(5000)
    ]
    after = [line if chance.random() > 0.1 else f"changed {chance.random()}\n" for line in before]
    with cpu_bound(1):
        ops = minimal_ops("".join(before), "".join(after))
    assert apply("".join(before), ops) == "".join(after)
    assert sum(len(op.text) for op in ops if isinstance(op, Insert)) < 2 * sum(
        len(line) for line in after if line.startswith("changed")
    )
