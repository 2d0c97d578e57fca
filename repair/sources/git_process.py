"""Runner of the program `git` on nothing but the objects of a repository, with bounds on all that it does.

git runs in a scratch folder with a configuration of its own and is given the objects. What else a repository
holds (configuration, attributes, grafts, replaced objects, hooks, references) is out of its sight: it can't
change what comes out, run a program or fetch anything. Time, memory and output are bounded.
Tested by `tests/repair/sources/test_git_folder.py`.
"""

import os
import resource
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from repair.errors import ConfigurationError, InputError

STALL_SECONDS = 60.0
"""Without a byte of an answer."""
TIMEOUT_SECONDS = 600.0
"""Of waiting for all that one process of git says."""
MEMORY_BYTES = 1 << 30
"""Of one process of git, without the packs that it maps."""
LARGEST_FIELD = 1 << 20
"""Bytes of a path, a name or whatever else git says in one piece."""

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
# Indexes are written by the repository too: what they say of a commit or a pack need not be true.
_SETTINGS = """\
[core]
\trepositoryformatversion = 1
\tbare = false
\tcommitGraph = false
\tmultiPackIndex = false
\tattributesFile = /dev/null
[extensions]
\tobjectformat = {objects}
"""
_ERROR_BYTES = 1 << 16
_ERROR_CHARACTERS = 300
_HEXADECIMAL_OF_SHA1 = 40


class GitError(InputError):
    """A repository could not be read; the message is git's own, or says what git did not answer."""

    reason = "bad_repository"


class Git:
    """git on the objects in a folder, whose newest commit is `head`. A context manager."""

    def __init__(self, objects: Path, head: str, name: str) -> None:
        self._name = name
        self._scratch = Path(tempfile.mkdtemp(prefix="repair-git-"))
        for folder in ("refs", "tree"):
            (self._scratch / folder).mkdir()
        (self._scratch / "HEAD").write_text(head + "\n")
        form = "sha1" if len(head) == _HEXADECIMAL_OF_SHA1 else "sha256"
        (self._scratch / "config").write_text(_SETTINGS.format(objects=form))
        self._environment = _inherited(self._scratch) | {
            "GIT_DIR": str(self._scratch),
            "GIT_WORK_TREE": str(self._scratch / "tree"),
            "GIT_OBJECT_DIRECTORY": str(objects),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def start(
        self, arguments: Sequence[str], stdin: IO[bytes] | int, errors: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """A process of git; its caller ends it."""
        return _started(arguments, self._scratch / "tree", self._environment, stdin, errors)

    def fields(
        self, separator: bytes, *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> Iterator[bytes]:
        """What git says, cut at `separator`, as it comes. Raises GitError."""
        what = f"git {arguments[0]} of {self._name}"
        with tempfile.TemporaryFile() as errors:
            process = self.start(arguments, stdin, errors)
            try:
                reader = TimedReader(_output(process), what)
                rest = b""
                while chunk := reader.chunk():
                    *whole, rest = (rest + chunk).split(separator)
                    yield from whole
                    if len(rest) > LARGEST_FIELD:
                        raise GitError(f"{what} said over {LARGEST_FIELD:,} bytes in one piece")
                if process.wait(STALL_SECONDS):
                    errors.seek(0)
                    words = shown(errors.read(_ERROR_BYTES))
                    raise GitError(f"{what} failed ({process.returncode}): {words}")
                if rest:
                    yield rest
            finally:
                end(process)


class TimedReader:
    """Reads what a process says, with limits on the time that it is waited for."""

    def __init__(self, descriptor: int, what: str, seconds: float = TIMEOUT_SECONDS) -> None:
        self._descriptor, self._what = descriptor, what
        self._left = seconds
        self._buffer = bytearray()

    def line(self) -> bytes:
        """The next line, without its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self._buffer) < count:
            self._more()
        content = bytes(self._buffer[:count])
        del self._buffer[:count]
        return content

    def chunk(self) -> bytes:
        """The next bytes, as many as there are; none at the end."""
        limit = min(self._left, STALL_SECONDS)
        asked = time.monotonic()
        ready, _, _ = select.select([self._descriptor], [], [], max(limit, 0))
        self._left -= time.monotonic() - asked
        if not ready:
            raise GitError(f"{self._what} took too long: nothing came for {max(limit, 0):.0f} s")
        return os.read(self._descriptor, 1 << 18)

    def _more(self) -> None:
        chunk = self.chunk()
        if not chunk:
            raise GitError(f"{self._what} ended within an answer")
        self._buffer += chunk


def configuration_of(file: Path) -> dict[str, str]:
    """The settings in a file of git's form, by their name in lower case; what it includes is not read.

    Raises GitError if it is not in that form.
    """
    arguments = ["config", "--file", str(file), "--no-includes", "--null", "--list"]
    with tempfile.TemporaryDirectory(prefix="repair-git-") as scratch:
        process = _started(arguments, Path(scratch), _inherited(Path(scratch)), subprocess.DEVNULL, None)
        try:
            output, errors = process.communicate(timeout=STALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise GitError(f"git config of {file} took over {STALL_SECONDS:.0f} s") from None
        finally:
            end(process)
    if process.returncode:
        raise GitError(f"{file} is no configuration of git: {shown(errors)}")
    pairs = (item.partition("\n") for item in output.decode(errors="surrogateescape").split("\0") if item)
    return {name.lower(): value for name, _, value in pairs}


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def shown(words: bytes) -> str:
    """git's own words on one line; they may hold a stranger's names."""
    text = " ".join(words[:_ERROR_BYTES].decode(errors="replace").split())[:_ERROR_CHARACTERS]
    return "".join(character if character.isprintable() else "?" for character in text)


def _started(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    stdin: IO[bytes] | int,
    errors: IO[bytes] | int | None,
) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            ["git", "--no-pager", *arguments],
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors is None else errors,
        )
    except FileNotFoundError:
        raise ConfigurationError("the program git is not on the PATH: install git") from None
    try:
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_ERROR_BYTES, _ERROR_BYTES))
    except ProcessLookupError:
        pass  # it has ended already
    return process


def _output(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:
        raise AssertionError("stdout is a pipe")
    return process.stdout.fileno()


def _inherited(home: Path) -> dict[str, str]:
    """The caller's environment without what is meant for git; nobody's home is read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | _ENVIRONMENT | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}
