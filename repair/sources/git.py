"""Importer of git histories: each commit of the first-parent history becomes edits and file events.

Commits are snapshots, not keystrokes: a change to a text becomes one packet with few and small ops, at the
commit's time. A created, removed or renamed file is a file event, and so is a change from or to content that
is not UTF-8. Only files that a language server reads are imported: Python files and the configuration of
pyright and ruff.

A commit's time is its author's time, as the text was written then, but never later than the committer's, and
never earlier than 1 ms after the commit before it: clocks differ, and rebasing keeps the author's time. A
time before 1971 (a clock that was never set) or in the future counts as none. All events of a commit have the
same time.

A repository that can't be read costs no other one: its events are passed on only once all of them are there.
"""

import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from repair.curation.consent import LICENCE, consent_records
from repair.curation.licence_expressions import is_expression, permitted_expression
from repair.errors import ConfigurationError, RepairError
from repair.ot.packets import Packet, encode_packet, minimal_ops
from repair.recording.event import Event, Project
from repair.recording.validation import EARLIEST, is_time
from repair.replay.workspace_file import LARGEST_CONTENT
from repair.schema.events import EventKind, FileOperation, Visibility
from repair.sources.git_repository import Commit, FileChange, GitRepository, TreeEntry
from repair.sources.licences import is_licence_file, project_licence
from repair.sources.spool import Spooled
from repair.text.paths import CONFIGURATION_FILES, PYTHON_SUFFIXES, is_readable, safe_path

LARGEST_COMPARED = 1 << 20
"""Bytes. A larger file is recorded whole each time."""

LARGEST_LICENCE = 1 << 20
"""Bytes. A larger file is no licence that is recognised."""
MOST_LICENCES = 64

_BETWEEN_COMMITS = timedelta(milliseconds=1)
_CLOCKS_SET = datetime(1971, 1, 1, tzinfo=UTC)
_LOOKED_AHEAD = 10_000
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
    unreadable: Callable[[Path, Exception], None] | None = None,
    now: datetime | None = None,
) -> Iterator[tuple[Project, Iterator[Event]]]:
    """One project for each repository (bare or with a work tree), named after its folder.

    `max_commits`: only the newest N commits; the files that they start from are created just before.
    `licence`: an SPDX expression; by default that of the newest commit's licence files, if all permit. The
    owner's consent follows from a licence that permits (`repair.sources.licences`); else it is not known.
    The record says that it follows from the licence alone, so that a deployment decides by its own list.
    `ignored` counts what was left out: changes of a `symlink`, an `unsafe_path` or a `too_large` file that
    would have mattered, and each `submodule` of the newest commit. `refused` takes a line for each licence
    file that does not permit, and for a `licence` that does not. `now`: the present (default: the clock).
    `unreadable` hears of each repository that can't be read, which then has no project; without it, the first
    one raises.

    Raises ConfigurationError for a folder that is no complete repository, GitError for one that can't be
    read, and one of them if every repository was refused.
    """
    if max_commits is not None and max_commits < 1:
        raise ConfigurationError(f"max_commits is {max_commits}, expected 1 or more")
    if shutil.which("git") is None:
        raise ConfigurationError("the program git is not on the PATH: install git")
    counts = Counter[str]() if ignored is None else ignored
    present = now or datetime.now(UTC)
    failures: list[Exception] = []
    for folder, project_id in zip(repositories, _project_ids(repositories), strict=True):
        left_out = Counter[str]()
        try:
            with GitRepository(folder) as repository:
                left_out.update(_submodules(repository))
                found, refusals = _licence(repository) if licence is None else _given(licence)
                events = Spooled(_History(repository, project_id, left_out, present).events(max_commits))
        except (RepairError, OSError) as error:
            if unreadable is None:
                raise
            unreadable(folder, error)
            failures.append(error)
            continue
        counts.update(left_out)
        consent = True if found is not None and not refusals else None
        if refused is not None:
            refused += [f"{project_id}: {refusal}" for refusal in refusals]
        by_licence = consent_records(LICENCE) if found is not None and is_expression(found) else None
        yield (
            Project(project_id, visibility.value, "python", found, consent, by_licence),
            iter(events),
        )
    if failures and len(failures) == len(repositories):
        raise failures[0] if len(failures) == 1 else ConfigurationError("no repository could be imported")


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


def _submodules(repository: GitRepository) -> Iterator[str]:
    head = repository.head()
    if head is not None:
        yield from ("submodule" for entry in repository.tree(head) if entry.mode == _SUBMODULE)


def _given(licence: str) -> tuple[str, list[str]]:
    permitted = permitted_expression(licence)
    if permitted is None:
        return licence, [
            f"--licence {licence[:80]!r} is no SPDX expression that permits: it is consent only where"
            " REPAIR_CONSENTING_LICENCES names it"
        ]
    return permitted, []


def _licence(repository: GitRepository) -> tuple[str | None, list[str]]:
    """The licence of the newest commit's files, and why some of them do not permit."""
    head = repository.head()
    if head is None:
        return None, []
    texts, refusals = dict[str, str](), list[str]()
    for entry in repository.tree(head):
        path = entry.path.decode(errors="replace")
        if not is_licence_file(path):
            continue
        if len(texts) + len(refusals) == MOST_LICENCES:
            refusals.append(f"{path}: there are over {MOST_LICENCES} licence files")
            break
        if entry.mode not in _REGULAR:
            refusals.append(f"{path}: a link or a submodule, expected a file")
            continue
        [size] = repository.sizes([entry.blob])
        if size > LARGEST_LICENCE:
            refusals.append(f"{path}: it has {size:,} bytes, expected at most {LARGEST_LICENCE:,}")
        else:
            texts[path] = repository.blob(entry.blob).decode(errors="replace")
    found = project_licence(texts)
    refusals += [f"{path}: {reason}" for path, reason in found.refused.items()]
    refusals = [refusal if refusal.isprintable() else repr(refusal) for refusal in refusals]
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
        commits = self._repository.history(_PATTERNS, max_commits)
        for number, (commit, moment) in enumerate(_timed(commits, self._present)):
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
        readable = (entry for entry in self._repository.tree(commit) if _fault(entry) != "")
        yield from self._changes([FileChange(None, entry) for entry in readable])

    def _begin_session(self, author: bytes) -> None:
        """A session is one author's work on one day; its id is a hash that hides the author's address."""
        digest = sha256(b" ".join([self._project_id.encode(), author, str(self._now.date()).encode()]))
        self._session = digest.hexdigest()[:16]
        self._user = int.from_bytes(sha256(self._project_id.encode() + b" " + author).digest()[:4], "big")

    def _changes(self, changes: Sequence[FileChange]) -> Iterator[Event]:
        # Removals first, so that a path is free before another file gets it.
        ordered = sorted(changes, key=lambda change: change.after is not None)
        befores = self._relevant([change.before for change in ordered], count=False)
        afters = self._relevant([change.after for change in ordered], count=True)
        for before, after in zip(befores, afters, strict=True):
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

    def _relevant(self, entries: Sequence[TreeEntry | None], *, count: bool) -> list[TreeEntry | None]:
        """The entries that are files which a language server reads; `count`: count unusable ones."""
        faults = [None if entry is None else _fault(entry) for entry in entries]
        asked = [entry.blob for entry, fault in zip(entries, faults, strict=True) if entry and fault is None]
        sizes = iter(self._repository.sizes(asked))
        relevant: list[TreeEntry | None] = []
        for entry, fault in zip(entries, faults, strict=True):
            reason = fault
            if entry is not None and fault is None and next(sizes) > LARGEST_CONTENT:
                reason = "too_large"
            if count and reason:
                self._ignored[reason] += 1
            relevant.append(entry if reason is None else None)
        return relevant

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


def _fault(entry: TreeEntry) -> str | None:
    """Why a file can't be recorded; empty if nobody would miss it."""
    path = entry.path.decode(errors="surrogateescape")
    if not is_readable(path):
        return ""
    if entry.mode not in _REGULAR:
        return "submodule" if entry.mode == _SUBMODULE else "symlink"
    return None if safe_path(path) else "unsafe_path"


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


def _timed(commits: Iterator[Commit], present: datetime) -> Iterator[tuple[Commit, datetime | None]]:
    """Each commit with its time; the first one without a time has that of the next one with one."""
    waiting: list[Commit] = []
    changes = 0
    for commit in commits:
        moment = _moment(commit, present)
        waiting.append(commit)
        changes += 1 + len(commit.changes)
        if moment is not None or changes > _LOOKED_AHEAD:
            yield waiting[0], moment
            yield from ((earlier, None) for earlier in waiting[1:-1])
            if len(waiting) > 1:
                yield commit, moment
            waiting.clear()
            break
    yield from ((earlier, None) for earlier in waiting)
    yield from ((commit, _moment(commit, present)) for commit in commits)


def _moment(commit: Commit, present: datetime) -> datetime | None:
    """The author's time, not later than the committer's; None if neither is valid."""
    times = [_time(seconds) for seconds in (commit.authored, commit.committed)]
    known = (time for time in times if time is not None and time >= _CLOCKS_SET and is_time(time, present))
    return min(known, default=None)


def _time(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
