"""Filters a project's ruff settings: which are honoured, and which are dropped and listed.

Ruff gets none of a project's own files of settings, but what was understood of them here, written again: its
parser reads TOML 1.1, Python's reads 1.0, and what only ruff can read would pass unfiltered.

Tested by `tests/repair/language_servers/test_workspace.py`.
"""

import json
import posixpath
from collections.abc import Mapping
from typing import Any, cast

from repair.language_servers.configuration import (
    PYPROJECT_FILE,
    is_inside,
    is_table,
    parsed_toml,
)
from repair.text.paths import is_python

_FILES = ("ruff.toml", ".ruff.toml")
_UNREAD = "all of it (no TOML 1.0)"


def ruff_files(files: Mapping[str, str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files to write instead of, and besides, a workspace's own; and the dropped settings.

    Each file of settings is replaced by what ruff reads of it. A root without ruff's settings gets an empty
    `ruff.toml`: it keeps ruff from searching further up and makes the root of the workspace the root of the
    project, as a run in that folder would. An `extend` or `src` that leads outside is dropped, and listed as
    `sub/ruff.toml: extend`; a file that is extended is filtered too, and must be no Python file. A file that
    can't be read is replaced by an empty one, and listed.
    """
    written: dict[str, bytes] = {}
    ignored: list[str] = []
    pending = [path for path in files if path.rpartition("/")[2] in (*_FILES, PYPROJECT_FILE)]
    seen = set(pending)
    is_root = any(name in files for name in _FILES)
    while pending:
        path = pending.pop(0)
        table, rest = _settings(path, files[path])
        folder = posixpath.dirname(path)
        dropped = _outside(table or {}, folder)
        extended = (table or {}).get("extend")
        target = _joined(folder, extended) if isinstance(extended, str) and "extend" not in dropped else None
        if target and is_python(target):  # it is checked as it is
            dropped.insert(0, "extend")
            target = None
        text = _text(path, table, rest, dropped)
        if text is None:
            ignored.append(f"{path}: {_UNREAD}")
            written[path] = b""
            continue
        prefix = "tool.ruff." if path.rpartition("/")[2] == PYPROJECT_FILE else ""
        ignored += [f"{path}: {prefix}{name}" for name in dropped]
        written[path] = text
        is_root |= path == PYPROJECT_FILE and table is not None
        if target is not None and target in files and target not in seen:
            seen.add(target)
            pending.append(target)
    if not is_root:
        written["ruff.toml"] = b""
    return written, tuple(ignored)


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _settings(path: str, text: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Ruff's settings in a file, null: none; and what else ruff reads there, null: it can't be read."""
    table = parsed_toml(text)
    if not is_table(table):
        return None, None
    if path.rpartition("/")[2] != PYPROJECT_FILE:
        return table, {}
    tools, project = table.get("tool"), table.get("project")
    own = tools.get("ruff") if is_table(tools) else None
    # it names the Python version where the settings do not
    version = project.get("requires-python") if is_table(project) else None
    rest = {} if version is None else {"project": {"requires-python": version}}
    return own if is_table(own) else None, rest


def _outside(table: Mapping[str, Any], folder: str) -> list[str]:
    sources = table.get("src", [])
    dropped = [] if is_inside(table.get("extend", "."), folder) else ["extend"]
    if isinstance(sources, list) and not all(is_inside(item, folder) for item in cast(list[Any], sources)):
        dropped.append("src")
    return dropped


def _text(
    path: str, table: dict[str, Any] | None, rest: dict[str, Any] | None, dropped: list[str]
) -> bytes | None:
    """The file as ruff gets it, without the `dropped` settings; null: it is unreadable."""
    if rest is None:
        return None
    kept = {name: value for name, value in (table or {}).items() if name not in dropped}
    if table and "src" in dropped and isinstance(table["src"], list):
        folder = posixpath.dirname(path)
        if inside := [item for item in cast(list[Any], table["src"]) if is_inside(item, folder)]:
            kept["src"] = inside
    if path.rpartition("/")[2] == PYPROJECT_FILE:
        kept = {**({} if table is None else {"tool": {"ruff": kept}}), **rest}
    try:
        return "".join(f"{_toml(name)} = {_toml(value)}\n" for name, value in kept.items()).encode()
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return None


def _toml(value: Any) -> str:
    if is_table(value):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in cast(list[Any], value)) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)  # a number, or a date, which no setting of ruff's is
