"""The images: what each copies and installs, in an environment that holds nothing else."""

import json
import re
import shutil
from pathlib import Path

import pytest

from repair.language_servers.remote import RemoteLanguageServers
from tests.docker.test_dockerfiles import arguments
from tests.installed import ROOT, linked_environment, wheel_of
from tests.servers_over_http import Instance

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
