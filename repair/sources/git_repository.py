"""Reader of a git repository through the program `git`: history, trees and blobs, without running its code.

No work tree is needed or touched, no hook, filter, pager or external diff runs, nothing is fetched.
Tested by `tests/repair/sources/test_git.py`.
"""

import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from repair.errors import ConfigurationError, InputError

TIMEOUT_SECONDS = 600.0
"""For listing a history or a tree."""
BLOB_TIMEOUT_SECONDS = 60.0
"""Seconds without a byte of the requested blob."""

# Overrides of settings by which a repository's own configuration could make git run or leave out something.
_SETTINGS = (
    ("safe.directory", "*"),  # the caller names the repository on purpose
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("log.showSignature", "false"),
    ("log.showRoot", "true"),
    ("log.mailmap", "false"),
    ("diff.renameLimit", "2000"),
    ("diff.orderFile", os.devnull),
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}


class GitError(InputError):
    """A repository could not be read; the message is git's own, or says what git did not answer."""

    reason = "bad_repository"


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
    """One repository, bare or with a work tree. A context manager: it keeps a child process to read blobs.

    Raises ConfigurationError if git is not installed, the folder is no repository, or a shallow clone;
    GitError for what goes wrong later.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not self.folder.is_dir():
            raise ConfigurationError(f"{folder} is not a folder: give the folder of a git repository")
        self._blobs: subprocess.Popen[bytes] | None = None
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self._environment = inherited | _ENVIRONMENT | {"GIT_CEILING_DIRECTORIES": str(self.folder.parent)}
        self._command = ["git", "--no-pager", "-C", str(self.folder)]
        for name, value in _SETTINGS:
            self._command += ["-c", f"{name}={value}"]
        try:
            shallow = self._output("rev-parse", "--is-shallow-repository")
        except GitError as error:
            raise ConfigurationError(f"{folder} is not a git repository that can be read: {error}") from None
        if shallow.strip() == b"true":
            raise ConfigurationError(
                f"{folder} is a shallow clone: its first commit would look as if it wrote every file. "
                f"Complete it first: git -C {folder} fetch --unshallow"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._blobs is not None:
            self._blobs.kill()
            self._blobs.communicate()
            self._blobs = None

    def head(self) -> str | None:
        """The name of the newest commit; `None` for a repository without one."""
        try:
            return self._output("rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        except GitError:
            return None

    def history(self, patterns: Sequence[str], newest: int | None = None) -> Iterator[Commit]:
        """First-parent history of the files that match one of `patterns` (git's pathspecs), oldest first.

        Commits that change none of them are left out; `newest`: only the newest N of the others.
        """
        count = [] if newest is None else [f"--max-count={newest}"]
        arguments = ("log", "--first-parent", "-m", "--reverse", "--raw", "-z", "--no-abbrev", "-M", "-l2000")
        safe = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-notes", "--ignore-submodules=none")
        form = "--format=tformat:commit %H %P%x00%at %ct%x00%ae"
        with tempfile.TemporaryFile() as listing:
            self._run(*arguments, *safe, form, *count, "HEAD", "--", *patterns, output=listing)
            listing.seek(0)
            yield from _commits(listing)

    def tree(self, commit: str) -> Iterator[TreeEntry]:
        """Every file at a commit."""
        for line in self._output("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
            if line:
                facts, _, path = line.partition(b"\t")
                mode, _, blob = facts.decode().split(" ")
                yield TreeEntry(mode, blob, path)

    def blob(self, name: str) -> bytes:
        """The content of a blob."""
        if self._blobs is None:
            self._blobs = subprocess.Popen(
                [*self._command, "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
            )
        stdin, stdout = self._blobs.stdin, self._blobs.stdout
        if stdin is None or stdout is None:
            raise AssertionError("stdin and stdout are pipes")
        try:
            stdin.write(name.encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise GitError(f"git cat-file ended before blob {name} of {self.folder}") from None
        reader = _TimedReader(stdout.fileno(), f"blob {name} of {self.folder}")
        head = reader.line().split(b" ")
        if len(head) != 3:
            raise GitError(
                f"blob {name} of {self.folder} is {b' '.join(head[1:]).decode(errors='replace')}: "
                "the clone lacks it; make a full one"
            )
        content = reader.exactly(int(head[2]) + 1)
        return content[:-1]

    def _output(self, *arguments: str) -> bytes:
        with tempfile.TemporaryFile() as output:
            self._run(*arguments, output=output)
            output.seek(0)
            return output.read()

    def _run(self, *arguments: str, output: IO[bytes]) -> None:
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                env=self._environment,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise ConfigurationError("the program git is not on the PATH: install git") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"git {arguments[0]} of {self.folder} took over {TIMEOUT_SECONDS:.0f} s") from None
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()
            raise GitError(f"git {arguments[0]} of {self.folder} failed ({done.returncode}): {words}")


class _TimedReader:
    """Reads one answer of a child process with a time limit; answers come one at a time."""

    def __init__(self, descriptor: int, what: str) -> None:
        self._descriptor, self._what = descriptor, what
        self._buffer = bytearray()

    def line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        return bytes(self._buffer[:count])

    def _more(self) -> None:
        ready, _, _ = select.select([self._descriptor], [], [], BLOB_TIMEOUT_SECONDS)
        if not ready:
            raise GitError(f"git cat-file gave nothing of {self._what} for {BLOB_TIMEOUT_SECONDS:.0f} s")
        chunk = os.read(self._descriptor, 1 << 20)
        if not chunk:
            raise GitError(f"git cat-file ended within {self._what}")
        self._buffer += chunk


def _fields(listing: IO[bytes]) -> Iterator[bytes]:
    """The fields between NUL bytes."""
    rest = b""
    while chunk := listing.read(1 << 20):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _commits(listing: IO[bytes]) -> Iterator[Commit]:
    fields = _fields(listing)
    field = next(fields, None)
    while field is not None:
        names = field.decode().split()[1:]
        authored, committed = (_seconds(time) for time in next(fields).split(b" "))
        author = next(fields)
        changes: list[FileChange] = []
        field = next(fields, None)
        # The first entry of a commit follows an empty line.
        while field is not None and (entry := field.lstrip(b"\n")).startswith(b":"):
            old_mode, new_mode, old_blob, new_blob, status = entry[1:].decode().split(" ")
            path = next(fields)
            destination = next(fields) if status[0] in "RC" else path
            before = None if status[0] in "AC" else TreeEntry(old_mode, old_blob, path)
            after = None if status[0] == "D" else TreeEntry(new_mode, new_blob, destination)
            changes.append(FileChange(before, after))
            field = next(fields, None)
        yield Commit(names[0], tuple(names[1:]), authored, committed, author, tuple(changes))


def _seconds(text: bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
