"""Runs untrusted Python programs in a bubblewrap sandbox.

Guarantees, each tested by an attack:

- no network: a network namespace of its own, in which not even the loopback device is up;
- no file of the host but the interpreter's installation and the system's libraries, read-only; the only
  writable folder is an empty `/tmp` of limited size in memory; no `/proc`, no `/home`, no `/etc`;
- no environment, no terminal, no descriptor but the three standard streams;
- it can see and signal no process but its own and start none; none outlives it, and it does not outlive the
  caller of `run`;
- processor time, wall time, address space, threads, the size of a file and the bytes of output are limited.

Not covered:

- bugs in the kernel, in bubblewrap or in the processor: the kernel isolates the program, not a virtual
machine;
  most system calls stay open;
- the mounted files of the host: the program can read the interpreter with everything below its prefix, the
  libraries, and the names of the kernel and the processor, so no secret may be there;
- memory beyond the address space: `/tmp` may take as much again, and each concurrent `run` has its own;
- the truth of its output: output and exit code are the program's. It can claim that it was short of memory
when
  it was not, and if tests run in the same process, it may call `exit(0)`.
"""

import os
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from repair.errors import ConfigurationError
from repair.ordered_map import ordered_map
from repair.sandbox import seccomp

ProgramOutcome = Literal["ok", "failed", "timeout", "memory", "output", "killed"]

_BWRAP = "bwrap"
_PROGRAM, _BOX = "/box/program.py", "/tmp"  # noqa: S108 (inside the sandbox)
NOBODY = "65534"
SYSTEM_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")
_CHUNK = 1 << 16

# Limits are set inside the sandbox, since bubblewrap itself must be able to fork; then the program is
# executed.
_START = """
import os, resource, sys
for name, value in zip(("CPU", "AS", "NPROC", "FSIZE", "CORE", "NOFILE"), sys.argv[1].split(",")):
    soft = int(value)
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, soft + (name == "CPU")))
os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", sys.argv[2]])
"""


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
    it did not end by itself. Output is cut at the limit; invalid UTF-8 is replaced.
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


def run(source: str, *, stdin: str = "", limits: Limits = Limits()) -> ProgramResult:
    """Runs the Python program `source`, which reads `stdin`, with the standard library and nothing else.

    Raises:
        ConfigurationError: the sandbox does not work on this machine; nothing ever runs outside it.
    """
    require()
    return _run(source, stdin, limits)


def run_many(
    sources: Iterable[str], *, limits: Limits = Limits(), workers: int = 2
) -> Iterator[ProgramResult]:
    """The result of each program in order, `workers` of them at a time."""
    require()
    with ThreadPoolExecutor(workers, "sandbox") as pool:
        yield from ordered_map(pool, lambda source: _run(source, "", limits), sources, ahead=2 * workers)


@cache
def require() -> None:
    """Checks that the sandbox works here. Raises a ConfigurationError that says what to install."""
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(f"programs are contained on Linux only, this is {sys.platform}")
    if shutil.which(_BWRAP) is None:
        raise ConfigurationError(
            "bubblewrap is not installed, and programs are not run without it: apt-get install bubblewrap"
        )
    tried = _run("print(6 * 7)", "", Limits())
    if tried.stdout != "42\n":
        raise ConfigurationError(
            "bubblewrap can't contain a program here: user namespaces are refused (in a container, allow the "
            "system calls unshare, clone and mount; on a host, set kernel.unprivileged_userns_clone=1 and "
            f"loosen AppArmor's restriction). It said: {tried.stderr.strip()}"
        )


def _run(source: str, stdin: str, limits: Limits) -> ProgramResult:
    started = time.monotonic()
    streams = {"stdout": _Stream(limits.output_bytes), "stderr": _Stream(limits.output_bytes)}
    with ExitStack() as stack:
        # memory files: nothing of the program ever lies on the host's disk
        program = _memory_file(stack, "program", source.encode("utf-8", "surrogatepass"))
        filters = _memory_file(stack, "filter", seccomp.program())
        child = stack.enter_context(
            subprocess.Popen(
                _command(program, filters, limits),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(program, filters),
                env={},
                cwd="/",
            )
        )
        stack.callback(child.kill)  # by die-with-parent, everything inside ends with it
        stopped = _talk(child, stdin.encode("utf-8", "surrogatepass"), streams, started + limits.wall_seconds)
        if stopped:
            child.kill()
        code = child.wait()
    seconds = time.monotonic() - started
    outcome = stopped or _outcome(code, streams["stderr"].text, seconds, limits)
    ended = outcome in ("ok", "failed", "memory")
    stdout, stderr = (streams[name].text for name in ("stdout", "stderr"))
    return ProgramResult(code if ended else None, stdout, stderr, outcome, seconds)


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


def _outcome(code: int, stderr: str, seconds: float, limits: Limits) -> ProgramOutcome:
    if code == 0:
        return "ok"
    # bubblewrap encodes a signal in the exit code as a shell does
    if code == 128 + signal.SIGXCPU or (code == 128 + signal.SIGKILL and seconds >= limits.cpu_seconds):
        return "timeout"
    if code > 128 or code < 0:
        return "killed"
    return "memory" if stderr.rstrip().rpartition("\n")[2].startswith("MemoryError") else "failed"


def _memory_file(stack: ExitStack, name: str, content: bytes) -> int:
    number = os.memfd_create(name)
    stack.callback(os.close, number)
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _command(program: int, filters: int, limits: Limits) -> list[str]:
    values = [limits.cpu_seconds, limits.memory_bytes, limits.threads, limits.file_bytes, 0, 64]
    return [
        *(
            executable(),
            "--unshare-all",
            "--unshare-user",
            "--uid",
            NOBODY,
            "--gid",
            NOBODY,
        ),
        *("--hostname", "sandbox", "--new-session", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"),
        *_mounts(),
        *("--size", str(limits.memory_bytes), "--tmpfs", _BOX, "--chdir", _BOX),
        *("--ro-bind-data", str(program), _PROGRAM, "--remount-ro", "/", "--seccomp", str(filters)),
        *(_interpreter(), "-I", "-S", "-B", "-c", _START, ",".join(map(str, values)), _PROGRAM),
    ]


def executable() -> str:
    """The path of bubblewrap; its bare name where it is not installed."""
    return shutil.which(_BWRAP) or _BWRAP


@cache
def _interpreter() -> str:
    """The installation's own interpreter: that of a virtual environment would need the environment."""
    version = f"python{sysconfig.get_python_version()}"
    return str(Path(sys.base_exec_prefix, "bin", version).resolve())


@cache
def _mounts() -> tuple[str, ...]:
    arguments: list[str] = []
    installation = [sys.base_prefix, sys.base_exec_prefix, str(Path(_interpreter()).parent.parent)]
    for path in dict.fromkeys([*installation, *SYSTEM_LIBRARIES]):
        here = Path(path)
        if here.is_symlink():
            arguments += ["--symlink", str(here.readlink()), path]
        elif here.exists():
            arguments += ["--ro-bind", path, path]
    return (*arguments, "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom")
