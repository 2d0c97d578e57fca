"""The simulated source: it writes what an editor would record, and the same each time."""

import ast
import json
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.errors import ConfigurationError
from repair.ot import packets as ot
from repair.recording.event import Event, Project
from repair.schema.events import EventKind, FileOperation
from repair.sources.simulated import projects_and_events
from repair.sources.simulated.corpus import standard_library
from repair.sources.simulated.document import Document, Mistake
from repair.sources.simulated.keystrokes import LONGEST_GAP_MS, replacement, typed
from repair.sources.simulated.mistakes import KINDS
from repair.sources.simulated.source_text import SourceText, misspelt


@pytest.fixture(scope="module")
def demo() -> list[tuple[Project, list[Event]]]:
    return [(project, list(events)) for project, events in projects_and_events(seed=3)]


def replayed(events: list[Event]) -> dict[str, str]:
    """The files after all events, by nothing but the meaning of each event; checks what a packet says."""
    files: dict[str, str] = {}
    versions: Counter[str] = Counter()
    for event in events:
        path = event.path or ""
        if event.kind == EventKind.OT:
            packet = ot.decode_packet(event.packet or b"")
            files[path] = ot.apply(files[path], packet.ops)
            versions[path] += 1
            assert packet.version == versions[path]
            assert packet.crc32 == zlib.crc32(files[path].encode())
            assert packet.committed == event.timestamp
        elif event.kind == EventKind.FILE and event.operation == FileOperation.MOVE:
            files[event.destination or ""] = files.pop(path)
            versions[event.destination or ""] = versions.pop(path, 0)
        elif event.kind == EventKind.FILE:
            files[path] = (event.content or b"").decode()
    return files


def test_every_packet_applies_and_says_the_truth(demo: list[tuple[Project, list[Event]]]) -> None:
    for _, events in demo:
        assert replayed(events)


def test_a_file_ends_as_its_correct_text_unless_a_mistake_stays(
    demo: list[tuple[Project, list[Event]]],
) -> None:
    correct = {module.text for module in standard_library().modules}
    finals = [text for _, events in demo for path, text in replayed(events).items() if path.startswith("my_")]
    same = sum(text in correct for text in finals)
    # A few mistakes are never put right, by intention; the rest leave no trace.
    assert len(finals) * 0.5 < same < len(finals)


def test_a_project_whose_mistakes_are_all_corrected_ends_as_the_corpus() -> None:
    module = standard_library().modules[10]
    document, random = Document("a.py", module.text), Random(1)
    document.leave_out(random, most=2)
    for _ in range(60):
        kind = random.choice(KINDS)
        edit = next(document.possible_edits(kind, random), None)
        if edit is not None and len(document.mistakes) < 3:
            document.make(Mistake(kind, edit))
            assert document.text != module.text
        elif document.mistakes:
            document.correct(random.choice(document.mistakes))
        elif document.unwritten:
            document.write(document.unwritten[0])
    for mistake in list(document.mistakes):
        document.correct(mistake)
    while document.unwritten:
        document.write(document.unwritten[0])
    assert document.text == module.text


def test_time_goes_on_and_the_same_seed_gives_the_same_events(
    demo: list[tuple[Project, list[Event]]],
) -> None:
    again = [(project, list(events)) for project, events in projects_and_events(seed=3)]
    assert again == demo
    for _, events in demo:
        times = [event.timestamp for event in events]
        assert times == sorted(times)


def test_another_seed_gives_other_events(demo: list[tuple[Project, list[Event]]]) -> None:
    other = next(projects_and_events(seed=4))
    assert other[0] != demo[0][0]
    assert list(other[1]) != demo[0][1]


def test_a_project_does_not_depend_on_how_many_there_are(demo: list[tuple[Project, list[Event]]]) -> None:
    assert [(project, list(events)) for project, events in projects_and_events(seed=3, projects=2)] == demo[
        :2
    ]


@pytest.mark.slow
def test_another_process_gives_the_same_events(demo: list[tuple[Project, list[Event]]]) -> None:
    """`hash()` of a string differs between processes; nothing may rest on it."""
    program = (
        "from repair.sources.simulated import projects_and_events\n"
        "from hashlib import sha256\n"
        "found = [(project, list(events)) for project, events in projects_and_events(seed=3, projects=2)]\n"
        "print(sha256(repr(found).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_what_a_recording_has_occurs(demo: list[tuple[Project, list[Event]]]) -> None:
    kinds = Counter(event.kind for _, events in demo for event in events)
    # Diagnostics and snapshots are added by others, and nobody revokes a consent.
    others = {EventKind.DIAGNOSTICS, EventKind.SNAPSHOT, EventKind.CONSENT_REVOKED}
    assert set(kinds) == set(EventKind) - others
    assert {event.operation for _, events in demo for event in events if event.operation} == {
        FileOperation.CREATE,
        FileOperation.MOVE,
        FileOperation.MODIFY,
    }
    authors = Counter(
        ot.decode_packet(event.packet).author for _, events in demo for event in events if event.packet
    )
    assert 0 < authors[ot.Author.GHOSTWRITER] < authors[ot.Author.USER] / 20
    payloads = [event.payload for _, events in demo for event in events if event.payload is not None]
    assert all(isinstance(json.loads(payload), dict) for payload in payloads)
    sessions = [{event.session_id for event in events} for _, events in demo]
    assert all(len(names) == 2 for names in sessions)


def test_some_session_goes_on_past_midnight(demo: list[tuple[Project, list[Event]]]) -> None:
    days = [{(event.session_id, event.timestamp.date()) for event in events} for _, events in demo]
    assert any(len(found) > len({session for session, _ in found}) for found in days)


def test_every_reason_to_leave_a_project_out_occurs(demo: list[tuple[Project, list[Event]]]) -> None:
    projects = [project for project, _ in demo]
    assert {project.visibility for project in projects} == {"public", "private", "unknown"}
    assert {project.consent for project in projects} == {True, False, None}
    assert {project.language for project in projects} == {"python", "javascript"}
    assert {project.licence for project in projects} == {"PSF-2.0", None}
    good = [
        project
        for project in projects
        if (project.visibility, project.consent, project.language) == ("public", True, "python")
    ]
    assert len(good) > len(projects) * 0.75


def test_without_every_case_all_projects_are_good_for_training() -> None:
    found = [
        (project, {event.path for event in events})
        for project, events in projects_and_events(seed=3, days=1, projects=9, every_case=False)
    ]
    assert {(p.visibility, p.consent, p.language, p.licence) for p, _ in found} == {
        ("public", True, "python", "PSF-2.0")
    }
    assert not {"main.py", "notes.py"} & {path for _, paths in found for path in paths}


def test_two_calls_that_continue_each_other_give_what_one_gives(
    demo: list[tuple[Project, list[Event]]],
) -> None:
    ((project, events),) = projects_and_events(seed=3, projects=1, first_project=5)
    assert (project, list(events)) == demo[5]


@pytest.mark.parametrize(
    "options",
    [
        {"projects": 0},
        {"days": 0},
        {"modules_per_project": 0},
        {"modules_per_project": 5},
        {"first_project": -1},
    ],
    ids=str,
)
def test_an_impossible_option_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        next(projects_and_events(**options))


@given(st.text("ab\n (é🐍", max_size=40), st.text("ab\n (é🐍", max_size=40), st.integers(0, 9))
def test_typing_arrives_in_small_quick_steps(before: str, after: str, seed: int) -> None:
    text = before
    for gap, ops in typed(before, after, Random(seed)):
        assert 0 < gap <= LONGEST_GAP_MS
        text = ot.apply(text, ops)
    assert text == after


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_replacement_puts_the_texts_into_each_other(before: str, after: str) -> None:
    head, gone, come = replacement(before, after)
    assert before[:head] + come + before[head + len(gone) :] == after
    assert before[head : head + len(gone)] == gone


def test_places_are_code_points() -> None:
    source = SourceText('x = "🐍é"; y = x\n')
    names = [node for node in source.nodes if isinstance(node, ast.Name)]
    assert sorted(source.text[slice(*source.span(name))] for name in names) == ["x", "x", "y"]
    assert [token.text for token in source.tokens] == ["x", "=", '"🐍é"', ";", "y", "=", "x", "\n"]
    assert all(source.text[token.start : token.end] == token.text for token in source.tokens)


@given(st.from_regex(r"[a-z_]{3,12}", fullmatch=True), st.integers())
def test_a_misspelling_is_a_name_that_nothing_has(name: str, seed: int) -> None:
    slip = misspelt(name, frozenset({name}), Random(seed))
    assert slip is None or (slip.isidentifier() and slip != name)
