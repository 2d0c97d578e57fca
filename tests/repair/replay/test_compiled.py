"""Packets in columns, replayed in compiled code, against the plain decoder and the plain replay."""

import random
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import repair.replay
from repair.errors import InputError
from repair.ot.packets import (
    Author,
    BadUTF8,
    Delete,
    Insert,
    MalformedPacket,
    Op,
    OTError,
    Packet,
    Skip,
    apply,
    decode_packet,
    encode_packet,
)
from repair.replay import engine, packet_columns
from repair.replay.compiled import replayed, texts_at_columns
from repair.replay.file import BadChecksum, VersionGap, texts_at
from repair.replay.packet_columns import OPS, columns_of, lengths_after, ops_of_packets
from tests.repair.replay.test_editing_traces import recorded, trace

START = datetime(2024, 5, 1, tzinfo=UTC)
ALPHABET = "ab\n é߿中\uffff😀\U0010ffff"  # 1 to 4 bytes in UTF-8


def columns(packets: list[Packet]) -> pa.RecordBatch:
    return ops_of_packets(pa.array([encode_packet(packet) for packet in packets], pa.binary()))


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def random_ops(chance: random.Random, length: int, alphabet: str, around: int) -> list[Op]:
    """None to three edits, most of them small and near `around`."""
    ops: list[Op] = []
    cursor = 0
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        to = around + chance.randrange(-3, 4) if chance.random() < 0.7 else chance.randrange(length + 1)
        skip = min(max(0, to - cursor), length - cursor)
        cursor += skip
        ops.append(Skip(skip))
        large = chance.random() < 0.05
        if chance.random() < 0.4:
            count = min(length - cursor, chance.randrange(3000 if large else 6))
            length -= count
            ops.append(Delete(count))
        else:
            text = "".join(chance.choices(alphabet, k=chance.randrange(4000 if large else 4)))
            cursor += len(text)
            length += len(text)
            ops.append(Insert(text))
    return ops


def history(seed: str, alphabet: str, base: str, count: int) -> tuple[list[Packet], list[str]]:
    """Packets a second apart, and the text after each."""
    chance = random.Random(seed)
    text, around = base, 0
    packets: list[Packet] = []
    texts: list[str] = []
    for version in range(1, count + 1):
        if chance.random() < 0.1:
            around = chance.randrange(len(text) + 1)
        ops = random_ops(chance, len(text), alphabet, around)
        text = apply(text, ops)
        packets.append(Packet(tuple(ops), zlib.crc32(text.encode()), at(version), version))
        texts.append(text)
    return packets, texts


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alphabet", ["ab\n", "aé中", ALPHABET], ids=["1-byte", "3-byte", "4-byte"])
def test_every_text_of_a_random_history(seed: int, alphabet: str) -> None:
    """Against `apply`, with texts of many leaves and blocks and edits that cross them."""
    base = "".join(random.Random(seed).choices(alphabet, k=[0, 3, 60_000][seed % 3]))
    packets, texts = history(f"{seed} {alphabet}", alphabet, base, 400)
    stops = np.arange(401)
    for every in (False, True):
        assert replayed(columns(packets), stops, base, 0, every_checksum=every) == [base, *texts]
    some = np.array([17, 230, 400])
    assert replayed(columns(packets), some, base, 0, every_checksum=True) == [texts[i - 1] for i in some]


def test_a_text_that_grows_and_is_emptied_again_and_again() -> None:
    """Leaves and blocks are given back and used anew."""
    packets: list[Packet] = []
    texts: list[str] = []
    text = ""
    chance = random.Random(1)
    for version in range(1, 1200):
        whole: list[Op] = [Delete(len(text)), Insert("é" * chance.randrange(30_000))]
        ops = whole if version % 40 == 0 else random_ops(chance, len(text), ALPHABET, len(text) // 2)
        text = apply(text, ops)
        packets.append(Packet(tuple(ops), zlib.crc32(text.encode()), at(version), version))
        texts.append(text)
    assert replayed(columns(packets), np.arange(1, 1200), "", 0, every_checksum=True) == texts


def test_typing_backspaces_and_jumps_over_a_large_text() -> None:
    """One character each, as people type, spread so that every leaf of the text is split and joined."""
    chance = random.Random(7)
    text, texts = "x" * 40_000, list[str]()
    packets: list[Packet] = []
    for version in range(1, 6000):
        if version % 30 == 1:
            cursor = chance.randrange(len(text) + 1)
        if chance.random() < 0.2 and cursor:
            cursor -= 1
            ops: list[Op] = [Skip(cursor), Delete(1)]
        else:
            ops = [Skip(cursor), Insert(chance.choice("ab中"))]
            cursor += 1
        text = apply(text, ops)
        packets.append(Packet(tuple(ops), zlib.crc32(text.encode()), at(version), version))
        texts.append(text)
    for stops in (np.array([5999]), np.arange(1, 6000, 37)):
        found = replayed(columns(packets), stops, "x" * 40_000, 0, every_checksum=True)
        assert found == [texts[stop - 1] for stop in stops]


def outcome(
    replay: Callable[[], list[str]],
) -> list[str] | tuple[type[Exception], str, list[str]]:
    try:
        return replay()
    except InputError as error:
        return type(error), str(error), getattr(error, "__notes__", [])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_histories_end_as_the_plain_replay_does(data: st.DataObject) -> None:
    """A packet is lost, repeated, swapped, given a wrong checksum or ops that do not fit."""
    base = data.draw(st.text(st.sampled_from(ALPHABET), max_size=20))
    packets, _ = history(str(data.draw(st.integers(0, 10**6))), ALPHABET, base, 12)
    place = data.draw(st.integers(0, 10))
    broken = packets[place]
    match data.draw(
        st.sampled_from(["none", "lost", "repeated", "swapped", "crc", "skip", "delete", "time"])
    ):
        case "lost":
            del packets[place]
        case "repeated":
            packets.insert(place, broken)
        case "swapped":
            packets[place : place + 2] = packets[place + 1], broken
        case "crc":
            packets[place] = Packet(broken.ops, broken.crc32 ^ 1, broken.committed, broken.version)
        case "skip":
            packets[place] = Packet((Skip(99_999),), broken.crc32, broken.committed, broken.version)
        case "delete":
            ops = (*broken.ops, Delete(99_999))
            packets[place] = Packet(ops, broken.crc32, broken.committed, broken.version)
        case "time":
            packets[place] = Packet(broken.ops, broken.crc32, at(-5), broken.version)
        case _:
            pass
    moments = [at(seconds) for seconds in data.draw(st.lists(st.integers(0, 14), max_size=5))]
    base_version = data.draw(st.sampled_from([None, 0, 0, 4]))
    found = outcome(
        lambda: texts_at_columns(
            columns(packets), moments, base, base_version=base_version, every_checksum=True
        )
    )
    assert found == outcome(lambda: texts_at(packets, moments, base, base_version=base_version))


def test_without_every_checksum_those_of_the_moments_count() -> None:
    right, wrong = zlib.crc32(b"a"), zlib.crc32(b"b")
    packets = [
        Packet((Insert("a"),), wrong, at(1), 1),
        Packet((), right, at(2), 2),
    ]
    assert texts_at_columns(columns(packets), [at(2)]) == ["a"]
    for moments, every in (([at(1), at(2)], False), ([at(2)], True)):
        with pytest.raises(BadChecksum) as caught:
            texts_at_columns(columns(packets), moments, every_checksum=every)
        assert caught.value.__notes__ == ["packet 0 of 2, version 1"]


def test_moments_come_in_any_order_and_more_than_once() -> None:
    packets, texts = history("order", ALPHABET, "", 9)
    found = texts_at_columns(columns(packets), [at(9), at(0), at(4), at(9), at(4)])
    assert found == [texts[8], "", texts[3], texts[8], texts[3]]
    assert texts_at_columns(columns(packets), []) == []
    assert texts_at_columns(columns([]), [at(1)], "x") == ["x"]
    with pytest.raises(TypeError):
        texts_at_columns(columns(packets), [datetime(2024, 5, 1)])


def test_more_text_than_fits_into_one_output() -> None:
    base = "中" * 3_000_000
    packets = [Packet((), zlib.crc32(base.encode()), at(1), 1)]
    packets.append(Packet((Delete(1), Insert("x")), zlib.crc32(("x" + base[1:]).encode()), at(2), 2))
    assert texts_at_columns(columns(packets), [at(0), at(1), at(2)], base) == [base, base, "x" + base[1:]]


def test_a_base_that_utf8_can_not_hold_is_refused() -> None:
    with pytest.raises(BadUTF8):
        texts_at_columns(columns([]), [at(1)], base="a\ud800")


def test_a_slice_of_a_table_counts_from_its_own_first_row() -> None:
    packets, texts = history("slice", ALPHABET, "", 30)
    later = columns(packets).slice(10, 15)
    assert texts_at_columns(later, [at(25)], texts[9], base_version=10) == [texts[24]]


def test_a_packet_that_does_not_decode_is_met_where_those_before_it_count() -> None:
    packets, texts = history("decode", ALPHABET, "", 5)
    wire = [encode_packet(packet) for packet in packets]
    wire[3] = b"\xff"
    ops = ops_of_packets(pa.array(wire, pa.binary()))
    assert ops.column("decoded").to_pylist() == [True, True, True, False, True]
    assert texts_at_columns(ops, [at(2)]) == [texts[1]]
    with pytest.raises(MalformedPacket) as caught:
        texts_at_columns(ops, [at(4)])
    with pytest.raises(MalformedPacket) as expected:
        decode_packet(wire[3])
    assert str(caught.value) == str(expected.value)


def as_row(data: bytes) -> dict[str, object] | None:
    """What the plain decoder says; None: it refuses the packet."""
    try:
        packet = decode_packet(data)
    except OTError:
        return None
    kinds = {Skip: 0, Delete: 1, Insert: 2}
    return {
        "version": packet.version,
        "crc32": packet.crc32,
        "author": packet.author.value,
        "committed": packet.committed,
        "ops": [
            {"kind": kinds[type(op)], "count": getattr(op, "count", 0), "text": getattr(op, "text", "")}
            for op in packet.ops
        ],
    }


def rows(wire: list[bytes]) -> list[dict[str, object] | None]:
    found = ops_of_packets(pa.array(wire, pa.binary()))
    assert found.schema == OPS
    found.validate(full=True)
    assert found.column("packet").to_pylist() == wire
    names = ("version", "crc32", "author", "committed", "ops")
    return [{name: row[name] for name in names} if row["decoded"] else None for row in found.to_pylist()]


number = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1))
ops_of_any_kind = st.lists(
    st.one_of(
        st.builds(Skip, number),
        st.builds(Delete, number),
        st.builds(Insert, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
    ),
    max_size=6,
).map(tuple)
any_packet = st.builds(
    Packet,
    ops=ops_of_any_kind,
    crc32=number,
    committed=st.datetimes(timezones=st.just(UTC)),  # also before 1970
    version=number,
    nonce=number,
    user_id=number,
    author=st.sampled_from(Author),
    spooky_version=number,
)


@settings(deadline=None)
@given(st.lists(any_packet, max_size=5), st.integers(0, 99))
def test_lengths_are_those_of_the_texts(packets: list[Packet], start: int) -> None:
    length = start
    expected: list[int] = []
    for packet in packets:
        for op in packet.ops:
            length += len(op.text) if isinstance(op, Insert) else -op.count if isinstance(op, Delete) else 0
        expected.append(length)
    assert lengths_after(columns(packets), start).tolist() == expected


@settings(deadline=None)
@given(st.lists(any_packet, max_size=5))
def test_packets_decode_as_the_plain_decoder_does(packets: list[Packet]) -> None:
    wire = [encode_packet(packet) for packet in packets]
    assert rows(wire) == [as_row(data) for data in wire]


@settings(deadline=None)
@given(st.lists(any_packet, max_size=5))
def test_packets_have_the_columns_of_their_wire_format(packets: list[Packet]) -> None:
    assert columns_of(packets) == columns(packets).drop_columns(["packet"])


def test_a_long_history_is_replayed_in_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    packets, texts = history("long", ALPHABET, "", 200)
    calls: list[int] = []

    def columns_called(of: list[Packet]) -> pa.RecordBatch:
        calls.append(len(of))
        return columns_of(of)

    monkeypatch.setattr(engine, "_LOADING", 0)
    monkeypatch.setattr(engine, "_COMPILING", 0)
    monkeypatch.setattr(packet_columns, "columns_of", columns_called)
    moments = [at(150), at(0), at(200), at(150)]
    expected = [texts[149], "", texts[199], texts[149]]
    assert repair.replay.texts_at(packets, moments) == texts_at(packets, moments) == expected
    assert repair.replay.texts_at(packets[:5], [at(3)]) == [texts[2]]
    assert calls == [200]  # a short one is not worth it
    for wrong, error in ((replace(packets[99], crc32=0), BadChecksum), (packets[98], VersionGap)):
        broken = [*packets[:99], wrong, *packets[100:]]
        assert repair.replay.texts_at(broken, [at(98)]) == [texts[97]]
        with pytest.raises(error) as caught:
            repair.replay.texts_at(broken, [at(150)])
        with pytest.raises(error) as named:
            texts_at(broken, [at(150)])
        assert str(caught.value) == str(named.value)
        assert caught.value.__notes__ == named.value.__notes__


def test_compiled_code_is_loaded_when_a_process_has_met_enough_packets() -> None:
    program = (
        "import sys\nfrom repair.replay import engine\nengine._LOADING = 100\n"
        "engine.is_cached = lambda: True\n"
        "asked = [engine.pays(count) for count in (20, 20, 20, 20, 20, 60, 39, 40)]\n"
        "assert 'repair.replay.kernels' not in sys.modules\n"
        "import repair.replay.kernels.packets\n"
        "print(asked, engine.pays(29), engine.pays(30))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split("] ") == ["[" + 7 * "False, " + "True", "False True\n"]


def test_packets_of_a_large_file_count_for_what_moving_its_text_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "is_cached", lambda: True)
    monkeypatch.delitem(sys.modules, "repair.replay.kernels", raising=False)
    for length, expected in ((1_000, False), (4 << 20, True)):
        monkeypatch.setattr(engine, "_met", Counter[str]())
        assert engine.pays(200, length) is expected


def test_compiling_for_the_first_time_pays_later_than_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_LOADING", 100)
    monkeypatch.setattr(engine, "_COMPILING", 300)
    monkeypatch.delitem(sys.modules, "repair.replay.kernels", raising=False)
    for cached, expected in ((False, [False, False, True]), (True, [True, True, True])):
        monkeypatch.setattr(engine, "_met", Counter[str]())
        monkeypatch.setattr(engine, "is_cached", lambda cached=cached: cached)
        assert [engine.pays(100) for _ in range(3)] == expected


def test_without_the_compiler_all_is_replayed_in_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_LOADING", 0)
    monkeypatch.setattr(engine, "_COMPILING", 0)
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "repair.replay.kernels", raising=False)
    assert not engine.pays(10**9)


@settings(max_examples=150, deadline=None)
@given(any_packet, st.data())
def test_damaged_packets_decode_as_the_plain_decoder_does(packet: Packet, data: st.DataObject) -> None:
    """Bytes are changed, cut off, doubled or put in; what is right beside them stays right."""
    wire = bytearray(encode_packet(packet))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(wire)))
        match data.draw(st.sampled_from(["change", "cut", "double", "put in"])):
            case "change":
                wire[place : place + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del wire[place:]
            case "double":
                wire += wire[place:]
            case _:
                wire[place:place] = data.draw(st.binary(max_size=4))
    good = encode_packet(packet)
    assert rows([good, bytes(wire), good]) == [as_row(packet) for packet in (good, bytes(wire), good)]


@pytest.mark.parametrize(
    "extra",
    [
        b"\x18\x07\x18\x08",  # the checksum three times: the last one counts
        b"\x82\x01\x02hi",  # field 16, which nobody knows
        b"\x12\x04\x08\x01\x10\x02",  # a component that says skip and then delete: the last one counts
        b"\x22\x02\x08\x05",  # a second time is merged into the first one
        b"\x28\x80\x80\x00",  # a number with more bytes than it needs
    ],
)
def test_legal_but_unusual_packets_decode(extra: bytes) -> None:
    packet = Packet((Skip(1), Insert("é")), 5, at(1), 3)
    wire = encode_packet(packet) + extra
    assert as_row(wire) is not None
    assert rows([wire]) == [as_row(wire)]


@pytest.mark.parametrize(
    "text",
    [
        b"\xc0\x80",  # an overlong form
        b"\xed\xa0\x80",  # a surrogate
        b"\xf4\x90\x80\x80",  # above U+10FFFF
        b"\xe4\xb8",  # cut off
        b"\x80",  # begins in the middle
        b"\xf0\x8f\xbf\xbf",  # an overlong form of four bytes
        b"\xe0\x9f\xbf",  # and of three
    ],
)
def test_inserted_text_that_is_not_utf8_is_refused(text: bytes) -> None:
    component = b"\x1a" + bytes([len(text)]) + text
    wire = encode_packet(Packet((), 0, at(1), 1)) + b"\x12" + bytes([len(component)]) + component
    assert rows([wire]) == [None]
    with pytest.raises(BadUTF8):
        texts_at_columns(ops_of_packets(pa.array([wire], pa.binary())), [at(1)])


def test_a_gap_is_named_as_the_plain_replay_names_it() -> None:
    packets, _ = history("gap", "ab", "", 4)
    del packets[2]
    with pytest.raises(VersionGap) as caught:
        texts_at_columns(columns(packets), [at(9)])
    assert caught.value.__notes__ == ["packet 2 of 3, version 4"]


def test_chunks_nulls_and_large_binary() -> None:
    packets, _ = history("chunks", "ab", "", 3)
    wire = [encode_packet(packet) for packet in packets]
    chunked = pa.chunked_array([wire[:1], [], wire[1:]], pa.large_binary())
    assert ops_of_packets(chunked) == ops_of_packets(pa.array(wire, pa.binary()))
    assert ops_of_packets(pa.chunked_array([], pa.binary())).num_rows == 0
    assert ops_of_packets(pa.array([None], pa.binary())).column("decoded").to_pylist() == [False]


@pytest.mark.parametrize("name", ["sveltecomponent", "json-crdt-patch"])  # large pastes; not only ASCII
def test_a_real_history_replays_to_its_end(shared_data: Path, name: str) -> None:
    real = trace(shared_data, name)
    wire = pa.array(list(recorded(real)), pa.binary())
    found = replayed(
        ops_of_packets(wire), np.array([0, len(wire)]), real["startContent"], 0, every_checksum=True
    )
    assert found == [real["startContent"], real["endContent"]]


def test_the_modules_load_without_the_compiler() -> None:
    program = (
        "import sys, repair.replay.packet_columns, repair.replay.compiled, "
        "repair.replay.file, repair.replay.workspace\n"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
