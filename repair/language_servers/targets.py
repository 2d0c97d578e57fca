"""File selection of pyright's command line: which files of a project it checks, and in which order.

The order matters: where imports are circular, the inferred types depend on it.

Tested by `tests/repair/language_servers/test_workspace.py`.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

_LEFT_OUT = ("**/node_modules", "**/__pycache__", "**/.*", "**/__editable__.*")
_ENVIRONMENT_MARKS = ("/pyvenv.cfg", "/bin/activate", "/Scripts/activate", "/conda-meta/")
_FOLDERS = "**"


def checked(paths: Iterable[str], files: Iterable[str], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of `paths` that are checked, in order.

    `files` are all files of the workspace; `settings` the project's own, with its `include` (of no
    wildcards) and `exclude`. Pyright also excludes, in every project, hidden files, installed packages of
    Node, and Python environments.
    """
    excluded = [PathPattern(item) for item in (*_paths(settings.get("exclude")), *_LEFT_OUT)]
    environments = {_owner(path) for path in files} - {None}
    kept = [path for path in paths if not any(pattern.covers(path) for pattern in excluded)]
    kept.sort(key=_sort_key)
    result: dict[str, None] = {}
    for item in _paths(settings.get("include")) or ["."]:
        root = plain(item)
        if any(pattern.covers(root) for pattern in excluded):
            continue
        for path in kept:
            below = not root or path.startswith(f"{root}/")
            if path == root or (below and not environments & _between(path, root)):
                result[path] = None
    return tuple(result)


def _paths(value: Any) -> list[str]:
    """The paths of a list; pyright passes over what is no list, and over items that are no texts."""
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]


def plain(path: str) -> str:
    """Normalizes `path` of a setting to the form of a workspace's paths; the root is the empty string."""
    normal = posixpath.normpath(path.replace("\\", "/"))
    return "" if normal == "." else normal


def has_wildcard(path: str) -> bool:
    """Whether pyright treats `path` of a setting as a pattern."""
    return "*" in path or "?" in path


class PathPattern:
    """A path pattern of pyright's settings: `*` and `?` within a name, and `**` for any number of folders.

    It is matched name by name, so that no pattern takes longer than its length times that of the path.
    """

    def __init__(self, item: str) -> None:
        names = [name for name in posixpath.normpath(item).split("/") if name not in ("", ".")]
        self._names = [None if name == _FOLDERS else _name_pattern(name) for name in names]

    def covers(self, path: str) -> bool:
        """Whether `path`, or a folder that it lies in, matches."""
        reached = self._with_folders({0})
        for name in path.split("/") if path else ():
            if len(self._names) in reached:
                return True
            following: set[int] = set()
            for index in reached:
                pattern = self._names[index]
                if pattern is None:
                    following.add(index)
                elif pattern.fullmatch(name):
                    following.add(index + 1)
            reached = self._with_folders(following)
        return len(self._names) in reached

    def _with_folders(self, reached: set[int]) -> set[int]:
        """The positions in the pattern, also those after a `**` that stands for no folder."""
        for index in range(min(reached, default=0), len(self._names)):
            if index in reached and self._names[index] is None:
                reached.add(index + 1)
        return reached


def _name_pattern(name: str) -> re.Pattern[str]:
    """The regular expression of a name. Each `*` takes its first fit and no other, as in `fnmatch`."""
    first, *others = (
        "".join("." if point == "?" else re.escape(point) for point in part) for part in name.split("*")
    )
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    return re.compile(f"{first}{''.join(f'(?>.*?{part})' for part in middle)}.*{last}", re.DOTALL)


def _sort_key(path: str) -> list[tuple[bool, bytes]]:
    """A folder's files come before its folders, names in the order of JavaScript's strings."""
    *folders, name = (part.encode("utf-16-be") for part in path.split("/"))
    return [*((True, folder) for folder in folders), (False, name)]


def _between(path: str, root: str) -> set[str | None]:
    """The folders from `root` on in which `path` lies; the root of the workspace is the empty name."""
    parts = path.split("/")
    first = len(root.split("/")) if root else 0
    return {"/".join(parts[:count]) for count in range(first, len(parts))}


def _owner(path: str) -> str | None:
    """The folder that `path` marks as a Python environment; None if it does not."""
    for mark in _ENVIRONMENT_MARKS:
        head, found, tail = f"/{path}".rpartition(mark)
        if found and (not tail or mark.endswith("/")):
            return head[1:]
    return None
