"""Filters a project's ruff settings: which are honoured, and which are dropped and listed.

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
    tool_table,
)

_FILES = ("ruff.toml", ".ruff.toml")


def ruff_files(files: Mapping[str, str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files to write in addition to, or instead of, a workspace's own; and the dropped settings.

    A root without ruff's settings gets an empty `ruff.toml`: it keeps ruff from searching further up and
    makes the root of the workspace the root of the project, as a run in that folder would. An `extend` or
    `src` that leads outside is dropped, and listed as `sub/ruff.toml: extend`; a file that is extended is
    filtered too.
    """
    written: dict[str, bytes] = {}
    ignored: list[str] = []
    pending = [path for path in files if path.rpartition("/")[2] in (*_FILES, PYPROJECT_FILE)]
    seen = set(pending)
    while pending:
        path = pending.pop(0)
        table, prefix = _table(path, files[path])
        if not is_table(table):
            continue
        folder = posixpath.dirname(path)
        dropped = _outside(table, folder)
        if dropped:
            written[path] = _without(path, files[path], table, dropped)
            ignored += [f"{path}: {prefix}{name}" for name in dropped]
        extended = table.get("extend")
        if isinstance(extended, str) and "extend" not in dropped:
            target = posixpath.normpath(posixpath.join(folder, extended))
            if target in files and target not in seen:
                seen.add(target)
                pending.append(target)
    own = any(name in files for name in _FILES)
    if not own and (PYPROJECT_FILE not in files or tool_table(files[PYPROJECT_FILE], "ruff") is None):
        written["ruff.toml"] = b""
    return written, tuple(ignored)


def _table(path: str, text: str) -> tuple[Any, str]:
    """The settings of ruff in a file, and the prefix of their names."""
    if path.rpartition("/")[2] == PYPROJECT_FILE:
        return tool_table(text, "ruff"), "tool.ruff."
    return parsed_toml(text), ""


def _outside(table: Mapping[str, Any], folder: str) -> list[str]:
    sources = table.get("src", [])
    dropped = [] if is_inside(table.get("extend", "."), folder) else ["extend"]
    if isinstance(sources, list) and not all(is_inside(item, folder) for item in cast(list[Any], sources)):
        dropped.append("src")
    return dropped


def _without(path: str, text: str, table: dict[str, Any], dropped: list[str]) -> bytes:
    """The file without the `dropped` settings, reduced to what ruff reads."""
    kept = {name: value for name, value in table.items() if name not in dropped}
    if "src" in dropped:
        folder = posixpath.dirname(path)
        inside = [item for item in table["src"] if is_inside(item, folder)]
        if inside:
            kept["src"] = inside
    if path.rpartition("/")[2] == PYPROJECT_FILE:
        kept = {"tool": {"ruff": kept}}
        project = parsed_toml(text).get("project")
        if is_table(project) and "requires-python" in project:
            # it names the Python version where the settings do not
            kept["project"] = {"requires-python": project["requires-python"]}
    return "".join(f"{_toml(name)} = {_toml(value)}\n" for name, value in kept.items()).encode()


def _toml(value: Any) -> str:
    if is_table(value):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in cast(list[Any], value)) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)  # a number, or a date, which no setting of ruff's is
