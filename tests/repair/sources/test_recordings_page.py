"""The examples of docs/recordings.md can be imported exactly as printed."""

import json
import re
from pathlib import Path

import pytest

from repair.ot.packets import Packet, encode_packet
from repair.recording.reader import Recording
from repair.recording.text_at import text_at
from repair.sources import events, ot
from repair.sources.importing import write_recording
from repair.sources.report import Report
from tests.recorded import NOON, NOW, hours

PAGE = Path(__file__).resolve().parents[3] / "docs" / "recordings.md"


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """File name -> the block of JSON Lines that the page shows for it."""
    before, *parts = PAGE.read_text().split("```json\n")
    blocks: dict[str, str] = {}
    for part in parts:
        name = re.findall(r"`([\w/.]+\.jsonl)`", before)[-1]  # the file that was named last
        block, before = part.split("```", 1)
        blocks["ot/events.jsonl" if name in blocks else name] = block
    return blocks


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_events_in_the_published_schema(examples: dict[str, str], tmp_path: Path) -> None:
    put(tmp_path / "in", **{name: examples[name] for name in ("projects.jsonl", "events.jsonl")})
    report = Report(NOW)
    write_recording(events.projects_and_events(tmp_path / "in", report=report), tmp_path / "rec", report)
    assert report.bad_rows == {}
    fixes = {"fix_shown": 1, "fix_rejected": 1}
    assert report.events == {"ot": 3, "diagnostics": 2, "file": 1, "execution": 1, **fixes}
    text = text_at(Recording(tmp_path / "rec"), "turtles", "main.py", NOON + hours(1))
    assert text == "import turtle\nturtle.Screen\n"


def test_a_folder_of_packets(examples: dict[str, str], tmp_path: Path) -> None:
    names = ("packets/src/shapes.py.jsonl", "file_events.jsonl", "diagnostics.jsonl")
    files = {f"turtles/{name}": examples[name] for name in names}
    files["turtles/events.jsonl"] = examples["ot/events.jsonl"]
    put(tmp_path / "in", **files, **{"projects.jsonl": examples["projects.jsonl"]})
    packet = encode_packet(Packet.from_json(examples[names[0]].splitlines()[0]))
    (tmp_path / "in/turtles/packets/main.py.otp").write_bytes(bytes([len(packet)]) + packet)
    report = Report(NOW)
    write_recording(ot.projects_and_events(tmp_path / "in", report=report), tmp_path / "rec", report)
    assert report.bad_rows == {}
    assert report.events == {"ot": 3, "file": 2, "diagnostics": 2, "shell_command": 1, "package_install": 1}
    recording = Recording(tmp_path / "rec")
    texts = {
        path: text_at(recording, "turtles", path, NOON + hours(1))
        for path in ("main.py", "src/shapes.py", "src/notes.py")
    }
    assert texts == {"main.py": "SIDES = 3\n", "src/shapes.py": "SIDES = 4\n", "src/notes.py": "# notes\n"}


def test_every_example_is_imported(examples: dict[str, str]) -> None:
    assert set(examples) == {
        "projects.jsonl",
        "events.jsonl",
        "packets/src/shapes.py.jsonl",
        "file_events.jsonl",
        "diagnostics.jsonl",
        "ot/events.jsonl",
    }
    assert PAGE.read_text().count("```json") == len(examples)
    for block in examples.values():
        assert all(isinstance(json.loads(line), dict) for line in block.splitlines())
