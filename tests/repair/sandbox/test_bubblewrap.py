"""Sandbox: an attack on each of its guarantees."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from repair import sandbox
from repair.errors import ConfigurationError
from repair.sandbox.bubblewrap import Limits, ProgramResult, run, run_many

ROOT = Path(__file__).resolve().parents[3]
SHORT = Limits(cpu_seconds=1, wall_seconds=20)


@pytest.fixture(scope="module", autouse=True)
def contained():
    try:
        sandbox.require()
    except ConfigurationError as error:
        pytest.skip(str(error))


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


def gone(mark: str, seconds: float = 10) -> bool:
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
        ("import os; os.abort()", "killed", None),
    ],
)
def test_how_a_program_ended(source: str, outcome: str, exit_code: int | None):
    result = run(source, limits=SHORT)
    assert (result.outcome, result.exit_code) == (outcome, exit_code)


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
    assert time.monotonic() - started < 10


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
        assert "Network is unreachable" in attempt(code).stderr or "refused" in attempt(code).stderr


def test_there_is_no_network_interface_and_no_name_of_the_host():
    result = run("import os, socket\nprint([name for _, name in socket.if_nameindex()], os.uname().nodename)")
    assert result.stdout == "['lo'] sandbox\n"


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


def test_threads_work_and_are_limited():
    source = """
import threading
stop = threading.Event()
started = 0
try:
    for _ in range(200):
        threading.Thread(target=stop.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
stop.set()
print(started)
"""
    limits = Limits(memory_bytes=512 << 20)
    assert 1 <= int(run(source, limits=limits).stdout) < 200


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
        deadline = time.monotonic() + 20
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
