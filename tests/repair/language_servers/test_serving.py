"""How the function is set up, started and ended; and that its image holds what it needs."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from repair.language_servers.remote import RemoteLanguageServers
from repair.language_servers.settings import TOKEN_VARIABLE, Settings, is_loopback
from tests.servers_over_http import Instance
from tests.servers_over_http.instance import ROOT, SERVE

DOCKERFILE = (ROOT / "docker" / "language_servers.Dockerfile").read_text()


def test_settings_of_no_variables() -> None:
    assert Settings.of({}) == Settings(workers=os.cpu_count() or 1)


def test_settings_of_all_variables() -> None:
    variables = {
        TOKEN_VARIABLE: "t",
        "REPAIR_SERVE_HOST": "0.0.0.0",
        "PORT": "1",
        "REPAIR_SERVE_WORKERS": "2",
        "REPAIR_SERVE_TIMEOUT": "3.5",
        "REPAIR_SERVE_MEMORY_LIMIT_MB": "4",
        "REPAIR_SERVE_CACHE": "/a/file",
        "REPAIR_SERVE_MAX_BYTES": "5",
        "REPAIR_SERVE_MAX_WORKSPACES": "6",
        "REPAIR_SERVE_MAX_WAITING": "7",
    }
    settings = Settings.of(variables)
    assert settings == Settings(
        token="t",
        host="0.0.0.0",
        port=1,
        workers=2,
        timeout=3.5,
        memory_limit_mb=4,
        cache=Path("/a/file"),
        max_bytes=5,
        max_workspaces=6,
        max_waiting=7,
    )
    output = (Settings.__doc__ or "") + (ROOT / "docs" / "serverless.md").read_text()
    assert all(output.count(f"`{name}`") >= 2 for name in variables)


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        # everyone could ask
        ({"REPAIR_SERVE_HOST": "0.0.0.0"}, TOKEN_VARIABLE),
        ({"REPAIR_SERVE_HOST": "::"}, TOKEN_VARIABLE),
        ({"REPAIR_SERVE_HOST": "example.org"}, TOKEN_VARIABLE),
        # no header can carry it
        ({TOKEN_VARIABLE: "a\nb"}, "printable"),
        ({TOKEN_VARIABLE: "é"}, "printable"),
        ({"REPAIR_SERVE_WORKERS": "0"}, "above 0"),
        ({"REPAIR_SERVE_WORKERS": "1.5"}, "above 0"),
        ({"REPAIR_SERVE_TIMEOUT": "nan"}, "above 0"),
        ({"REPAIR_SERVE_MAX_BYTES": "many"}, "above 0"),
    ],
)
def test_wrong_settings(variables: dict[str, str], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        Settings.of(variables)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")),
        *((host, False) for host in ("0.0.0.0", "10.0.0.1", "localhost.example.org")),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_wrong_setting_of_the_command_is_one_line() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REPAIR_SERVE_WORKERS": "none"}
    output = subprocess.run(SERVE, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (output.returncode, output.stderr) == (
        2,
        "Error: REPAIR_SERVE_WORKERS=none: expected a number above 0\n",
    )


def started_by(pid: int) -> list[int]:
    """All processes below `pid`."""
    below = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            below += [int(child), *started_by(int(child))]
    return below


def test_an_instance_ends_with_all_that_it_started(tmp_path: Path) -> None:
    with Instance(tmp_path / "log") as instance:
        with RemoteLanguageServers(instance.url) as remote:
            assert remote.check({"a.py": "x = y\n"}, "a.py")
        pids = [instance.serving_pid, *started_by(instance.serving_pid)]
        [lock] = (path for path in open_files(instance.serving_pid) if "/repair-servers-" in path)
        assert len(pids) > 1
        assert instance.end() == 0
        end = time.monotonic() + 10
        while any(map(Path.exists, [Path(lock).parent, *(Path(f"/proc/{pid}") for pid in pids)])):
            assert time.monotonic() < end, pids
            time.sleep(0.05)
        assert f"REPAIR_LANGUAGE_SERVERS_URL={instance.url}" in instance.log


def open_files(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has under /app."""
    app = tmp_path_factory.mktemp("app")
    copies = [
        line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY") and "/app" in line
    ]
    for *sources, target in copies:
        target_path = app / target.removeprefix("/app/")
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target_path)
            else:
                target_path.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, target_path)
    return app


def test_the_image_serves(image: Path, tmp_path: Path) -> None:
    program, *arguments = json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[-1])
    command = [sys.executable, "-m", program, *arguments]
    served = Instance(tmp_path / "log", root=image, command=command, token="t")
    with served as instance, RemoteLanguageServers(instance.url, "t") as remote:
        found = remote.check({"a.py": "x = y\n"}, "a.py")
        assert [diagnostic.code for diagnostic in found] == ["pyright[reportUndefinedVariable]", "ruff[F821]"]


def test_the_image_needs_only_what_it_installs(image: Path) -> None:
    [line] = re.findall(r"^RUN pip install .*$", DOCKERFILE, re.MULTILINE)
    assert {"functions-framework", "gunicorn", '"pyright[nodejs]"', "ruff"} < set(line.split())
    program = """
import sys
import repair.language_servers.function
print(*({"pyarrow", "numpy", "httpx", "dagster", "fsspec", "pandas"} & set(sys.modules)))
print(repair.language_servers.function.__file__)
"""
    output = subprocess.run(
        [sys.executable, "-c", program],
        cwd=image,
        env={**os.environ, "PYTHONPATH": str(image)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert output.stdout.splitlines() == ["", str(image / "repair/language_servers/function.py")]
