"""Sandbox: an attack on each of its guarantees."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from repair import sandbox
from repair.errors import ConfigurationError
from repair.language_servers.environment import Environment, installed
from repair.sandbox import bubblewrap
from repair.sandbox.bubblewrap import Limits, ProgramResult, run, run_many
from repair.sandbox.mounts import Project

pytestmark = pytest.mark.usefixtures("contained")

ROOT = Path(__file__).resolve().parents[3]
SHORT = Limits(cpu_seconds=1, wall_seconds=60)


def attempt(code: str, limits: Limits = SHORT) -> ProgramResult:
    """Run `code`, which prints `escaped` if it could do what must not be possible."""
    result = run(textwrap.dedent(code), limits=limits)
    assert "escaped" not in result.stdout
    return result


def command_lines() -> list[str]:
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


def gone(mark: str, seconds: float = 60) -> bool:
    """Whether no process of this machine has `mark` in its command line, soon."""
    deadline = time.monotonic() + seconds
    while any(mark in command for command in command_lines()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_program_gets_its_input_and_its_output_comes_back():
    result = run("import sys\nprint(sys.stdin.read()[::-1])\nprint('é', file=sys.stderr)", stdin="añ𝄞\n")
    assert (result.outcome, result.exit_code) == ("ok", 0)
    assert (result.stdout, result.stderr) == ("\n𝄞ña\n", "é\n")
    assert result.seconds > 0


@pytest.mark.parametrize("reads", [True, False])
def test_input_larger_than_a_pipe_is_handed_over_or_left(reads: bool):
    source = "import sys\nprint(len(sys.stdin.read()))" if reads else "print(0)"
    result = run(source, stdin="x" * 500_000)
    assert (result.outcome, result.stdout) == ("ok", "500000\n" if reads else "0\n")


@pytest.mark.parametrize(
    ("source", "outcome", "exit_code"),
    [
        ("pass", "ok", 0),
        ("import sys; sys.exit(3)", "failed", 3),
        ("1 / 0", "failed", 1),
        ("def f(:", "failed", 1),  # does not parse
        ("while True: pass", "timeout", None),  # processor time
        ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "timeout", None),
        ("import os; os.kill(os.getpid(), 9)", "killed", None),
        ("import os; os.kill(os.getpid(), 24)", "killed", None),  # SIGXCPU, and no time used
        ("import os; os.abort()", "killed", None),
        # an exit code as a shell tells a signal
        ("import os; os._exit(137)", "failed", 137),
        ("import os; os._exit(152)", "failed", 152),
        ("import sys; sys.exit(255)", "failed", 255),
    ],
)
def test_how_a_program_ended(source: str, outcome: str, exit_code: int | None):
    result = run(source, limits=SHORT)
    assert (result.outcome, result.exit_code) == (outcome, exit_code)


@pytest.mark.parametrize(
    ("number", "used", "outcome"),
    [
        (signal.SIGXCPU, 1.0, "timeout"),
        (signal.SIGXCPU, 0.7, "timeout"),  # by the usage; the limit has counted a second on a busy host
        (signal.SIGKILL, 1.9, "timeout"),  # the hard limit
        (signal.SIGXCPU, 0.1, "killed"),  # sent by somebody
        (signal.SIGABRT, 1.0, "killed"),
    ],
)
def test_who_ended_a_program(number: int, used: float, outcome: str):
    assert bubblewrap._outcome(bubblewrap._Ended(None, number, used), "", SHORT) == outcome


@pytest.mark.parametrize(
    "source",
    [
        "import time; time.sleep(60)",  # uses no processor
        "import os, time; os.closerange(0, 3); time.sleep(60)",  # and closed its streams
    ],
)
def test_wall_time_is_limited(source: str):
    started = time.monotonic()
    assert run(source, limits=Limits(wall_seconds=1)).outcome == "timeout"
    assert time.monotonic() - started < 30


def test_memory_is_limited():
    small = Limits(memory_bytes=200 << 20)
    assert attempt("data = bytearray(400 << 20)\nprint('escaped')", small).outcome == "memory"
    assert run("data = bytearray(50 << 20)", limits=small).outcome == "ok"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_cut_and_its_program_killed(stream: str):
    result = run(f"import sys\nwhile True: sys.{stream}.write('x' * 999)", limits=Limits(output_bytes=10_000))
    assert (result.outcome, result.exit_code) == ("output", None)
    assert getattr(result, stream) == "x" * 10_000


def test_files_are_limited_and_nothing_of_them_stays():
    limits = Limits(file_bytes=1 << 20)
    assert run("open('/tmp/a', 'wb').write(b'x' * (1 << 19))", limits=limits).outcome == "ok"
    result = run("open('/tmp/b', 'wb').write(b'x' * (1 << 21))", limits=limits)
    assert "File too large" in result.stderr
    assert run("import os; print(os.listdir('/tmp'))").stdout == "[]\n"


def test_tmp_is_limited_however_many_files_it_has():
    result = run(
        "for number in range(99):\n    open(f'/tmp/{number}', 'wb').write(b'x' * (8 << 20))",
        limits=Limits(memory_bytes=100 << 20),
    )
    assert "No space left on device" in result.stderr


@pytest.mark.parametrize(
    "path",
    ["/x", "/box/program.py", "/dev/x", "/usr/lib/x", "/etc/x", f"{sys.base_prefix}/x", str(ROOT / "x")],
)
def test_nothing_is_written_outside_tmp(path: str):
    result = attempt(f"open({path!r}, 'w').write('x')\nprint('escaped')")
    assert result.outcome == "failed"
    assert not path.startswith(str(ROOT)) or not Path(path).exists()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/passwd",
        "/etc/hostname",
        "/proc/self/environ",
        "/proc/1/cmdline",
        "/sys/kernel",
        "/run",
        "/var",
        str(ROOT),
        str(ROOT / "pyproject.toml"),
        str(Path.home() / ".bashrc"),
        str(Path.home() / ".ssh"),
    ],
)
def test_the_hosts_files_are_not_there(path: str):
    attempt(f"import os\nif os.path.exists({path!r}): print('escaped')")


def test_a_file_of_the_hosts_tmp_is_not_there(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("escaped")
    assert "FileNotFoundError" in attempt(f"print(open({str(secret)!r}).read())").stderr


def test_the_callers_environment_and_descriptors_are_not_handed_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REPAIR_SECRET", "escaped")
    result = attempt(
        """
        import os
        print(sorted(os.environ), *os.environ.values())
        for number in range(3, 64):
            try:
                os.fstat(number)
            except OSError:
                continue
            print("escaped", number)
        """
    )
    assert result.stdout.splitlines() == ["['LC_CTYPE', 'PWD'] /tmp C.UTF-8"]


def test_the_network_does_not_reach_the_hosts_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass  # outside it can be reached
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=5)\nprint('escaped')"
        assert "PermissionError" in attempt(code).stderr


def test_the_host_has_no_name():
    assert run("import os\nprint(os.uname().nodename)").stdout == "sandbox\n"


@pytest.mark.parametrize(
    "start",
    [
        "os.fork()",
        "os.forkpty()",
        "os.system('true')",
        "os.posix_spawn(sys.executable, [sys.executable, '-c', ''], {})",
        "subprocess.Popen([sys.executable, '-c', ''])",
        "multiprocessing.get_context('fork').Process(target=print).start()",
        # the system calls themselves: fork, vfork is left out as it would share the stack, clone3
        "ctypes.CDLL(None).syscall(57) if platform.machine() == 'x86_64' else os.fork()",
        "ctypes.CDLL(None).syscall(435, 0, 0)",
    ],
)
def test_no_process_is_started(start: str):
    result = run(
        "import ctypes, multiprocessing, os, platform, subprocess, sys\nbefore = os.getpid()\n"
        f"try:\n    value = {start}\nexcept OSError:\n    value = -1\n"
        "print(os.getpid() == before, value)",
        limits=SHORT,
    )
    lines = result.stdout.splitlines()
    assert len(lines) == 1, result  # two processes would print twice
    own, value = lines[0].split()
    assert own == "True"
    assert value == "-1" or int(value) > 128  # system() reports a shell that could not start


def test_a_fork_bomb_ends_at_its_first_fork():
    result = attempt("import os\nwhile True:\n    os.fork()\n    print('escaped', flush=True)")
    assert "PermissionError" in result.stderr


THREADS = """
import threading
stop = threading.Event()
started = 0
threading.stack_size(32768)
try:
    for _ in range(3000):
        threading.Thread(target=stop.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
stop.set()
print(started)
"""


def test_threads_work_and_are_limited():
    if sandbox.user().startswith("root"):
        pytest.skip(sandbox.user())
    assert 8 <= int(run(THREADS).stdout) <= 32


@pytest.mark.parametrize("way", [bubblewrap.OWN_USER, bubblewrap.ROOT], ids=["own user", "namespace"])
def test_both_ways_of_root_contain(way: bubblewrap.Way):
    """Where root may not change users, as in many containers, a user namespace has to do."""
    if os.geteuid() != 0:
        pytest.skip("not root")
    source = """
import ctypes, os
open("/tmp/a", "w").close()
os.chmod("/tmp/a", 0o600)
open(os.devnull, "w").write("x")
libc = ctypes.CDLL(None, use_errno=True)
print(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), ctypes.get_errno())
data = (ctypes.c_uint32 * 6)()
print(libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), data), list(data), os.getuid() > 0, flush=True)
try:
    os.kill(2, 9)  # the supervisor
except OSError:
    pass
"""
    result = bubblewrap.run_by(way, source, "", SHORT)
    assert result.stdout.splitlines()[:2] == ["-1 1", "0 [0, 0, 0, 0, 0, 0] True"], result


@pytest.mark.parametrize(
    "change",
    [
        "os.chmod(path, 0o676)",
        "os.chmod(path, 0)",
        "os.fchmod(os.open(path, os.O_RDONLY), 0o600)",
        "os.chown(path, os.getuid(), os.getgid())",
        "os.utime(path)",
        "os.utime(path, (1, 1))",
        "os.utime(os.open(path, os.O_RDONLY))",
        "os.setxattr(path, 'user.x', b'1')",
        "os.rename(path, path + '2')",
        "os.remove(path)",
        "os.truncate(path, 0)",
    ],
)
@pytest.mark.parametrize("path", ["/dev/null", "/dev/urandom", "/usr/lib", os.__file__])
def test_a_file_of_the_host_is_not_changed(path: str, change: str):
    def state() -> tuple[int, int, float, float]:
        found = Path(path).stat()
        return found.st_mode, found.st_uid, found.st_mtime, found.st_ctime

    before = state()
    attempt(f"import os\npath = {path!r}\n{change}\nprint('escaped')")
    assert state() == before


LIBC = "import ctypes, platform\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.mark.parametrize(
    "call",
    [
        "shmget(0, 1 << 20, 0o1600)",
        "shmat(0, None, 0)",
        "semget(0, 32000, 0o1600)",
        "semop(0, None, 0)",
        "msgget(0, 0o1600)",
        "msgsnd(0, None, 0, 0)",
        "memfd_create(b'x', 0)",
        "syscall(447, 0)",  # memfd_secret
        "mq_open(b'/x', 0o102, 0o600, None)",
        "inotify_init()",
        "inotify_init1(0)",
        "fanotify_init(0, 0)",
        "sysinfo(ctypes.create_string_buffer(256))",
        "flock(0, 1)",
        "fcntl(0, 1024, 0)",  # F_SETLEASE
        "fcntl(0, 1026, 1)",  # F_NOTIFY
        "chroot(b'/tmp')",
        "syscall(434, 1, 0)",  # pidfd_open
        "klogctl(3, ctypes.create_string_buffer(99), 99)",
    ],
)
def test_what_no_limit_counts_and_what_the_host_would_notice_is_refused(call: str):
    result = run(f"{LIBC}print(libc.{call}, ctypes.get_errno())", limits=SHORT)
    assert result.stdout == "-1 1\n", result


@pytest.mark.parametrize(
    "family", ["INET", "INET6", "NETLINK", "PACKET", "VSOCK", "ALG", "BLUETOOTH", "TIPC"]
)
@pytest.mark.parametrize("call", ["socket.socket({}, kind)", "socket.socketpair({}, kind)"])
def test_there_is_no_socket_but_of_unix(family: str, call: str):
    name = call.format(f"socket.AF_{family}")
    result = attempt(f"import socket\nkind = socket.SOCK_DGRAM\n{name}\nprint('escaped')")
    assert "PermissionError" in result.stderr or "AttributeError" in result.stderr


def test_the_number_of_files_is_limited():
    source = """
made = 0
try:
    while True:
        open(f"/tmp/{made}", "w").close()
        made += 1
except OSError as error:
    print(made, error.strerror)
"""
    made, *reason = run(source).stdout.split()
    assert 1000 < int(made) < 10_000
    assert " ".join(reason) == "No space left on device"


COMMON = {
    "tempfile": """
import tempfile
with tempfile.TemporaryDirectory(), tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
""",
    "sqlite3": """
import sqlite3
connection = sqlite3.connect("/tmp/a.db")
connection.execute("create table a (b)")
connection.execute("insert into a values (1)")
connection.commit()
""",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    assert list(pool.map(abs, [-1])) == [1]
""",
    "multiprocessing": "import multiprocessing, multiprocessing.pool, subprocess",
    "pathlib": """
import pathlib
path = pathlib.Path("a")
path.touch()
path.touch()
path.chmod(0o600)
path.rename("b")
""",
    "shutil": """
import shutil
open("a", "w").write("x")
shutil.copy("a", "b")
shutil.copy2("a", "c")
shutil.copytree("/tmp", "/tmp/d/e", ignore=lambda *_: ["d"])
shutil.rmtree("d")
""",
    "archives": """
import shutil
open("a", "w").write("x")
shutil.make_archive("/tmp/z", "tar", "/tmp", "a")
shutil.unpack_archive("/tmp/z.tar", "/tmp/y")
""",
    "asyncio": """
import asyncio
async def main():
    await asyncio.sleep(0)
    return await asyncio.to_thread(abs, -1)
assert asyncio.run(main()) == 1
""",
    "socketpair": """
import socket
one, other = socket.socketpair()
one.send(b"x")
assert other.recv(1) == b"x"
""",
    "devices": """
import contextlib, os
with open(os.devnull, "w") as file, contextlib.redirect_stdout(file):
    print("x")
assert open(os.devnull).read() == ""
assert len(open("/dev/urandom", "rb").read(8)) == 8
""",
    "modules": "import ctypes, decimal, hashlib, http.client, mmap, uuid\nuuid.uuid4()\nmmap.mmap(-1, 9)",
    "fcntl": """
import fcntl
file = open("/tmp/a", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
fcntl.fcntl(file, fcntl.F_GETFL)
""",
}


@pytest.mark.parametrize("source", COMMON.values(), ids=COMMON)
def test_common_programs_run(source: str):
    result = run(source)
    assert (result.outcome, result.stderr) == ("ok", ""), result


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_of_the_host_are_not_signalled(number: int):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        attempt(
            f"""
            import os
            for pid in ({os.getpid()}, {other.pid}, {os.getppid()}, -1):
                try:
                    os.kill(pid, {int(number)})
                except OSError:
                    continue
                if pid != -1:
                    print("escaped", pid)
            """
        )
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",  # a user namespace of its own, and with it every capability
        "mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "ptrace(16, 1, 0, 0)",
    ],
)
def test_the_kernels_side_doors_are_closed(call: str):
    result = run(
        f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.{call}, ctypes.get_errno())"
    )
    assert result.stdout == "-1 1\n"


def test_only_the_standard_library_is_there():
    assert "ModuleNotFoundError" in attempt("import pyarrow\nprint('escaped')").stderr
    assert "ModuleNotFoundError" in attempt("import repair\nprint('escaped')").stderr
    assert run("import heapq, math, sqlite3, zlib; print('here')").stdout == "here\n"


def test_nothing_outlives_a_program_that_was_stopped():
    source = "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(600)"
    # The limits are in the command line of the first process inside, with which all others end.
    limits = Limits(wall_seconds=1, file_bytes=1_234_567)
    assert run(source, limits=limits).outcome == "timeout"
    assert gone("1234567")


def test_a_program_does_not_outlive_who_runs_it():
    caller = (
        "from repair.sandbox.bubblewrap import Limits, run\n"
        "run('import time; time.sleep(600)', limits=Limits(wall_seconds=600, file_bytes=7654321))"
    )
    with subprocess.Popen([sys.executable, "-c", caller], cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while not any("bwrap" in command and "7654321" in command for command in command_lines()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert gone("7654321")


def test_many_programs_answer_in_their_order():
    sources = [f"import time; time.sleep({(5 - number) / 50}); print({number})" for number in range(6)]
    assert [result.stdout for result in run_many(sources)] == [f"{number}\n" for number in range(6)]


def test_a_limit_must_be_positive():
    with pytest.raises(ConfigurationError, match="cpu_seconds is 0"):
        Limits(cpu_seconds=0)


@pytest.mark.parametrize("installed", [False, True])
def test_where_a_program_cannot_be_contained_it_is_not_run(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A machine without bubblewrap, and one whose kernel refuses it its namespaces."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if installed:
        refused = folder / "bwrap"
        refused.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
        refused.chmod(0o755)
    marker = tmp_path / "ran"
    monkeypatch.setenv("PATH", str(folder))
    sandbox.require.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match="No permissions" if installed else "apt-get install"):
            run(f"open({str(marker)!r}, 'w')")
    finally:
        sandbox.require.cache_clear()
    assert not marker.exists()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A module and its secret neighbour; the module is seen as a fix left it."""
    folder = tmp_path / "shop"
    folder.mkdir(mode=0o700)
    (folder / "prices.py").write_text("TAX = 1\n")
    (folder / "private.txt").write_text("own")
    (folder / "private.txt").chmod(0o600)
    (tmp_path / "secret").write_text("escaped")
    return Project(folder, changed={"prices.py": b"TAX = 2\n"})


def test_a_program_in_a_project_reads_its_files_and_the_changed_ones_in_their_place(project: Project):
    code = "import os, sys\nsys.path.insert(0, os.getcwd())\nimport prices\nprint(prices.TAX, "
    code += "open('private.txt').read())"
    assert run(code, limits=SHORT, project=project).stdout == "2 own\n"
    assert (project.folder / "prices.py").read_text() == "TAX = 1\n"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('made', 'w')", "Read-only file system"),
        ("open('prices.py', 'w')", "Read-only file system"),
        ("import os; os.remove('private.txt')", "Read-only file system"),
        ("import os; os.chmod('private.txt', 0o777)", "Read-only file system"),
        ("print(open('../secret').read())", "FileNotFoundError"),
        ("import os; os.fork()", "PermissionError"),
        ("import subprocess, sys; subprocess.run([sys.executable])", "PermissionError"),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", "PermissionError"),
        ("import pytest", "ModuleNotFoundError"),
    ],
)
def test_a_program_in_a_project_changes_nothing_and_sees_nothing_else(
    project: Project, code: str, error: str
):
    assert error in run(code, limits=SHORT, project=project).stderr
    assert sorted(path.name for path in project.folder.iterdir()) == ["prices.py", "private.txt"]


def test_a_program_in_a_project_has_the_packages_of_its_environment(project: Project):
    environment = installed(Environment("local", sys.executable))
    with_packages = replace(project, python=environment.python, readable=environment.files)
    result = run("import pytest, sys\nprint(sys.prefix)", limits=Limits(), project=with_packages)
    assert (result.stderr, result.stdout) == ("", f"{sys.prefix}\n")


def test_the_temporary_folder_of_a_project_below_it_is_limited_too(project: Project):
    code = "for number in range(20_000):\n    open(f'/tmp/{number}', 'w').close()\nprint('escaped')"
    result = run(code, limits=Limits(), project=project)
    assert "No space left" in result.stderr
    assert "escaped" not in result.stdout
