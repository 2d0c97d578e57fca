"""Files of this machine as a workspace: the project that encloses a path, and writing its files back."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError
from repair.language_servers import LanguageServers, Request
from repair.store.atomic import whole_file
from repair.text.paths import is_python, is_readable

ROOT_MARKS = (
    *("pyproject.toml", "setup.cfg", "setup.py", "pyrightconfig.json", "ruff.toml", ".ruff.toml"),
    ".git",
)
"""What the root of a project holds, one of them."""


@dataclass(frozen=True, slots=True)
class LocalWorkspace:
    """A workspace (path from `folder` -> text), its Python files that were named, and those in folders."""

    folder: Path
    files: Mapping[str, str]
    named: tuple[str, ...]
    in_folders: tuple[str, ...]

    def shown(self, path: str) -> str:
        """The path of a file from the current folder, or the whole path if it is not below that."""
        return shown_path(self.folder / path)

    def found(self, servers: LanguageServers) -> list[Diagnostic]:
        """The diagnostics of what was named, sorted. What a project excludes is checked only if it was named.

        Raises:
            LanguageServerError: the workspace can't be checked.
        """
        found: set[Diagnostic] = set()
        if self.named:
            [result] = servers.check_many([Request(self.files, paths=self.named)])
            if result.error:
                raise result.error
            found.update(result.diagnostics)
        if self.in_folders:
            wanted = set(self.in_folders)
            found.update(known for known in servers.check_workspace(self.files) if known.path in wanted)
        return sorted(found)


def shown_path(path: Path) -> str:
    """A path from the current folder, or the whole path if it is not below that."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def local_workspaces(paths: list[Path]) -> list[LocalWorkspace]:
    """The workspaces that the paths lie in, each once, in their order.

    It is the enclosing project: the nearest folder above that has one of `ROOT_MARKS`, below the user's home.
    Without one it is the named folder, or the files beside a named file.

    Raises:
        InputError: a named file is no Python file in UTF-8.
    """
    found: dict[tuple[Path, bool], list[Path]] = {}
    for path in map(Path.absolute, paths):
        folder = path if path.is_dir() else path.parent
        root = project_root(folder)
        found.setdefault((root or folder, root is not None or path.is_dir()), []).append(path)
    return [_workspace(folder, named, deep=deep) for (folder, deep), named in found.items()]


def project_root(folder: Path) -> Path | None:
    """The nearest folder, from `folder` upwards and below the user's home, that is the root of a project."""
    home = Path.home()
    for candidate in (folder, *folder.parents):
        if candidate in (home, candidate.parent):
            return None
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return None


def _workspace(folder: Path, named: list[Path], *, deep: bool) -> LocalWorkspace:
    files = read_workspace(folder, deep=deep)
    files_named: dict[str, None] = {}
    in_folders: dict[str, None] = {}
    for path in named:
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            below = "" if path == folder else f"{name}/"
            in_folders |= dict.fromkeys(file for file in files if is_python(file) and file.startswith(below))
        elif name in files and is_python(name):
            files_named[name] = None
        else:
            raise InputError(
                f"{shown_path(path)} is no Python file in UTF-8 that is read; give a .py or .pyi file, but no"
                " link and none in a hidden folder or a virtual environment, or a folder"
            )
    return LocalWorkspace(folder, files, tuple(files_named), tuple(in_folders))


def read_workspace(folder: Path, *, deep: bool = True) -> dict[str, str]:
    """The files under `folder` that the language servers read: path from there -> text.

    Left out are symbolic links, files that are not UTF-8, hidden folders, virtual environments and what
    package managers and Python keep for themselves. `deep`: with the folders in it.
    """
    files: dict[str, str] = {}
    for current, subfolders, names in os.walk(folder):
        here = Path(current)
        subfolders[:] = sorted(name for name in subfolders if deep and _is_own(here / name))
        for name in sorted(names):
            file = here / name
            if is_readable(name) and file.is_file() and not file.is_symlink():
                try:
                    # Not read_text: line endings have to stay as they are.
                    files[file.relative_to(folder).as_posix()] = file.read_bytes().decode()
                except UnicodeDecodeError:
                    continue
    return files


def write_back(file: Path, before: str, after: str) -> None:
    """Replace a file's text atomically; its permissions stay, and so do its owner and group where allowed.

    Raises:
        InputError: the file is not what was read.
    """
    if file.is_symlink() or not file.is_file() or file.read_bytes() != before.encode():
        raise InputError(f"{shown_path(file)} was changed meanwhile, and is left as it is")
    status = file.stat()
    with whole_file(file) as pending:
        pending.write_bytes(after.encode())
        if os.geteuid() == 0:
            os.chown(pending, status.st_uid, status.st_gid)
        pending.chmod(status.st_mode & 0o7777)


def _is_own(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in {"node_modules", "__pycache__"}:
        return False
    return not (folder / "pyvenv.cfg").exists()
