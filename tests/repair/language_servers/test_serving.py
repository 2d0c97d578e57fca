"""The HTTP function: its settings, start and end. Its image: tests/docker/test_images.py."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from repair.language_servers.remote import RemoteLanguageServers
from repair.language_servers.settings import TOKEN_VARIABLE, FunctionSettings, is_loopback
from tests.servers_over_http import Instance
from tests.servers_over_http.instance import ROOT, SERVE


def test_settings_of_no_variables() -> None:
    assert FunctionSettings.of({}) == FunctionSettings(workers=os.cpu_count() or 1)


def test_settings_of_all_variables() -> None:
    variables = {
        TOKEN_VARIABLE: "t",
        "REPAIR_FUNCTION_HOST": "0.0.0.0",
        "PORT": "1",
        "REPAIR_FUNCTION_WORKERS": "2",
        "REPAIR_FUNCTION_TIMEOUT": "3.5",
        "REPAIR_FUNCTION_MEMORY_LIMIT_MB": "4",
        "REPAIR_FUNCTION_CACHE": "/a/file",
        "REPAIR_FUNCTION_MAX_BYTES": "5",
        "REPAIR_FUNCTION_MAX_WORKSPACES": "6",
        "REPAIR_FUNCTION_MAX_WAITING": "7",
    }
    settings = FunctionSettings.of(variables)
    assert settings == FunctionSettings(
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
    output = (FunctionSettings.__doc__ or "") + (ROOT / "docs" / "serverless.md").read_text()
    assert all(output.count(f"`{name}`") >= 2 for name in variables)


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        # everyone could ask
        ({"REPAIR_FUNCTION_HOST": "0.0.0.0"}, TOKEN_VARIABLE),
        ({"REPAIR_FUNCTION_HOST": "::"}, TOKEN_VARIABLE),
        ({"REPAIR_FUNCTION_HOST": "example.org"}, TOKEN_VARIABLE),
        # no header can carry it
        ({TOKEN_VARIABLE: "a\nb"}, "printable"),
        ({TOKEN_VARIABLE: "é"}, "printable"),
        ({"REPAIR_FUNCTION_WORKERS": "0"}, "above 0"),
        ({"REPAIR_FUNCTION_WORKERS": "1.5"}, "above 0"),
        ({"REPAIR_FUNCTION_TIMEOUT": "nan"}, "above 0"),
        ({"REPAIR_FUNCTION_MAX_BYTES": "many"}, "above 0"),
    ],
)
def test_wrong_settings(variables: dict[str, str], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        FunctionSettings.of(variables)


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
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REPAIR_FUNCTION_WORKERS": "none"}
    output = subprocess.run(SERVE, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (output.returncode, output.stderr) == (
        2,
        "Error: REPAIR_FUNCTION_WORKERS is 'none'; expected a number above 0\n",
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
        end = time.monotonic() + 60
        while any(map(Path.exists, [Path(lock).parent, *(Path(f"/proc/{pid}") for pid in pids)])):
            assert time.monotonic() < end, pids
            time.sleep(0.05)
        assert f"REPAIR_LANGUAGE_SERVERS_URL={instance.url}" in instance.log


def open_files(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
