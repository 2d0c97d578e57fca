"""A real editing history, written as an OT folder, imported, and read back as it ended."""

import gzip
import json
import zlib
from datetime import timedelta
from pathlib import Path

from google.protobuf.internal import encoder

from repair.ot.packets import Delete, Insert, Op, Packet, Skip, encode_packet
from repair.recording.reader import Recording
from repair.recording.text_at import text_at
from repair.sources import ot
from repair.sources.importing import write_recording
from repair.sources.report import Report
from tests.recorded import NOON, NOW


def test_a_real_history_over_three_days_ends_as_it_ended(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "editing_traces" / "sveltecomponent.json.gz") as file:
        trace = json.load(file)
    text, packets, texts = str(trace["startContent"]), list[bytes](), list[str]()
    patches = [patch for txn in trace["txns"] for patch in txn["patches"]]
    step = timedelta(days=2.5) / len(patches)
    for number, (position, deleted, inserted) in enumerate(patches):
        text = text[:position] + inserted + text[position + deleted :]
        texts.append(text)
        ops: tuple[Op, ...] = (Skip(position), Delete(deleted), Insert(inserted))
        packet = Packet(ops, zlib.crc32(text.encode()), NOON + step * number, version=number + 1)
        packets.append(encode_packet(packet))
    folder = tmp_path / "ot" / "p" / "packets"
    folder.mkdir(parents=True)
    (tmp_path / "ot" / "projects.jsonl").write_text('{"project_id": "p"}\n')
    (folder / "App.svelte.otp").write_bytes(
        b"".join(encoder._VarintBytes(len(packet)) + packet for packet in packets)
    )
    assert text == trace["endContent"]

    report = Report(NOW)
    write_recording(ot.projects_and_events(tmp_path / "ot", report=report), tmp_path / "rec", report)
    assert report.bad_rows == {}
    assert report.events == {"ot": len(patches)}
    recording = Recording(tmp_path / "rec")
    assert len(recording.dates()) == 4  # three active days and the midnight after the last
    for number in (0, 1000, 12345, len(patches) - 1):
        assert text_at(recording, "p", "App.svelte", NOON + step * number) == texts[number]
