"""Copies of simulated projects: the same diagnostics at the same positions, with renamed words."""

import re
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.curation.near_duplicates import NearDuplicates
from repair.errors import ConfigurationError
from repair.language_servers import LanguageServers
from repair.recording.event import Event, Project
from repair.recording.snapshots import with_snapshots
from repair.schema.events import EventKind, FileOperation
from repair.sources.discovery import discover
from repair.sources.simulated import projects_and_events
from repair.sources.simulated.copies import with_copies
from tests.recorded import NOON, Typist, diagnostic, hours

Recorded = list[tuple[Project, list[Event]]]


def copied(events: list[Event], copies: int = 2) -> Recorded:
    source = iter([(Project("p", "public", "python", "MIT", True), iter(events))])
    return [(project, list(events)) for project, events in with_copies(source, copies)]


def final_texts(events: list[Event]) -> dict[str, str]:
    """What is in the files after all events; whatever does not replay fails the test."""

    def broken(*why: object) -> None:
        raise AssertionError(why)

    stored = list(with_snapshots(events, broken))
    return {
        event.path: (event.content or b"").decode()
        for event in stored
        if event.kind == EventKind.SNAPSHOT and event.timestamp == stored[-1].timestamp and event.path
    }


EXCHANGED = {"wibble", "wobble", "Wibble", "_wub_wub"}
KEPT = {"print", "import", "x", "ab1", "über"}
TEXT = st.lists(
    st.sampled_from([*sorted(EXCHANGED | KEPT), " ", "\n", "(", '"\\n', "%", "\\", "'"]), max_size=12
).map("".join)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8))
def test_every_text_of_a_copy_is_the_originals_with_words_exchanged(texts: list[str]) -> None:
    """Whatever is typed: words in parts, words that grow together, words that are no words."""
    typist, events = Typist(), list[Event]()
    for number, text in enumerate(texts):
        events.append(typist.types("main.py", text, NOON + hours(number)))
    (_, first), (_, copy) = copied(events)
    assert first == events
    renamed: dict[str, str] = {}
    for count in range(1, len(events) + 1):
        original = final_texts(events[:count]).get("main.py", "")
        changed = final_texts(copy[:count]).get("main.py", "")
        assert re.sub(r"\w", "w", changed) == re.sub(r"\w", "w", original)  # positions stay
        for found in re.finditer(r"\w+", original):
            word, new = found[0], changed[found.start() : found.end()]
            if word in KEPT or original[: found.start()].endswith(("\\", "%")):
                assert new == word
            else:
                assert renamed.setdefault(word, new) == new
    assert len(set(renamed.values())) == len(renamed)
    assert all(new != old for old, new in renamed.items() if old in EXCHANGED)


def test_words_are_exchanged_everywhere_alike_and_places_stay() -> None:
    typist = Typist()
    published = diagnostic("pyright[reportUndefinedVariable]", '"wobbly" is not defined')

    def created_with(path: str, content: bytes) -> Event:
        return typist.event(EventKind.FILE, NOON, operation=FileOperation.CREATE, path=path, content=content)

    events = [
        created_with("wibbly.py", b"wobbly = 1\n"),
        typist.event(EventKind.DIAGNOSTICS, NOON, path="wibbly.py", diagnostics=[published], session_id="s"),
        typist.event(EventKind.FIX_SHOWN, NOON, path="wibbly.py", payload='{"insert": ["a wobbly", 1]}'),
        created_with("b.py", b"import wibbly\nwibbly.wobbly\n"),
    ]
    (original, _), (project, (created, shown, fix, other)) = copied(events)
    assert project == replace(original, project_id="p-2")
    word = (created.content or b"").decode().split()[0]
    assert (word != "wobbly", len(word), word.islower(), word.isidentifier()) == (True, 6, True, True)
    assert shown.diagnostics == [published | {"message": f'"{word}" is not defined'}]
    assert fix.payload == f'{{"insert": ["a {word}", 1]}}'
    # a file's name is no word of its own
    assert (other.path, other.content) == ("b.py", f"import wibbly\nwibbly.{word}\n".encode())
    assert {event.project_id for event in (created, shown, fix, other)} == {"p-2"}
    assert shown.session_id != "s"


def test_words_with_a_meaning_stay() -> None:
    text = (
        "import os\nclass Zub(dict):\n    def __len__(self):\n"
        "        return '%dzub\\nzub' % len(os.environ)  # noqa: zub\n"
    )
    (_, _), (_, (event,)) = copied(
        [
            Typist().event(
                EventKind.FILE, NOON, operation=FileOperation.CREATE, path="a.py", content=text.encode()
            )
        ]
    )
    changed = (event.content or b"").decode()
    exchanged = {
        old: new
        for old, new in zip(re.findall(r"\w+", text), re.findall(r"\w+", changed), strict=True)
        if old != new
    }
    assert set(exchanged) == {"Zub", "zub"}
    assert "'%dzub\\nzub'" in changed


def test_copies_are_no_near_duplicates_and_come_out_the_same_each_time() -> None:
    duplicates = texts = 0
    for _, recorded in projects_and_events(seed=3, projects=5, days=1):
        events, known = list(recorded), NearDuplicates()
        every = copied(events, 3)
        assert [project.project_id for project, _ in every] == ["p", "p-2", "p-3"]
        assert copied(events, 3) == every
        for project, events in every:
            for path, text in final_texts(events).items():
                texts += 1
                duplicates += known.find_or_add(project.project_id + path, text) is not None
    assert texts > 20
    assert duplicates <= texts / 10, f"{duplicates} of {texts}"


def test_one_copy_is_the_source_itself() -> None:
    assert [len(events) for _, events in copied([Typist().types("a.py", "x", NOON)], 1)] == [1]
    with pytest.raises(ConfigurationError, match="copies is 0"):
        copied([], 0)


def test_the_servers_say_of_a_copy_what_it_has(servers: LanguageServers) -> None:
    def published(events: list[Event]) -> dict[object, list[object]]:
        return {
            (event.timestamp, event.path): sorted(
                repr(sorted(diagnostic.items())) for diagnostic in event.diagnostics or []
            )
            for event in events
            if event.kind == EventKind.DIAGNOSTICS
        }

    source = (
        (project, discover(events, servers, settle_seconds=3))
        for project, events in islice(projects_and_events(seed=11, projects=3, days=1), 1, 2)
    )
    for project, copy in with_copies(source, 2):
        events = list(copy)
        if project.project_id.endswith("-2"):
            bare = [event for event in events if event.kind != EventKind.DIAGNOSTICS]
            assert published(events) == published(list(discover(bare, servers, settle_seconds=3)))
            assert any(published(events).values())
