"""A folder of this machine as a workspace."""

import os
from pathlib import Path

from repair.text.paths import is_readable


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


def _is_own(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in {"node_modules", "__pycache__"}:
        return False
    return not (folder / "pyvenv.cfg").exists()
