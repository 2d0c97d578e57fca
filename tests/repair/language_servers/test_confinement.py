"""Confinement: no file of the machine is read, whatever a workspace says, and the results do not show it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from repair.language_servers import LanguageServers, Request, Result, ServerCrashError, child
from repair.language_servers.environment import Environment, nothing_installed
from repair.language_servers.memory_watch import MemoryWatch
from repair.language_servers.programs import programs
from repair.language_servers.remote import RemoteLanguageServers
from repair.language_servers.ruff_settings import ruff_files
from repair.language_servers.worker import Worker
from repair.language_servers.workspace import PreparedWorkspace
from repair.sandbox import confinement
from repair.sandbox.confinement import Confinement
from tests.servers_over_http.instance import Instance

ROOT = Path(__file__).parents[3]
SECRET = "sk-secret-of-this-machine"
REVEAL = "reveal_type(planted.KEY)\nprint(planted.KEY + 1)\n"

needs_bubblewrap = pytest.mark.skipif(
    confinement.unavailable() is not None, reason=str(confinement.unavailable())
)


@pytest.fixture(scope="module")
def planted() -> Iterator[Path]:
    """A folder of this machine with a module, and with settings that would change a result.

    Each part of its path is a name of Python.
    """
    folder = Path(tempfile.mkdtemp(prefix="outside_"))
    for name in ("planted.py", "typings/planted/__init__.pyi", "stubs/stdlib/planted.pyi"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"from typing import Final\n\nKEY: Final = {SECRET!r}\n")
    (folder / "ruff.toml").write_text('lint.select = ["D100"]\n')
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def both() -> Iterator[dict[str, LanguageServers]]:
    """Confined servers, and those of a machine where that is not possible."""
    with ExitStack() as stack:
        ways = {"confined": stack.enter_context(LanguageServers())}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(confinement, "unavailable", lambda: "bubblewrap is not installed")
            ways["unconfined"] = stack.enter_context(LanguageServers())
        yield ways


def dotted(path: Path) -> str:
    return ".".join(path.parts[1:])


def climbing(planted: Path) -> list[dict[str, str]]:
    """Relative imports with any number of dots, in every spelling that names a folder above."""
    inside = dotted(planted)
    found: list[dict[str, str]] = []
    for dots in (1, 2, 4, 7, 8, 13):
        found.append({"main.py": f"from {'.' * dots}{inside} import planted\n{REVEAL}"})
        found.append({"pkg/sub/main.py": f"from {'.' * dots}{inside}.planted import KEY\nreveal_type(KEY)\n"})
    found += [
        {"main.py": f"from .. . .\\\n ....{inside} import planted\n{REVEAL}"},
        {"main.py": f"from .......{inside}.planted import *\nreveal_type(KEY)\n"},
        {"src/main.py": f"from ........{inside} import planted\n{REVEAL}"},
        {"__init__.py": "", "main.pyi": f"from .......{inside} import planted as planted\nx = planted.KEY\n"},
        {"main.py": f"from ....... import {planted.parts[1]} as top\nreveal_type(top)\n"},
        {"main.py": "from .. import main\nreveal_type(main)\n"},
        {"main.py": "from ... import environment\nreveal_type(environment)\n"},
        {"main.py": f"def f():\n    from {'.' * 300}{inside} import planted\n    {REVEAL.splitlines()[0]}\n"},
    ]
    return found


def pointing(planted: Path) -> list[dict[str, str]]:
    """Settings that point at a folder of this machine."""
    use = {"main.py": f"import planted\n{REVEAL}"}
    up = "/".join([".."] * 20) + str(planted)
    settings: list[object] = []
    for place in (
        str(planted),
        up,
        f"sub/{up}",
        "**/" * 20 + up,
        f"~{planted}",
        f"file://{planted}",
        f"$X{planted}",
    ):
        settings += [
            {"extraPaths": [place]},
            {"venvPath": place, "venv": "."},
            {"stubPath": f"{place}/typings"},
        ]
    settings += [
        # pyright's own file system reads `a/__virtual__/x/3/b` as `b` three folders above `a`
        {"extraPaths": [f"__virtual__/x/{count}{planted}" for count in range(12)]},
        {"extraPaths": [f"a/$$virtual/x/{count}{planted}" for count in range(12)]},
        {"stubPath": f"__virtual__/x/9{planted}/typings"},
        {"extraPaths": str(planted)},
        {"executionEnvironments": [{"root": ".", "extraPaths": [str(planted)]}]},
        {"executionEnvironments": [{"root": str(planted)}]},
        {"executionEnvironments": [{"root": f"__virtual__/x/7{planted}"}, {"root": "."}]},
        {"include": [str(planted), "."], "extends": f"{planted}/pyrightconfig.json"},
        {"typeshedPath": f"{planted}/stubs"},
    ]
    found = [{**use, "pyrightconfig.json": json.dumps(item)} for item in settings]
    found += [
        {**use, "pyproject.toml": f'[tool.pyright]\nextraPaths = ["{planted}"]\nx = nan\n'},
        {**use, "pyrightconfig.json": f'{{"extraPaths": ["{planted}"], "x": NaN}}'},
        {**use, "pyrightconfig.json": f'{{"x": 1e999, "extraPaths": ["{planted}"]}}'},
        {**use, "a.pth": f"{planted}\n", "planted.pth": f"import sys; sys.path.append({str(planted)!r})\n"},
        {**use, "pyvenv.cfg": f"home = {planted}\n", "site-packages/a.pth": f"{planted}\n"},
        {"main.py": f"# pyright: strict, extraPaths={planted}, stubPath={planted}\nimport planted\n{REVEAL}"},
        {"planted.py": str(planted / "planted.py"), "main.py": f"import planted\n{REVEAL}"},  # no link
    ]
    return found


def told(result: Result) -> list[str]:
    assert result.error is None, result.error
    return [f"{one.path}:{one.start_line} {one.code} {one.message}" for one in result.diagnostics]


@pytest.mark.slow
def test_no_import_and_no_setting_reads_a_file_of_this_machine(
    both: dict[str, LanguageServers], planted: Path
) -> None:
    asked = [*climbing(planted), *pointing(planted)]
    found = list(map(told, both["confined"].check_many(map(Request, asked))))
    for files, messages in zip(asked, found, strict=True):
        assert not any(SECRET in message or str(planted) in message for message in messages), files
    every_other = list(map(told, both["unconfined"].check_many(map(Request, asked[::2]))))
    for files, confined, unconfined in zip(asked[::2], found[::2], every_other, strict=True):
        assert confined == unconfined, files


@pytest.mark.parametrize("settings", [None, '{"include": ["*"]}'], ids=["warm", "by the command line"])
def test_an_import_that_leaves_the_workspace_is_unresolved(
    both: dict[str, LanguageServers], planted: Path, settings: str | None
) -> None:
    names = [f"{'.' * dots}{dotted(planted)}" for dots in (2, 7, 12)]
    files = {
        f"main_{number}.py": f"from {name} import planted\n\nprint(planted.KEY)\n"
        for number, name in enumerate(names)
    }
    if settings:
        files["pyrightconfig.json"] = settings
    for servers in both.values():
        messages = [one.message for one in servers.check_workspace(files) if "pyright" in one.code]
        assert messages == [f'Import "{name}" could not be resolved' for name in names]


def test_an_import_within_the_workspace_is_resolved(both: dict[str, LanguageServers]) -> None:
    files = {
        "a/__init__.py": "",
        "a/b/__init__.py": "",
        "a/b/main.py": "from ...top import X\nfrom .. import other\n\nreveal_type(X)\nprint(other)\n",
        "a/other.py": "",
        "top.py": "X: int = int()\n",
    }
    for servers in both.values():
        assert [one.message for one in servers.check(files, "a/b/main.py") if one.code == "pyright"] == [
            'Type of "X" is "int"'
        ]


def test_over_http_nothing_is_read_either(planted: Path, tmp_path: Path) -> None:
    asked = [*climbing(planted)[6:12], *pointing(planted)[::9]]
    with Instance(tmp_path / "log") as instance, RemoteLanguageServers(instance.url) as client:
        for result in client.check_many(map(Request, asked)):
            assert not any(SECRET in message for message in told(result))


RUFF = [
    'extend = "{planted}/ruff.toml"',
    'extend = "\\\\x2f{relative}/ruff.toml"',  # an escape of TOML 1.1
    'a = {{b = 1,\n}}\nextend = "{planted}/ruff.toml"',  # a comma at the end, and a line end, inside a table
    'extend = "{up}/ruff.toml"',
    'extend = "$X{planted}/ruff.toml"',
    'extend = "a\\n/${{X:-..}}/${{X:-..}}/${{X:-..}}/${{X:-..}}/${{X:-..}}/${{X:-..}}/..{planted}/ruff.toml"',
    'extend = "~{planted}/ruff.toml"',
    'extend = "main.py"',
    'src = ["{planted}", "{up}", "**/**/**/../../../.."]',
    'cache-dir = "{planted}/cache"',
    'lint.per-file-ignores = {{"{planted}/*" = ["F821"]}}',
    'extend = "/dev/zero"',
    'extend = "\\\\x2fdev/zero"',
]


@pytest.mark.parametrize(
    "name", ["ruff.toml", ".ruff.toml", "pyproject.toml", "sub/ruff.toml", "sub/pyproject.toml"]
)
def test_ruff_reads_no_file_of_this_machine(
    both: dict[str, LanguageServers], planted: Path, name: str
) -> None:
    before = sorted(path.name for path in planted.iterdir())
    asked: list[dict[str, str]] = []
    for template in RUFF:
        up = "/".join([".."] * 20)
        text = template.format(planted=planted, relative=str(planted)[1:], up=up + str(planted))
        text = f"[tool.ruff]\n{text}\n" if name.endswith("pyproject.toml") else f"{text}\n"
        asked.append({"main.py": "x = undefined\n", "sub/main.py": "x = undefined\n", name: text})
    for servers in both.values():
        for files, result in zip(asked, servers.check_many(map(Request, asked)), strict=True):
            codes = [one.code for one in result.diagnostics if one.code.startswith("ruff")]
            # the default rules, and not those of the planted file
            assert codes == ["ruff[F821]"] * 2, (files, result)
    assert sorted(path.name for path in planted.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('extend = "\\x2fdev/zero"\n', None),
        ("a = {b = 1,}\n", None),
        ('a = "\\e"\n', None),
        ("a = " + "[" * 3000 + "]" * 3000, None),
        ("a = 0x" + "f" * 9000, None),
        ("line-length = 80 # x", '"line-length" = 80\n'),
        ("lint.x = [1.5, inf, 1979-05-27]", '"lint" = {"x" = [1.5, inf, 1979-05-27]}\n'),
    ],
)
@pytest.mark.parametrize("folder", ["", "a/b/"])
def test_ruffs_settings_are_written_again_or_not_at_all(folder: str, text: str, written: str | None) -> None:
    found, ignored = ruff_files({f"{folder}ruff.toml": text, "main.py": ""})
    assert found[f"{folder}ruff.toml"].decode() == (written or "")
    assert ignored == (() if written else (f"{folder}ruff.toml: all of it (no TOML 1.0)",))


def sources(count: int) -> list[dict[str, str]]:
    """Modules of the standard library and of installed packages, spread over all of them."""
    folders = [Path(os.__file__).parent, Path(pytest.__file__).parents[1]]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    small = [path for path in paths if 200 < path.stat().st_size < 8000]
    return [{"main.py": path.read_text(errors="replace")} for path in small[:: len(small) // count][:count]]


def test_results_are_equal_with_and_without_confinement(both: dict[str, LanguageServers]) -> None:
    asked = sources(20)
    confined, unconfined = (list(servers.check_many(map(Request, asked))) for servers in both.values())
    assert confined == unconfined
    assert sum(len(result.diagnostics) for result in confined) > 50


def test_a_named_environment_is_seen_with_and_without_confinement(tmp_path: Path) -> None:
    """Also what it finds by a line of a `.pth` file, and through a link."""
    outside = tmp_path / "elsewhere"
    modules = {"by_line/line.py": "A: int = int()\n", "linked/__init__.py": "B: int = int()\n"}
    for name, text in modules.items():
        (outside / name).parent.mkdir(parents=True)
        (outside / name).write_text(text)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    [packages] = (tmp_path / "env").glob("lib/python*/site-packages")
    (packages / "by_line.pth").write_text(f"{outside / 'by_line'}\n")
    (packages / "linked").symlink_to(outside / "linked")
    environment = Environment("e", tmp_path / "env" / "bin" / "python")
    files = {"main.py": "import line\nimport linked\n\nreveal_type(line.A)\nreveal_type(linked.B)\n"}
    expected = ['Type of "line.A" is "int"', 'Type of "linked.B" is "int"']
    for reason in (confinement.unavailable(), "not installed"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(confinement, "unavailable", lambda reason=reason: reason)
            with LanguageServers(environment=environment) as servers:
                found = servers.check(files, "main.py")
        assert [one.message for one in found if one.code == "pyright"] == expected


PROBE = """
import json, os, socket, sys
def readable(path):
    try:
        return os.path.isdir(path) and os.listdir(path) is not None or bool(open(path, "rb").read(1))
    except OSError:
        return False
def network():
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5)
    except OSError:
        return False
    return True
def writable(path):
    try:
        open(path, "w")
    except OSError:
        return False
    return True
print(json.dumps({
    "files": [path for path in sys.argv[3:] if readable(path)], "network": network(),
    "written": [path for path in (sys.argv[1] + "/x", "/x", os.__file__) if writable(path)],
    "variables": sorted(set(os.environ) - {"LC_CTYPE"}), "pid": os.getpid(),
}))
"""


@needs_bubblewrap
def test_a_confined_program_has_nothing_of_the_machine(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPAIR_TEACHER_KEY", SECRET)
    base = Path(sys.executable).resolve()
    inside, temporary = tmp_path / "inside", tmp_path / "temporary"
    inside.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        hidden = [
            "/etc/passwd",
            "/proc/self/environ",
            "/sys",
            "/dev/null",
            "/root/.bashrc",
            str(ROOT),
            str(planted),
        ]
        process = child.start(
            [str(base), "-I", "-S", "-c", PROBE, str(inside), str(server.getsockname()[1]), *hidden],
            cwd=inside,
            env={"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            confinement=Confinement((Path(sys.base_prefix),)),
            folders=(inside,),
        )
        output, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert json.loads(output) == {
        "files": [],
        "network": False,
        "written": [],
        "variables": ["PWD", "TMPDIR"],
        "pid": 1,
    }


def test_a_server_that_takes_too_much_memory_is_killed_and_its_neighbours_go_on(
    tmp_path: Path,
) -> None:
    confined = confinement.unavailable() is None
    seen = nothing_installed(tmp_path / "environment")
    worker = Worker(
        programs(),
        tmp_path / "worker",
        seen,
        timeout=150.0,
        memory_limit_mb=1500,
        most_mb=330.0,
        confined=confined,
    )
    large = "x(y)\n" * 40_000
    try:
        texts = ("x = y\n", large, "x = z\n")
        before, dead, after = worker.check([PreparedWorkspace.of({"main.py": text}, None) for text in texts])
        assert isinstance(dead, ServerCrashError)
        assert str(dead) == "pyright: it held more than 330 MB of memory and was killed"
        for outcome in (before, after):
            assert isinstance(outcome, list)
            codes = [one.code for one in outcome]
            assert codes == ["pyright[reportUndefinedVariable]", "ruff[F821]"]
    finally:
        worker.close()


def test_the_memory_of_any_child_is_watched(tmp_path: Path) -> None:
    process = child.start(
        [sys.executable, "-c", "x = bytearray(300 << 20)\nimport time\ntime.sleep(60)"],
        cwd=tmp_path,
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with MemoryWatch(process, 200.0) as watch:
        assert process.wait(60) == -signal.SIGKILL
    assert watch.fault == "it held more than 200 MB of memory and was killed"


FORKS = """
import os, time
for _ in range(40):
    if os.fork() == 0:
        break
time.sleep(60)
"""


def test_the_processes_of_any_child_are_counted(tmp_path: Path) -> None:
    process = child.start(
        [sys.executable, "-c", FORKS],
        cwd=tmp_path,
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with MemoryWatch(process, 2_000.0) as watch:
        assert process.wait(60) == -signal.SIGKILL
    assert watch.fault == "it started more than 16 processes and was killed"
    assert child.count_processes(process.pid, 16) == 1  # nothing is below it


def test_a_process_that_ends_while_it_is_counted_ends_no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "glob", ended)
    assert child.count_processes(os.getpid(), 16) == 1


WITHOUT = """
from repair.language_servers import LanguageServers
for _ in range(2):
    with LanguageServers() as servers:
        assert "apt-get install bubblewrap" in servers.confinement, servers.confinement
        print(*[one.message for one in servers.check({"a.py": "x = y"}, "a.py")], sep="|")
"""


def test_a_machine_without_bubblewrap_says_so_once(tmp_path: Path) -> None:
    variables = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == '"y" is not defined|Undefined name `y`\n' * 2
    assert done.stderr.count("without confinement by the operating system") == 1


KILLED = """
import sys, time
from repair.language_servers import LanguageServers
servers = LanguageServers()
servers.check({"a.py": "x = y"}, "a.py")
print(*servers.pids, servers._scratch.path, flush=True)
servers.check({"a.py": HARD}, "a.py")
"""


@needs_bubblewrap
def test_a_killed_parent_leaves_no_process_and_no_scratch() -> None:
    expression = "1"
    for _ in range(8):
        expression = f"max([{expression}, {expression}], key=lambda q: ({expression} if q else 0))"
    program = KILLED.replace("HARD", repr(f"y = {expression}\n"))
    command = [sys.executable, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin
        assert parent.stdout
        parent.stdin.write(program)
        parent.stdin.close()
        _, folder = parent.stdout.readline().split()
        time.sleep(0.5)  # in the middle of a check
        parent.kill()
    deadline = time.monotonic() + 60
    while any(folder in command for command in command_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with LanguageServers():
        assert not Path(folder).exists()


def command_lines() -> list[str]:
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


def test_messages_name_files_as_the_workspace_does(both: dict[str, LanguageServers]) -> None:
    files = {"a.py": "import b\n\nx = b.y\n", "b.py": "import a\n\ny = a.x\n", "random.py": ""}
    for include in ({}, {"include": ["*"]}):
        rules = {"reportImportCycles": "error", "reportShadowedImports": "error", **include}
        asked = {**files, "pyrightconfig.json": json.dumps(rules)}
        for servers in both.values():
            messages = [one.message for one in servers.check_workspace(asked)]
            assert any(message.startswith("Cycle detected") for message in messages)
            assert not any("/" in message for message in messages), messages
