"""An installation of this project without the checkout, in an environment that holds what it asks for.

wheel = wheel_of(copy_source(tmp_path / "source"), tmp_path)
environment = linked_environment(tmp_path / "environment", wheel, "function")
environment.run("repair", "--help")

The packages of a linked environment are files of this interpreter's, and only those that the wheel's
requirements reach: what is used and not required is missing.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from email import message_from_bytes
from functools import cache
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("repair", "partitions", "resources", "repair_assets", "training_assets", "eval_assets"),
    "code_location",
)


def copy_source(target: Path, packages: Iterable[str] = PACKAGES) -> Path:
    """What a wheel is built from: in a folder of its own, since a build writes beside its sources."""
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    for package in packages:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def wheel_of(source: Path, folder: Path) -> Path:
    """The wheel of the project in `source`, as pip builds it."""
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, source)
    [wheel] = folder.glob("repair-*.whl")
    return wheel


def pip(python: str | Path, *arguments: object) -> None:
    """Runs pip for the environment of `python`; what it says is the error."""
    options = ["--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "--python", str(python), *map(str, arguments), *options]
    # elsewhere than in the checkout, which is an installation too to whoever finds it on the path
    done = subprocess.run(
        command,
        cwd=Path(python).parent,
        env=clean_variables(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Environment:
    """A virtual environment and what runs in it."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"

    def run(
        self, program: str, *arguments: object, cwd: Path | None = None, variables: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """A program of the environment, in `cwd`; else where no module lies."""
        return subprocess.run(
            [str(self.python.parent / program), *map(str, arguments)],
            cwd=cwd or self.python.parent,
            env={**clean_variables(), **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def empty_environment(folder: Path, python: str = sys.executable) -> Environment:
    """A new one of the interpreter `python`, without pip."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], env=clean_variables(), check=True)
    return Environment(folder)


def linked_environment(
    folder: Path, wheel: Path | None, *extras: str, others: Iterable[str] = ()
) -> Environment:
    """A new one that holds `wheel`, what it and `extras` require, and `others`: linked, not downloaded."""
    environment = empty_environment(folder)
    [packages] = folder.glob("lib/python*/site-packages")
    required = _requirements(wheel, extras) if wheel else ()
    for dist in reached([*required, *map(Requirement, others)]):
        root = Path(str(dist.locate_file("")))
        for top, files in _files()[dist.metadata["Name"]].items():
            if _owners()[top] == 1:  # one link, and it is compiled already
                _link(root / top, packages / top)
                continue
            for file in files:
                # scripts name this interpreter; ruff is a program
                if top != ".." or file.endswith("/ruff"):
                    _link(root / file, packages / file)
    if wheel:
        pip(environment.python, "install", "--no-deps", "--no-index", "--no-compile", wheel)
    return environment


def clean_variables() -> dict[str, str]:
    """Without what leads an interpreter to the checkout, or a setting into the project."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REPAIR_"))}


def _requirements(wheel: Path, extras: Iterable[str]) -> Iterator[Requirement]:
    with ZipFile(wheel) as archive:
        [name] = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    declared = metadata.get_all("Requires-Dist") or ()
    own = metadata["Name"]
    waiting, known = set(extras), set[str]()
    while waiting - known:  # an extra may be made of others: of the wheel's, not of what is installed here
        known |= waiting
        waiting |= {
            extra
            for requirement in _wanted(declared, known)
            if requirement.name == own
            for extra in requirement.extras
        }
    yield from (requirement for requirement in _wanted(declared, known) if requirement.name != own)


def _wanted(requirements: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    chosen = ("", *extras)
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in chosen
        ):
            yield requirement


def reached(requirements: Iterable[Requirement]) -> Iterator[Distribution]:
    waiting = list(requirements)
    seen: set[tuple[str, frozenset[str]]] = set()
    linked: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (key := (name, frozenset(requirement.extras))) in seen:
            continue
        seen.add(key)
        dist = distribution(name)
        waiting += _wanted(dist.requires or (), requirement.extras)
        if name not in linked:
            linked.add(name)
            yield dist


@cache
def _files() -> dict[str, dict[str, list[str]]]:
    """Distribution of this interpreter -> folder of its packages, or a file in none -> the files there."""
    found: dict[str, dict[str, list[str]]] = {}
    for dist in distributions():
        by_top: dict[str, list[str]] = defaultdict(list)
        for line in (dist.read_text("RECORD") or "").splitlines():
            file = line.rsplit(",", 2)[0].strip('"')
            by_top[file.partition("/")[0]].append(file)
        found[dist.metadata["Name"]] = by_top
    return found


@cache
def _owners() -> Counter[str]:
    """How many distributions have files in each of them; the folder of programs is everybody's."""
    return Counter(["..", *(top for by_top in _files().values() for top in by_top)])


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.symlink_to(source)
