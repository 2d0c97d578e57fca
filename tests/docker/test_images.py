"""The images: what each copies and installs, in an environment that holds nothing else."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from repair.language_servers import child
from repair.language_servers.remote import RemoteLanguageServers
from tests.docker.test_dockerfiles import arguments
from tests.installed import ROOT, clean_variables, linked_environment, wheel_of
from tests.postgres import Server, free_port, server
from tests.servers_over_http import Instance

__all__ = ["server"]
pytestmark = pytest.mark.slow
START_S = 120.0
LAUNCHER = """import dagster as dg
with dg.DagsterInstance.get() as instance:
    print(type(instance.run_launcher).__name__)"""
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
    loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""


class Image:
    """What `docker build` puts into an image, in `folder`."""

    def __init__(self, folder: Path, dockerfile: str) -> None:
        self.folder = folder
        path = ROOT / "docker" / dockerfile
        for line in arguments(path, "COPY"):
            *sources, target = line.split()
            for source in sources:
                _copy(ROOT / source, folder / target.lstrip("/"))
        given = dict(said.split("=", 1) for said in arguments(path, "ARG"))
        installs = [said for said in arguments(path, "RUN") if said.startswith("pip install -c ")]
        command = re.sub(r"\$\{(\w+)\}", lambda name: given[name[1]], installs[0]).partition("&&")[0]
        _, _, _, constraints, *wanted = command.replace('"', "").split()
        assert (folder / constraints.lstrip("/")).is_file()
        own = re.fullmatch(r"/(\w+)\[([\w,]+)\]", wanted[0])
        wheel = _wheel(folder / own[1]) if own else None
        self.environment = linked_environment(
            folder / "environment",
            wheel,
            *(own[2].split(",") if own else ()),
            others=wanted[1:] if own else wanted,
        )
        self.command: list[str] = json.loads(arguments(path, "CMD")[-1])


_WHEELS: dict[str, Path] = {}


def _wheel(source: Path) -> Path:
    """The wheel of what was copied; two images copy the same."""
    files = sorted(path for path in source.rglob("*") if path.is_file())
    content = "".join(f"{path.relative_to(source)} {path.stat().st_size}\n" for path in files)
    if content not in _WHEELS:
        _WHEELS[content] = wheel_of(source, source.parent / "wheel")
    return _WHEELS[content]


def _copy(source: Path, target: Path) -> None:
    """As COPY: the files of a folder, or a file into a folder."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def test_the_image_of_the_language_servers_serves(tmp_path: Path) -> None:
    image = Image(tmp_path / "image", "language_servers.Dockerfile")
    home = tmp_path / "home"
    home.mkdir()
    program, *arguments = image.command
    command = [str(image.environment.python), "-m", program, *arguments]
    served = Instance(tmp_path / "log", root=home, command=command, token="t", PYTHONPATH="")
    with served as instance, RemoteLanguageServers(instance.url, "t") as remote:
        found = remote.check({"a.py": "x = y\n"}, "a.py")
        assert [diagnostic.code for diagnostic in found] == ["pyright[reportUndefinedVariable]", "ruff[F821]"]


def test_the_image_of_a_gpu_node_has_its_programs(tmp_path: Path) -> None:
    image = Image(tmp_path / "image", "train.Dockerfile")
    [train] = image.command
    for module in (train, "code_location.decode_main"):
        shown = image.environment.run("python", "-m", module, "--help", cwd=tmp_path)
        assert (shown.returncode, "usage:" in shown.stdout) == (0, True), shown.stderr
    # they load these only once they have work
    loaded = image.environment.run(
        "python", "-c", "import gcsfs, repair.training.program, repair.models.decoding", cwd=tmp_path
    )
    assert loaded.returncode == 0, loaded.stderr


def test_the_image_of_a_spark_worker_has_what_stages_need(tmp_path: Path) -> None:
    image = Image(tmp_path / "image", "spark_worker.Dockerfile")
    assert image.command[:2] == ["spark-class", "org.apache.spark.deploy.worker.Worker"]
    modules = "pyspark.sql, psycopg, repair.pipeline, repair.execution.worker, repair.verification.verifier"
    loaded = image.environment.run("python", "-c", f"import {modules}", cwd=tmp_path)
    assert loaded.returncode == 0, loaded.stderr


def test_the_images_of_the_code_location_and_of_the_web_server_find_each_other(
    tmp_path: Path, server: Server
) -> None:
    code = Image(tmp_path / "code", "code_location.Dockerfile")
    web = Image(tmp_path / "web", "dagster.Dockerfile")
    code_port, web_port = str(free_port()), str(free_port())
    variables = {
        "DAGSTER_POSTGRES_URL": server.address().replace("postgresql:", "postgresql+psycopg2:"),
        "DAGSTER_FILES": str(tmp_path / "home" / "dagster"),
        "REPAIR_HOME": str(tmp_path / "home"),
    }
    workspace = web.folder / "opt" / "dagster" / "workspace.yaml"
    found = {"host: code_location": "host: 127.0.0.1", "port: 4000": f"port: {code_port}"}
    workspace.write_text(_replaced(workspace.read_text(), found))
    with _serving(code, "dagster", {"0.0.0.0": "127.0.0.1", "4000": code_port}, variables) as code_log:
        _until(lambda: _listens(int(code_port)) or None, code_log)
        replaced = {"0.0.0.0": "127.0.0.1", "3000": web_port}
        with _serving(web, "dagster_webserver", replaced, variables) as web_log:
            launcher = web.environment.run("python", "-c", LAUNCHER, variables=_variables(web, variables))
            shown = _until(lambda: _location(f"http://127.0.0.1:{web_port}/graphql"), code_log, web_log)
    assert shown == {"__typename": "RepositoryLocation"}
    assert launcher.stdout == "MonitoredRunLauncher\n", launcher.stderr


@contextmanager
def _serving(
    image: Image, module: str, replaced: Mapping[str, str], variables: Mapping[str, str]
) -> Generator[Path]:
    """The image's command, with other addresses, until the end of the block; its log."""
    home = image.folder / "opt" / "dagster"
    settings = [home / name for name in ("dagster.yaml", "storage.yaml")]
    settings[0].write_text("".join(path.read_text() for path in settings))
    log = image.folder / "log"
    with log.open("wb") as out:
        process = child.start(
            [
                *(str(image.environment.python), "-m", module),
                *(replaced.get(argument, argument) for argument in image.command[1:]),
            ],
            cwd=home,
            env={**clean_variables(), **_variables(image, variables)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield log
    finally:
        child.kill(process)


def _variables(image: Image, variables: Mapping[str, str]) -> dict[str, str]:
    """Those given, and where Dagster's settings and its run launcher are in the image."""
    places = {"DAGSTER_HOME": "opt/dagster", "PYTHONPATH": "opt/repair"}
    return {**{name: str(image.folder / place) for name, place in places.items()}, **variables}


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _location(url: str) -> Any:
    """The one code location that the web server has loaded, or why it could not; None: not yet."""
    try:
        answer = httpx.post(url, json={"query": LOCATIONS}, trust_env=False, timeout=30).json()
    except httpx.TransportError:
        return None
    entries = answer["data"]["workspaceOrError"]["locationEntries"]
    return entries[0]["locationOrLoadError"] if entries and entries[0]["loadStatus"] == "LOADED" else None


def _until(holds: Callable[[], Any], *logs: Path) -> Any:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if (found := holds()) is not None:
            return found
        time.sleep(0.2)
    raise AssertionError("\n".join(log.read_text() for log in logs))


def _replaced(text: str, by: Mapping[str, str]) -> str:
    for old, new in by.items():
        assert old in text
        text = text.replace(old, new)
    return text
