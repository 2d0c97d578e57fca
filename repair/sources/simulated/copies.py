"""Copies of recorded projects with renamed words, so that a recording can have any size.

Discovery of diagnostics takes seconds for a project, as the servers check each of its pauses. A copy needs
none: it is the same project, its diagnostics included, with words replaced. At every moment a file of the
copy is the original's text with each chosen word replaced by a made-up one of the same length and case,
everywhere alike. So positions stay, packets keep their times and carry the CRC-32 of the copy's text, and the
servers report the same diagnostics as for the original, with the words replaced.

A word is chosen if only the project itself can give it a meaning: it occurs neither in the stubs of what the
project imports (of all that these import in turn, and of the builtins), nor in a path, nor in the wording of
a diagnostic. These are the names that the project made up and the prose of its comments: enough that copies
are no near-duplicates, except for a few files that are made of the library's names.
"""

import builtins
import json
import keyword
import re
import string
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any, NamedTuple

from repair.errors import ConfigurationError
from repair.language_servers.programs import programs
from repair.ot.packets import Packet, apply, decode_packet, encode_packet
from repair.recording.event import Event
from repair.schema.events import EventKind, FileOperation
from repair.sources.importing import Source
from repair.sources.simulated.keystrokes import ops_of, replacement
from repair.sources.simulated.typist import seeded

_ANY_WORD = re.compile(r"\w+")
# Words of one and two letters are prefixes of strings and the letters of formats; after a backslash or a per
# cent sign the first letter is not part of the word.
_WORD = re.compile(r"(?<![\w\\%])[A-Za-z_]{3,}(?!\w)")
_COMMENT = re.compile(r"#.*")
_IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+(\w+)", re.MULTILINE)
_QUOTED = re.compile(r'"[^"]*"|`[^`]*`')
# Words of comments that are directives to a server.
_DIRECTIVES = frozenset(
    {"noqa", "type", "ignore", "pyright", "ruff", "isort", "flake8", "pylint", "basic", "strict"}
)

_NAMES = frozenset({"fix_id", "model", "code"})
"""Keys of payloads whose values are no text of the project."""

Rename = Callable[[str], str]


def with_copies(source: Source, copies: int) -> Source:
    """Every project of `source`, each followed by its copies: `copies` projects for one, with its record.

    The events of one project are held in memory. Raises ConfigurationError.
    """
    if copies < 1:
        raise ConfigurationError(f"copies is {copies}, expected 1 or more")
    for project, events in source:
        if copies == 1:
            yield project, events
            continue
        recorded = list(events)
        yield project, iter(recorded)
        original = _Original(recorded)
        for number in range(2, copies + 1):
            project_id = f"{project.project_id}-{number}"
            yield replace(project, project_id=project_id), original.copied(project_id)


class _Edit(NamedTuple):
    """A packet's edit on word boundaries: at `start` it replaced the words `before` by the words `after`."""

    packet: Packet
    start: int
    before: str
    after: str


class _Original:
    """A project's events, and the words that can be replaced in them."""

    def __init__(self, events: list[Event]) -> None:
        self._steps: list[tuple[Event, _Edit | None]] = []
        self._words: set[str] = set()
        fixed: set[str] = set()
        texts: dict[str, str] = {}
        for event in events:
            edit = None
            for path in (event.path, event.destination):
                fixed.update(_ANY_WORD.findall(path or ""))
            if event.kind == EventKind.OT:
                edit = _edit(event, texts)
                self._words.update(_ANY_WORD.findall(edit.after))
            elif event.kind == EventKind.FILE:
                _apply_file_event(event, texts)
                self._words.update(_ANY_WORD.findall((event.content or b"").decode()))
            for diagnostic in event.diagnostics or ():
                fixed.update(_ANY_WORD.findall(_QUOTED.sub(" ", diagnostic["message"])))
            self._steps.append((event, edit))
        self._meaningful = fixed | _known(self._words)
        self._exchanged = sorted(word for word in self._words - self._meaningful if _is_exchanged(word))

    def copied(self, project_id: str) -> Iterator[Event]:
        """The events of the copy `project_id`; its words are seeded by the id."""
        words = self._new_words(seeded("copy", project_id))

        def rename(text: str) -> str:
            return _WORD.sub(lambda found: words.get(found[0], found[0]), text)

        texts: dict[str, str] = {}
        for event, edit in self._steps:
            copy = replace(
                event,
                project_id=project_id,
                session_id=event.session_id
                and sha256(f"{project_id} {event.session_id}".encode()).hexdigest()[:16],
                content=None if event.content is None else rename(event.content.decode()).encode(),
                diagnostics=event.diagnostics
                and [_in_words(rename, diagnostic) for diagnostic in event.diagnostics],
                payload=event.payload
                and json.dumps(_renamed(rename, json.loads(event.payload)), ensure_ascii=False),
            )
            if edit is not None:
                copy = replace(copy, packet=_packet(edit, rename, texts, event.path or ""))
            elif event.kind == EventKind.FILE:
                _apply_file_event(copy, texts)
            yield copy

    def _new_words(self, random: Random) -> dict[str, str]:
        used = self._words | self._meaningful
        words: dict[str, str] = {}
        for word in self._exchanged:
            new = word
            while new in used:
                new = "".join(_letter(letter, random) for letter in word)
            used.add(new)
            words[word] = new
        return words


@cache
def _stubs() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Words and imports of the stubs of each package or module of the standard library."""
    root = programs().typeshed / "stdlib"
    found: dict[str, tuple[set[str], set[str]]] = {}
    for stub in root.rglob("*.pyi"):
        words, imports = found.setdefault(
            stub.relative_to(root).parts[0].removesuffix(".pyi"), (set(), set())
        )
        text = _COMMENT.sub("", stub.read_text(encoding="utf-8"))
        words.update(_ANY_WORD.findall(text))
        imports.update(_IMPORTED.findall(text))
    return {name: (frozenset(words), frozenset(imports)) for name, (words, imports) in found.items()}


@cache
def _module_names() -> frozenset[str]:
    """Module names of the whole standard library: a misspelt import must not become a right one."""
    stubs = (programs().typeshed / "stdlib").rglob("*.pyi")
    return frozenset(part.removesuffix(".pyi") for stub in stubs for part in stub.parts)


def _known(words: Iterable[str]) -> set[str]:
    """Every word that may have a meaning in a project of these `words` (imported modules among them)."""
    pending = ["builtins", *words]
    reached: set[str] = set()
    known = set(_module_names()) | set(dir(builtins)) | _DIRECTIVES
    known.update(keyword.kwlist, keyword.softkwlist)
    while pending:
        name = pending.pop()
        if name in _stubs() and name not in reached:
            reached.add(name)
            stub_words, imports = _stubs()[name]
            known |= stub_words
            pending += imports
    return known


def _is_exchanged(word: str) -> bool:
    return _WORD.fullmatch(word) is not None and word.strip("_") != "" and not word.startswith("__")


def _letter(letter: str, random: Random) -> str:
    if letter == "_":
        return letter
    return random.choice(string.ascii_lowercase if letter.islower() else string.ascii_uppercase)


def _apply_file_event(event: Event, texts: dict[str, str]) -> None:
    path = event.path or ""
    if event.operation == FileOperation.MOVE:
        texts[event.destination or ""] = texts.pop(path)
    elif event.operation == FileOperation.REMOVE:
        del texts[path]
    else:
        texts[path] = (event.content or b"").decode()


def _edit(event: Event, texts: dict[str, str]) -> _Edit:
    packet, path = decode_packet(event.packet or b""), event.path or ""
    before = texts.get(path, "")
    after = texts[path] = apply(before, packet.ops)
    start, gone, _ = replacement(before, after)
    end = start + len(gone)
    while start and (before[start - 1] in "\\%" or _ANY_WORD.fullmatch(before[start - 1])):
        start -= 1
    while end < len(before) and _ANY_WORD.fullmatch(before[end]):
        end += 1
    return _Edit(packet, start, before[start:end], after[start : len(after) - (len(before) - end)])


def _packet(edit: _Edit, rename: Rename, texts: dict[str, str], path: str) -> bytes:
    head, gone, come = replacement(rename(edit.before), rename(edit.after))
    start = edit.start + head
    before = texts.get(path, "")
    texts[path] = before[:start] + come + before[start + len(gone) :]
    return encode_packet(
        replace(
            edit.packet, ops=tuple(ops_of(start, len(gone), come)), crc32=zlib.crc32(texts[path].encode())
        )
    )


def _in_words(rename: Rename, diagnostic: Mapping[str, Any]) -> dict[str, Any]:
    return {**diagnostic, "message": rename(diagnostic["message"])}


def _renamed(rename: Rename, value: Any) -> Any:
    """A JSON value with `rename` applied to its strings."""
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, list):
        return [_renamed(rename, element) for element in value]
    return (
        {name: element if name in _NAMES else _renamed(rename, element) for name, element in value.items()}
        if isinstance(value, dict)
        else value
    )
