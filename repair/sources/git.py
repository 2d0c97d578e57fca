"""Importer of git histories: each commit of the first-parent history becomes edits and file events.

Commits are snapshots, not keystrokes: a change to a text becomes one packet with few and small ops, at the
commit's time. A created, removed or renamed file is a file event, and so is a change from or to content that
is not UTF-8. Only files that a language server reads are imported: Python files and the configuration of
pyright and ruff.

A commit's time is its author's time, as the text was written then, but never later than the committer's, and
never earlier than 1 ms after the commit before it: clocks differ, and rebasing keeps the author's time. A
time before 1970 or in the future counts as none. All events of a commit have the same time.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from repair.errors import ConfigurationError
from repair.ot.packets import Packet, encode_packet, minimal_ops
from repair.recording.event import Event, Project
from repair.recording.validation import EARLIEST, is_time
from repair.schema.events import EventKind, FileOperation, Visibility
from repair.sources.git_repository import Commit, FileChange, GitRepository, TreeEntry
from repair.sources.licences import is_licence_file, permitted_expression, project_licence
from repair.text.paths import CONFIGURATION_FILES, PYTHON_SUFFIXES, is_readable, safe_path

LARGEST_COMPARED = 1 << 20
"""Bytes. A larger file is recorded whole each time."""

_BETWEEN_COMMITS = timedelta(milliseconds=1)
_REGULAR, _SUBMODULE = ("100644", "100755", "100664"), "160000"
_PATTERNS = [
    *(f"*{suffix}" for suffix in PYTHON_SUFFIXES),
    *(f":(glob)**/{name}" for name in sorted(CONFIGURATION_FILES)),
]


def projects_and_events(
    repositories: Sequence[Path],
    *,
    max_commits: int | None = None,
    visibility: Visibility = Visibility.PUBLIC,
    licence: str | None = None,
    ignored: Counter[str] | None = None,
    refused: list[str] | None = None,
    now: datetime | None = None,
) -> Iterator[tuple[Project, Iterator[Event]]]:
    """One project for each repository (bare or with a work tree), named after its folder.

    `max_commits`: only the newest N commits; the files that they start from are created just before.
    `licence`: an SPDX expression; by default that of the newest commit's licence files, if all permit. The
    owner's consent follows from a licence that permits (`repair.sources.licences`); else it is not known.
    `ignored` counts what was left out: changes of a `symlink` or an `unsafe_path` that would have mattered,
    and each `submodule` of the newest commit. `refused` takes a line for each licence file that does not
    permit, and for a `licence` that does not. `now`: the present (default: the clock).

    Raises ConfigurationError for a folder that is no complete repository, and GitError.
    """
    if max_commits is not None and max_commits < 1:
        raise ConfigurationError(f"max_commits is {max_commits}, expected 1 or more")
    counts = Counter[str]() if ignored is None else ignored
    for folder, project_id in zip(repositories, _project_ids(repositories), strict=True):
        with GitRepository(folder) as repository:
            found, refusals = _licence(repository, counts) if licence is None else _given(licence)
            permitted = found is not None and not refusals
            project = Project(project_id, visibility.value, "python", found, True if permitted else None)
            if refused is not None:
                refused += [f"{project_id}: {refusal}" for refusal in refusals]
            yield (
                project,
                _History(repository, project_id, counts, now or datetime.now(UTC)).events(max_commits),
            )


def _project_ids(repositories: Sequence[Path]) -> list[str]:
    """The folders' names; with those of their parents where two are equal."""
    folders = [folder.resolve() for folder in repositories]
    folders = [folder.parent if folder.name == ".git" else folder for folder in folders]
    names = [folder.name.removesuffix(".git") for folder in folders]
    if len(set(names)) < len(names):
        names = [f"{folder.parent.name}-{name}" for folder, name in zip(folders, names, strict=True)]
    if len(set(names)) < len(names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        raise ConfigurationError(f"two repositories would be project {twice[0]!r}: rename a folder")
    return names


def _given(licence: str) -> tuple[str, list[str]]:
    permitted = permitted_expression(licence)
    if permitted is None:
        return licence, [
            f"--licence {licence[:80]!r} is no SPDX expression that permits: consent is not known"
        ]
    return permitted, []


def _licence(repository: GitRepository, ignored: Counter[str]) -> tuple[str | None, list[str]]:
    """The licence of the newest commit's files, and why some of them do not permit."""
    head = repository.head()
    if head is None:
        return None, []
    texts, refusals = dict[str, str](), list[str]()
    for entry in repository.tree(head):
        if entry.mode == _SUBMODULE:
            ignored["submodule"] += 1
        path = entry.path.decode(errors="replace")
        if not is_licence_file(path):
            continue
        if entry.mode in _REGULAR:
            texts[path] = repository.blob(entry.blob).decode(errors="replace")
        else:
            refusals.append(f"{path}: a link or a submodule, expected a file")
    found = project_licence(texts)
    refusals += [f"{path}: {reason}" for path, reason in found.refused.items()]
    return None if refusals else found.licence, refusals


class _History:
    """Turns the commits of one repository into events; holds one version number per file in memory."""

    def __init__(
        self, repository: GitRepository, project_id: str, ignored: Counter[str], present: datetime
    ) -> None:
        self._repository = repository
        self._project_id = project_id
        self._ignored = ignored
        self._present = present
        self._versions: dict[str, int] = {}
        self._now = datetime.min.replace(tzinfo=UTC)
        self._session: str | None = None
        self._user = 0

    def events(self, max_commits: int | None) -> Iterator[Event]:
        if self._repository.head() is None:
            return
        for number, commit in enumerate(self._repository.history(_PATTERNS, max_commits)):
            moment = _moment(commit, self._present)
            earliest = self._now + _BETWEEN_COMMITS
            if number == 0:
                self._now = max((moment or EARLIEST) - _BETWEEN_COMMITS, EARLIEST)
                if commit.parents:
                    yield from self._base(commit.parents[0])
                earliest = self._now + _BETWEEN_COMMITS
            self._now = max(moment or earliest, earliest)
            self._begin_session(commit.author)
            yield from self._changes(commit.changes)

    def _base(self, commit: str) -> Iterator[Event]:
        changes = (FileChange(None, entry) for entry in self._repository.tree(commit))
        yield from self._changes(tuple(changes))

    def _begin_session(self, author: bytes) -> None:
        """A session is one author's work on one day; its id is a hash that hides the author's address."""
        digest = sha256(b" ".join([self._project_id.encode(), author, str(self._now.date()).encode()]))
        self._session = digest.hexdigest()[:16]
        self._user = int.from_bytes(sha256(self._project_id.encode() + b" " + author).digest()[:4], "big")

    def _changes(self, changes: tuple[FileChange, ...]) -> Iterator[Event]:
        # Removals first, so that a path is free before another file gets it.
        for change in sorted(changes, key=lambda change: change.after is not None):
            before, after = (
                self._relevant(change.before, count=False),
                self._relevant(change.after, count=True),
            )
            if before is not None and after is not None:
                yield from self._modified(before, after)
            elif before is not None:
                self._versions.pop(_path(before), None)
                yield self._file(FileOperation.REMOVE, _path(before))
            elif after is not None:
                self._versions[_path(after)] = 0
                content = self._repository.blob(after.blob)
                yield self._file(FileOperation.CREATE, _path(after), content=content)

    def _modified(self, before: TreeEntry, after: TreeEntry) -> Iterator[Event]:
        path = _path(after)
        if before.path != after.path:
            self._versions[path] = self._versions.pop(_path(before), 0)
            yield self._file(FileOperation.MOVE, _path(before), destination=path)
        if before.blob == after.blob:
            return
        old, new = self._repository.blob(before.blob), self._repository.blob(after.blob)
        old_text, new_text = _text(old), _text(new)
        if old_text is None or new_text is None:
            yield self._file(FileOperation.MODIFY, path, content=new)
            return
        self._versions[path] = self._versions.get(path, 0) + 1
        packet = Packet(
            ops=tuple(minimal_ops(old_text, new_text)),
            crc32=zlib.crc32(new),
            committed=self._now,
            version=self._versions[path],
            user_id=self._user,
            spooky_version=1,
        )
        yield Event(
            self._project_id,
            self._now,
            EventKind.OT,
            self._session,
            path=path,
            packet=encode_packet(packet),
        )

    def _relevant(self, entry: TreeEntry | None, *, count: bool) -> TreeEntry | None:
        """`entry` if it is a file that a language server reads; `count`: count an unusable one."""
        if entry is None:
            return None
        path = entry.path.decode(errors="surrogateescape")
        if not is_readable(path):
            return None
        if entry.mode not in _REGULAR:
            reason = "submodule" if entry.mode == _SUBMODULE else "symlink"
        elif not safe_path(path):
            reason = "unsafe_path"
        else:
            return entry
        if count:
            self._ignored[reason] += 1
        return None

    def _file(
        self,
        operation: FileOperation,
        path: str,
        *,
        destination: str | None = None,
        content: bytes | None = None,
    ) -> Event:
        return Event(
            self._project_id,
            self._now,
            EventKind.FILE,
            self._session,
            path=path,
            operation=operation,
            destination=destination,
            content=content,
        )


def _path(entry: TreeEntry) -> str:
    return entry.path.decode()


def _text(content: bytes) -> str | None:
    """The text of a file, or None if it is too large to compare or not UTF-8."""
    if len(content) > LARGEST_COMPARED:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _moment(commit: Commit, present: datetime) -> datetime | None:
    """The author's time, not later than the committer's; None if neither is valid."""
    times = [_time(seconds) for seconds in (commit.authored, commit.committed)]
    return min((time for time in times if time is not None and is_time(time, present)), default=None)


def _time(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
