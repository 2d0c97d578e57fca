"""Runs untrusted Python programs in a bubblewrap sandbox.

Guarantees, each tested by an attack:

- no network: a network namespace of its own, in which not even the loopback device is up, and no socket but
  those of AF_UNIX;
- no file of the host but the interpreter's installation, the system's libraries and, if one is named, a
  project with its environment, all read-only, and two device nodes, whose modes and times can't be changed;
  the only writable folder is an empty `/tmp` of limited size and number of files in memory; no `/proc`, no
  `/home`, no `/etc`; no flock, lease or watch on a mounted file;
- no environment, no terminal, no descriptor but the three standard streams;
- it can see no process but its own and its supervisor, signal none outside, and start none; none outlives it,
  and it does not outlive the caller of `run`;
- processor time, wall time, address space, the size of a file and the bytes of output are limited; memory
  that the address space does not count (System V and POSIX queues, `memfd_create`) can't be had;
- threads are limited, but where `user()` says that they are not, and in a project of root's.

Not covered:

- bugs in the kernel, in bubblewrap or in the processor: the kernel isolates the program, not a virtual
  machine; most system calls stay open;
- the mounted files of the host: the program can read the interpreter with everything below its prefix, the
  libraries, a named project with all that lies in its folder, and the names of the kernel and the processor,
  so no secret may be there; it can hold a POSIX record lock for reading on them;
- memory beyond the address space: `/tmp` may take as much again, and each concurrent `run` has its own;
  buffers of pipes and sockets (some tens of megabytes) count nowhere: a deployment that must bound the sum
  runs in a cgroup;
- the time since the machine started, which a clock tells;
- the truth of its output: output and exit code are the program's. It can claim that it was short of memory
  when it was not, and if tests run in the same process, it may call `exit(0)`.
"""

import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from repair.errors import ConfigurationError
from repair.ordered_map import ordered_map
from repair.sandbox import mounts, seccomp, supervisor
from repair.sandbox.mounts import Project

ProgramOutcome = Literal["ok", "failed", "timeout", "memory", "output", "killed"]

NOBODY = "65534"
_CHUNK = 1 << 16
_CPU_SIGNALS = (signal.SIGXCPU, signal.SIGKILL)  # at the soft limit and at the hard one
_CPU_COUNTED = 0.5  # the limit counts ticks, also such as another machine of the host had; the usage does not

# A user of its own for each run, whom the kernel grants nothing and whose threads it counts.
_FIRST_USER, _USERS = 0x60000000, 1 << 24


@dataclass(frozen=True, slots=True)
class Way:
    """How the program is kept apart from the caller's user."""

    user: str
    """What `user()` says of it."""
    arguments: tuple[str, ...]
    """Of bubblewrap."""
    own: bool = False
    """Whether the program runs under a user of its own."""


_NAMESPACE = ("--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY)
OWN_USER = Way(
    "own",
    (
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *(
            "--cap-drop",
            "ALL",
            "--cap-add",
            "CAP_SYS_ADMIN",
            "--cap-add",
            "CAP_SETUID",
            "--cap-add",
            "CAP_SETGID",
        ),
    ),
    own=True,
)
CALLERS = Way("caller", (*_NAMESPACE, "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"))
ROOT = Way("root: threads are not limited", CALLERS.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resource limits of a program."""

    cpu_seconds: int = 10
    wall_seconds: float = 30.0
    memory_bytes: int = 1 << 30
    """Address space; `/tmp` may take as much again."""
    threads: int = 32
    file_bytes: int = 16 << 20
    output_bytes: int = 1 << 20
    """Of each of the standard output and the standard error. A program that writes more is killed."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"the limit {name} is {getattr(self, name)}; expected more than 0")


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """The output of a program, and how it ended.

    `outcome`: `ok` (exit code 0), `failed` (another), `timeout` (processor or wall time), `memory` (it ended
    by a MemoryError), `output` (more than the limit), `killed` (by another signal). `exit_code` is None if
    a signal ended it. Output is cut at the limit; invalid UTF-8 is replaced.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    outcome: ProgramOutcome
    seconds: float
    """Wall time, start and end of the sandbox included."""


@dataclass(slots=True)
class _Stream:
    """The buffer of one standard stream."""

    limit: int
    data: bytearray = field(default_factory=bytearray)

    @property
    def flooded(self) -> bool:
        return len(self.data) > self.limit

    @property
    def text(self) -> str:
        return self.data[: self.limit].decode("utf-8", "replace")


def run(
    source: str,
    *,
    stdin: str = "",
    limits: Limits = Limits(),
    hash_seed: int | None = None,
    project: Project | None = None,
) -> ProgramResult:
    """Runs the Python program `source`, which reads `stdin`, with the standard library and nothing else.

    With `hash_seed` sets of strings have the same order in every run; the program then sees it as the
    variable `PYTHONHASHSEED`. With a `project` it runs in that folder, with the packages of its environment,
    under the caller's user, who may read both.

    Raises:
        ConfigurationError: the sandbox does not work on this machine; nothing ever runs outside it.
    """
    way = callers() if project else require()
    return run_by(way, source, stdin, limits, hash_seed, project)


def run_many(
    sources: Iterable[str], *, limits: Limits = Limits(), workers: int = 2
) -> Iterator[ProgramResult]:
    """The result of each program in order, `workers` of them at a time."""
    way = require()
    with ThreadPoolExecutor(workers, "sandbox") as pool:
        yield from ordered_map(
            pool, lambda source: run_by(way, source, "", limits), sources, ahead=2 * workers
        )


def user() -> str:
    """The host's user under whom programs run.

    `own` (each run has one), `caller` (this process's, who is not root), or `root: threads are not limited`:
    the kernel exempts root from that limit.

    Raises:
        ConfigurationError: the sandbox does not work here.
    """
    return require().user


@cache
def require() -> Way:
    """Checks that the sandbox works here. Raises a ConfigurationError that says what to install."""
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(f"programs are contained on Linux only, this is {sys.platform}")
    if shutil.which(mounts.BWRAP) is None:
        raise ConfigurationError(
            "bubblewrap is not installed, and programs are not run without it: apt-get install bubblewrap"
        )
    return _working((OWN_USER, ROOT) if os.geteuid() == 0 else (CALLERS,))


@cache
def callers() -> Way:
    """How programs run under the caller's user. Raises as `require`."""
    require()
    return _working((ROOT if os.geteuid() == 0 else CALLERS,))


def _working(ways: Iterable[Way]) -> Way:
    errors: list[str] = []
    for way in ways:
        tried = run_by(way, "print(6 * 7)", "", Limits())
        if tried.stdout == "42\n":
            return way
        errors.append(tried.stderr.strip())
    raise ConfigurationError(
        "bubblewrap can't contain a program here: user namespaces are refused (in a container, allow the "
        "system calls unshare, clone and mount; on a host, set kernel.unprivileged_userns_clone=1 and "
        f"loosen AppArmor's restriction). It said: {errors[-1]}"
    )


def run_by(
    way: Way,
    source: str,
    stdin: str,
    limits: Limits,
    hash_seed: int | None = None,
    project: Project | None = None,
) -> ProgramResult:
    """`run`, in the given way."""
    started = time.monotonic()
    streams = {"stdout": _Stream(limits.output_bytes), "stderr": _Stream(limits.output_bytes)}
    with ExitStack() as stack:
        # memory files: nothing of the program ever lies on the host's disk
        program = _memory_file(stack, "program", source.encode("utf-8", "surrogatepass"))
        filters = _memory_file(stack, "filter", seccomp.program())
        contents = project.changed.values() if project else ()
        changed = [_memory_file(stack, "changed", content) for content in contents]
        read_end, write_end = os.pipe()
        status = stack.enter_context(os.fdopen(read_end, "rb"))
        told = stack.enter_context(os.fdopen(write_end, "wb"))
        child = stack.enter_context(
            subprocess.Popen(
                _command(program, filters, told.fileno(), limits, way, hash_seed, project, changed),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(program, filters, told.fileno(), *changed),
                env={},
                cwd="/",
            )
        )
        told.close()
        stack.callback(child.kill)  # by die-with-parent, everything inside ends with it
        stopped = _talk(child, stdin.encode("utf-8", "surrogatepass"), streams, started + limits.wall_seconds)
        if stopped:
            child.kill()
        child.wait()
        ended = None if stopped else _Ended.of(status.read())
    outcome = stopped or _outcome(ended, streams["stderr"].text, limits)
    code = ended.exit_code if ended else None
    stdout, stderr = (streams[name].text for name in ("stdout", "stderr"))
    return ProgramResult(code, stdout, stderr, outcome, time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Ended:
    """What the supervisor says of the program's end."""

    exit_code: int | None
    """Null: a signal ended it."""
    signal: int
    """0: it exited."""
    cpu_seconds: float

    @classmethod
    def of(cls, status: bytes) -> "_Ended | None":
        """Null: the supervisor itself was ended, or never began."""
        state, _, seconds = status.partition(b" ")
        if not seconds:
            return None
        code = os.waitstatus_to_exitcode(int(state))
        return cls(code if code >= 0 else None, max(0, -code), float(seconds))


def _talk(
    child: subprocess.Popen[bytes], stdin: bytes, streams: Mapping[str, _Stream], deadline: float
) -> Literal["timeout", "output"] | None:
    """Writes the input and reads the output until both streams end; else the reason to stop the child."""
    rest = memoryview(stdin)
    named = {"stdin": child.stdin, "stdout": child.stdout, "stderr": child.stderr}
    pipes = {name: pipe for name, pipe in named.items() if pipe is not None}
    with selectors.DefaultSelector() as selector:
        for name, pipe in pipes.items():
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ, name)
        while selector.get_map():
            if (left := deadline - time.monotonic()) <= 0:
                return "timeout"
            for key, _ in selector.select(left):
                if key.data == "stdin":
                    try:
                        rest = rest[os.write(key.fd, rest[:_CHUNK]) :] if rest else rest
                    except BrokenPipeError:  # it ended, or does not read
                        rest = rest[:0]
                    done = not rest
                else:
                    chunk = os.read(key.fd, _CHUNK)
                    stream = streams[key.data]
                    stream.data += chunk
                    if stream.flooded:
                        return "output"
                    done = not chunk
                if done:
                    selector.unregister(key.fileobj)
                    pipes[key.data].close()
    # A program may close its streams and run on.
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "timeout"
    return None


def _outcome(ended: _Ended | None, stderr: str, limits: Limits) -> ProgramOutcome:
    if ended is None:
        return "killed"
    if ended.exit_code is None:
        by_limit = ended.signal in _CPU_SIGNALS and ended.cpu_seconds >= limits.cpu_seconds * _CPU_COUNTED
        return "timeout" if by_limit else "killed"
    if ended.exit_code == 0:
        return "ok"
    return "memory" if stderr.rstrip().rpartition("\n")[2].startswith("MemoryError") else "failed"


def _memory_file(stack: ExitStack, name: str, content: bytes) -> int:
    number = os.memfd_create(name)
    stack.callback(os.close, number)
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _command(
    program: int,
    filters: int,
    status: int,
    limits: Limits,
    way: Way,
    hash_seed: int | None,
    project: Project | None,
    changed: Sequence[int],
) -> list[str]:
    values = [limits.cpu_seconds, limits.memory_bytes, limits.threads, limits.file_bytes, 0, 64]
    user = _FIRST_USER + 2 * secrets.randbelow(_USERS) if way.own else 0
    numbers = [str(number) for number in (status, filters, user, limits.memory_bytes)]
    devices = [item for path in supervisor.DEVICES for item in ("--dev-bind", path, path)]
    named = (*("--hostname", "sandbox"), "--new-session", "--die-with-parent", "--clearenv")
    mounted = mounts.of_project(project, changed) if project else []
    return [
        *(mounts.executable(), *way.arguments, *named),
        *(*mounts.of_interpreter(), *devices, *mounted, "--dir", mounts.BOX, "--chdir", mounts.BOX),
        *("--perms", "0444", "--ro-bind-data", str(program), mounts.PROGRAM, "--remount-ro", "/"),
        *(mounts.interpreter(), "-I", "-S", "-B", "-c", supervisor.PROGRAM, *numbers),
        *(",".join(map(str, values)), mounts.PROGRAM, "" if hash_seed is None else str(hash_seed)),
        *((str(project.folder), str(project.python or "")) if project else ()),
    ]
