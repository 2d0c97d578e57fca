"""Filters a project's pyright settings: which are honoured, and which are dropped and listed.

Settings that point outside the workspace are dropped: the folders they name are not in the snapshot, and
a stranger's project must not make a server read this machine's files. Also dropped are those that name an
interpreter or a folder of the machine where the project was written, and `extends`: no other file is read.

Tested by `tests/repair/language_servers/test_workspace.py`.
"""

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeGuard, cast

PYRIGHT_FILE = "pyrightconfig.json"
PYPROJECT_FILE = "pyproject.toml"
# A string, a comment, or a comma in front of a closing bracket. What is not closed ends with its line or the
# text, and nothing is read twice: all loops are possessive.
_COMMENT = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?+"
_JSONC = re.compile(rf'("(?:\\.|[^"\\\n])*+"?+)|{_COMMENT}|,(?=(?:\s|{_COMMENT})*+[}}\]])', re.DOTALL)
_LARGEST_TOML = 1 << 20  # code points
# `tomllib` takes time that grows with the square of a key's parts.
_LONG_KEY = re.compile(r"""(?<![\w"'.-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){64}""")
_DROPPED = ("extends", "venvPath", "venv", "typeshedPath", "baselineFile")
_FOLDERS = ("stubPath", "typingsPath")
_STUBS = "typings"
_LISTS = ("include", "exclude", "ignore", "strict", "extraPaths")
_ENVIRONMENTS = "executionEnvironments"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A project's pyright settings after filtering."""

    text: str | None = None
    """The JSON of a `pyrightconfig.json`; None where nothing is configured."""
    ignored: tuple[str, ...] = ()
    """The names of the settings that were dropped, as `pyrightconfig.json: venvPath`."""


def pyright_configuration(files: Mapping[str, str]) -> Configuration:
    """The filtered pyright settings of a workspace.

    `pyrightconfig.json` is preferred to `[tool.pyright]` of `pyproject.toml`, as in pyright. A file that
    can't be read configures nothing, as in the language server.
    """
    settings: Any = None
    where = ""
    if PYRIGHT_FILE in files:
        where = f"{PYRIGHT_FILE}: "
        try:
            plain = _JSONC.sub(lambda match: match[1] or "", files[PYRIGHT_FILE]) or "{}"
            settings = json.loads(plain, parse_constant=_refuse)
        except (ValueError, RecursionError):
            settings = None
    elif PYPROJECT_FILE in files:
        where = f"{PYPROJECT_FILE}: tool.pyright."
        settings = tool_table(files[PYPROJECT_FILE], "pyright")
    ignored: dict[str, None] = {}  # a set that keeps the order
    default = {"stubPath": _STUBS} if any(path.startswith(f"{_STUBS}/") for path in files) else {}
    try:
        kept = default | (_cleaned(settings, where, ignored) if is_table(settings) else {})
        text = json.dumps(kept, sort_keys=True, default=str, allow_nan=False)
    except RecursionError:  # nested too deeply
        kept, text = default, json.dumps(default)
    return Configuration(text if kept else None, tuple(ignored))


def tool_table(text: str, tool: str) -> Any:
    """`[tool.<tool>]` of a `pyproject.toml`; None where there is none."""
    try:
        return parsed_toml(text)["tool"][tool]
    except (KeyError, TypeError):
        return None


def parsed_toml(text: str) -> Any:
    """The table that `text` holds; None where it can't be read, is too large, or has a key of 64 parts."""
    if len(text) > _LARGEST_TOML or _LONG_KEY.search(text):
        return None
    try:
        return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (ValueError, RecursionError):  # also a number of more digits than Python reads
        return None


def is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_inside(path: Any, folder: str = "") -> bool:
    """Whether `path`, written in a file of the workspace's `folder`, stays inside the workspace."""
    if not isinstance(path, str) or path.startswith(("/", "~", "\\")) or re.match("[A-Za-z]:", path):
        return False
    if "$" in path:  # a variable, which may have a default
        return False
    depth = len(PurePosixPath(folder).parts)
    for name in PurePosixPath(path.replace("\\", "/")).parts:
        depth += {"..": -1, "**": 0}.get(name, 1)
        if depth < 0:
            return False
    return True


def _refuse(constant: str) -> None:
    """NaN and Infinity are no JSON, and pyright reads no file that holds one."""
    raise ValueError(constant)


def _is_finite(value: Any) -> bool:
    """Whether `value` can be written as JSON."""
    if is_table(value):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, cast(list[Any], value)))
    return not isinstance(value, float) or math.isfinite(value)


def _cleaned(settings: dict[str, Any], where: str, ignored: dict[str, None]) -> dict[str, Any]:
    """`settings` without what is dropped; `where` is the prefix of the names added to `ignored`."""
    kept = {name: value for name, value in settings.items() if _is_finite(value)}
    ignored |= {where + name: None for name in settings if name not in kept}
    for name in (*_DROPPED, *_FOLDERS):
        if name in kept and (name in _DROPPED or not is_inside(kept[name])):
            del kept[name]
            ignored[where + name] = None
    for name in _LISTS:
        if isinstance(kept.get(name), list):
            inside = [item for item in kept[name] if is_inside(item)]
            if len(inside) < len(kept[name]):
                ignored[where + name] = None
            if inside or not kept[name]:
                kept[name] = inside
            else:
                del kept[name]  # an empty `include` means something else than none
    environments = kept.get(_ENVIRONMENTS)
    if isinstance(environments, list):
        below = f"{where}{_ENVIRONMENTS}."
        tables = [item for item in cast(list[Any], environments) if is_table(item)]
        inside = [item for item in tables if is_inside(item.get("root", "."))]
        if len(inside) < len(tables):
            ignored[below + "root"] = None
        kept[_ENVIRONMENTS] = [_cleaned(item, below, ignored) for item in inside]
    return kept
