"""Reader of a git repository: its history, trees and blobs, by git's plumbing on the objects alone.

No work tree is needed or touched; what is read is bounded (`git_process`), and is the repository's own
(`git_folder`).
Tested by `tests/repair/sources/test_git.py`.
"""

import re
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from repair.errors import ConfigurationError
from repair.sources.git_folder import git_folder
from repair.sources.git_process import TIMEOUT_SECONDS, Git, GitError, TimedReader, end

MOST_COMMITS = 1_000_000
MOST_FILES = 1_000_000
"""In one tree."""
MOST_CHANGES = 200_000
"""Files that one commit changes."""

_BLOBS_SECONDS = 6 * TIMEOUT_SECONDS
_KEPT_BYTES = 32 << 20
_ASKED_AT_ONCE = 256  # names that fit into a pipe, so that nobody waits for the other
_TREE_ENTRY = re.compile(rb"([0-7]{6}) (?:blob|commit) ([0-9a-f]{40}|[0-9a-f]{64})\t(.+)", re.DOTALL)
_COMMIT = re.compile(rb"\n?commit ([0-9a-f]+) ([0-9a-f ]*)")
_CHANGE = re.compile(rb"\n?:([0-7]{6}) ([0-7]{6}) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])[0-9]*")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file at a commit."""

    mode: str
    """As git writes it: 100644, 100755, 120000 (a symlink), 160000 (a submodule)."""
    blob: str
    path: bytes


@dataclass(frozen=True, slots=True)
class FileChange:
    """A commit's change of a file: `before` is None for a new file, `after` for a removed one."""

    before: TreeEntry | None
    after: TreeEntry | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the first-parent history, compared with its first parent."""

    name: str
    parents: tuple[str, ...]
    authored: int | None
    """Seconds since 1970; None if the commit has no time."""
    committed: int | None
    author: bytes
    """The author's address."""
    changes: tuple[FileChange, ...]


class GitRepository:
    """One repository, bare or with a work tree. A context manager: it keeps child processes to read blobs.

    Raises ConfigurationError if git is not installed, or the folder is no repository that is complete in
    itself (`git_folder`); GitError for what goes wrong later.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not self.folder.is_dir():
            raise ConfigurationError(f"{folder} is not a folder: give the folder of a git repository")
        found = git_folder(self.folder)
        self._head = found.newest_commit()
        self._git = Git(found.objects, self._head or "0" * 40, str(self.folder))
        self._readers: dict[str, tuple[subprocess.Popen[bytes], TimedReader]] = {}
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, _ in self._readers.values():
            end(process)
        self._readers.clear()
        self._git.__exit__(kind, error, trace)

    def head(self) -> str | None:
        """The name of the newest commit; `None` for a repository without one. Raises GitError."""
        if self._head is None:
            return None
        return b"".join(
            self._git.fields(b"\n", "rev-parse", "--verify", "--end-of-options", f"{self._head}^{{commit}}")
        ).decode()

    def history(self, patterns: Sequence[str], newest: int | None = None) -> Iterator[Commit]:
        """First-parent history of the files that match one of `patterns` (git's pathspecs), oldest first.

        Commits that change none of them are left out; `newest`: only the newest N of the others.
        """
        count = [f"--max-count={MOST_COMMITS + 1 if newest is None else newest}"]
        listed = self._git.fields(b"\n", "rev-list", "--first-parent", *count, "HEAD", "--", *patterns)
        names = [name for _, name in zip(range(MOST_COMMITS + 1), listed, strict=False)]
        if len(names) > MOST_COMMITS:
            raise GitError(f"{self.folder} has over {MOST_COMMITS:,} commits: import it with --max-commits")
        form = "--format=commit %H %P%x00%at %ct%x00%ae"
        comparing = ("--root", "-r", "--raw", "-z", "--no-abbrev", "-M", "-l2000")
        as_it_is = ("--diff-merges=first-parent", "--encoding=none", "--ignore-submodules=none", "--always")
        with tempfile.TemporaryFile() as oldest_first:
            oldest_first.writelines(name + b"\n" for name in reversed(names))
            oldest_first.seek(0)
            names.clear()
            arguments = ("diff-tree", "--stdin", *comparing, *as_it_is, form, "--", *patterns)
            yield from self._commits(self._git.fields(b"\0", *arguments, stdin=oldest_first))

    def tree(self, commit: str) -> Iterator[TreeEntry]:
        """Every file at a commit, as git lists it."""
        listed = self._git.fields(b"\0", "ls-tree", "-r", "-z", "--full-tree", commit)
        for number, field in enumerate(listed):
            if number == MOST_FILES:
                raise GitError(f"{self.folder} has over {MOST_FILES:,} files at one commit")
            match = _TREE_ENTRY.fullmatch(field)
            if match is None:
                raise self._unexpected("ls-tree", field)
            yield _entry(match[1], match[2], match[3])

    def sizes(self, blobs: Sequence[str]) -> list[int]:
        """The bytes of blobs, which are not read for it."""
        return [size for part in _parts(blobs) for size in self._asked("--batch-check", part)]

    def blob(self, name: str) -> bytes:
        """The content of a blob. Look at its size first."""
        kept = self._kept.get(name)
        if kept is not None:
            self._kept.move_to_end(name)
            return kept
        [size] = self._asked("--batch", [name])
        content = self._reader("--batch")[1].exactly(size + 1)[:-1]
        self._kept[name] = content
        self._kept_bytes += size
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
        return content

    def _commits(self, fields: Iterator[bytes]) -> Iterator[Commit]:
        field = next(fields, None)
        while field is not None:
            head = _COMMIT.fullmatch(field)
            times, author = next(fields, b"").split(b" "), next(fields, None)
            if head is None or len(times) != 2 or author is None:
                raise self._unexpected("diff-tree", field)
            changes: list[FileChange] = []
            field = next(fields, None)
            while field is not None and (change := _CHANGE.fullmatch(field)):
                path = next(fields, None)
                destination = next(fields, None) if change[5] in (b"R", b"C") else path
                if path is None or destination is None:
                    raise self._unexpected("diff-tree", field)
                before = None if change[5] in (b"A", b"C") else _entry(change[1], change[3], path)
                after = None if change[5] == b"D" else _entry(change[2], change[4], destination)
                changes.append(FileChange(before, after))
                if len(changes) > MOST_CHANGES:
                    raise GitError(f"{self.folder} has over {MOST_CHANGES:,} changes in one commit")
                field = next(fields, None)
            parents = tuple(head[2].decode().split())
            authored, committed = map(_seconds, times)
            yield Commit(head[1].decode(), parents, authored, committed, author, tuple(changes))

    def _asked(self, batch: str, names: Sequence[str]) -> Iterator[int]:
        """Ask a process for blobs, and yield their sizes."""
        process, reader = self._reader(batch)
        if process.stdin is None:
            raise AssertionError("stdin is a pipe")
        try:
            process.stdin.write("".join(f"{name}\n" for name in names).encode())
            process.stdin.flush()
        except BrokenPipeError:
            raise GitError(f"git cat-file ended before blob {names[0]} of {self.folder}") from None
        for name in names:
            answer = reader.line().split(b" ")
            if len(answer) != 3 or answer[1] != b"blob":
                said = b" ".join(answer[1:])[:40].decode(errors="replace")
                raise GitError(f"blob {name} of {self.folder} is {said}: the clone lacks it; make a full one")
            yield int(answer[2])

    def _reader(self, batch: str) -> tuple[subprocess.Popen[bytes], TimedReader]:
        if batch not in self._readers:
            process = self._git.start(["cat-file", batch], subprocess.PIPE, subprocess.DEVNULL)
            if process.stdout is None:
                raise AssertionError("stdout is a pipe")
            what = f"git cat-file {batch} of {self.folder}"
            self._readers[batch] = (process, TimedReader(process.stdout.fileno(), what, _BLOBS_SECONDS))
        return self._readers[batch]

    def _unexpected(self, command: str, field: bytes) -> GitError:
        return GitError(f"git {command} of {self.folder} said {field[:80]!r}, which is not expected")


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _ASKED_AT_ONCE):
        yield names[start : start + _ASKED_AT_ONCE]


def _entry(mode: bytes, blob: bytes, path: bytes) -> TreeEntry:
    return TreeEntry(sys.intern(mode.decode()), blob.decode(), path)


def _seconds(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
