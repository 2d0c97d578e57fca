"""The images: what each copies and installs, in an environment that holds nothing else."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from repair.language_servers.remote import RemoteLanguageServers
from tests.docker.test_dockerfiles import arguments
from tests.installed import ROOT, clean_variables, linked_environment, wheel_of
from tests.postgres import QUOTED, Server, free_port, server
from tests.servers_over_http import Instance

__all__ = ["server"]
T = TypeVar("T")
pytestmark = pytest.mark.slow


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
        wheel = wheel_of(folder / own[1], folder / "wheel") if own else None
        self.environment = linked_environment(
            folder / "environment",
            wheel,
            *(own[2].split(",") if own else ()),
            others=wanted[1:] if own else wanted,
        )
        self.command: list[str] = json.loads(arguments(path, "CMD")[-1])


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


@contextmanager
def started(image: Image, command: list[str], cwd: Path, **variables: str) -> Iterator[Path]:
    """A program of an image while it runs; the file of what it says."""
    program, *rest = command
    module = {
        "dagster": "dagster",
        "dagster-webserver": "dagster_webserver",
        "dagster-daemon": "dagster._daemon",
    }
    said = cwd / f"{program}.log"
    with said.open("wb") as log:
        child = subprocess.Popen(
            [str(image.environment.python), "-m", module[program], *rest],
            cwd=cwd,
            env={**clean_variables(), **variables},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield said
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _eventually(work: Callable[[], T], said: Path, seconds: float = 120) -> T:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except Exception:
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.5)


def test_web_server_and_code_location_find_each_other_with_their_storage_in_postgres(
    tmp_path: Path, server: Server
) -> None:
    location = Image(tmp_path / "location", "code_location.Dockerfile")
    dagster = Image(tmp_path / "dagster", "dagster.Dockerfile")
    home = tmp_path / "home"
    home.mkdir()
    variables = {
        "DAGSTER_POSTGRES_URL": server.address().replace("postgresql:", "postgresql+psycopg2:"),
        "DAGSTER_FILES": str(home / "dagster"),
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(dagster.folder / "opt" / "dagster"),
    }
    instance = Path(variables["DAGSTER_HOME"])
    with (instance / "dagster.yaml").open("a") as settings:  # as the image's RUN does
        settings.write((instance / "storage.yaml").read_text())
    grpc, http = str(free_port()), str(free_port())
    workspace = dagster.folder / "opt" / "dagster" / "workspace.yaml"
    text = workspace.read_text()
    workspace.write_text(text.replace("host: code_location", "host: 127.0.0.1").replace("4000", grpc))
    assert workspace.read_text() != text
    serve = [grpc if word == "4000" else word for word in location.command]
    show = [http if word == "3000" else word for word in dagster.command]

    def asked() -> dict[str, Any]:
        query = "{ assetNodes { assetKey { path } } instance { info } }"
        request = Request(f"http://127.0.0.1:{http}/graphql?query={quote(query)}")
        with urlopen(request, timeout=30) as response:
            found = json.load(response)["data"]
        assert found["assetNodes"]
        return found

    with (
        started(location, serve, home, **variables),
        started(dagster, show, workspace.parent, **variables) as said,
    ):
        found = _eventually(asked, said)
        health = location.environment.run(
            "python", "-m", "dagster", "api", "grpc-health-check", "-p", grpc, variables=variables
        )
        assert health.returncode == 0, health.stderr
    names = {node["assetKey"]["path"][-1] for node in found["assetNodes"]}
    assert {"session_events", "verified_diffs", "checkpoint", "scorecard"} <= names
    assert "Postgres" in found["instance"]["info"] and QUOTED not in found["instance"]["info"]
