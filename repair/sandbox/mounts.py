"""bubblewrap's arguments: what a program sees of the machine's files, read-only and at their own paths.

Tested by `tests/repair/sandbox/test_bubblewrap.py`.
"""

import shutil
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from repair.sandbox import supervisor

BWRAP = "bwrap"
PROGRAM, BOX = "/box/program.py", "/tmp"  # noqa: S108 (inside the sandbox)
SYSTEM_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder of the machine in which a program runs.

    `python`: the interpreter of an environment, whose packages it sees; None: it sees the standard library.
    `readable`: what that interpreter needs. `changed`: path in the folder -> what is seen in its place.
    """

    folder: Path
    python: Path | None = None
    readable: tuple[Path, ...] = ()
    changed: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def executable() -> str:
    """The path of bubblewrap; its bare name where it is not installed."""
    return shutil.which(BWRAP) or BWRAP


@cache
def interpreter() -> str:
    """The installation's own interpreter: that of a virtual environment would need the environment."""
    version = f"python{sysconfig.get_python_version()}"
    return str(Path(sys.base_exec_prefix, "bin", version).resolve())


@cache
def of_interpreter() -> tuple[str, ...]:
    """An empty `/tmp`, the installation of `interpreter()`, and the system's libraries."""
    installation = [sys.base_prefix, sys.base_exec_prefix, str(Path(interpreter()).parent.parent)]
    paths = dict.fromkeys([*installation, *SYSTEM_LIBRARIES])
    arguments = ["--perms", "1777", "--tmpfs", BOX, *folders_to([*paths, *supervisor.DEVICES, PROGRAM])]
    for path in paths:
        here = Path(path)
        if here.is_symlink():
            arguments += ["--symlink", str(here.readlink()), path]
        elif here.exists():
            arguments += ["--ro-bind", path, path]
    return tuple(arguments)


def of_project(project: Project, descriptors: Sequence[int]) -> list[str]:
    """The project's files; `descriptors`: those to read what is `changed` from, in its order."""
    paths = [project.folder, *project.readable]
    return [
        *(*folders_to(map(str, paths)), *read_only(paths)),
        *(
            item
            for number, name in zip(descriptors, project.changed, strict=True)
            for item in ("--perms", "0444", "--ro-bind-data", str(number), str(project.folder / name))
        ),
    ]


def folders_to(paths: Iterable[str]) -> list[str]:
    """Makes the folders above the paths: bubblewrap lets nobody else enter those that it makes on the way."""
    parents = {str(parent) for path in paths for parent in Path(path).parents}
    return [item for parent in sorted(parents) for item in ("--dir", parent)]


def read_only(paths: Iterable[str | Path]) -> list[str]:
    """Mounts `paths` at their own names and, through links, at the real ones."""
    names: dict[str, str] = {}
    for path in map(Path, paths):
        if path.exists():
            real = str(path.resolve())
            names.setdefault(real, real)
            names.setdefault(str(path), real)
    # what lies in a mounted folder is there already
    outer = [name for name in names if not any(str(parent) in names for parent in Path(name).parents)]
    return [item for name in outer for item in ("--ro-bind", names[name], name)]
