"""A project's own settings for pyright and ruff: which are honoured, and which are dropped.

Settings that point outside the workspace are dropped: the folders they name are not in the snapshot, and
a stranger's project must not make a server read this machine's files.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, TypeGuard, cast

PYRIGHT_FILE = "pyrightconfig.json"
_RUFF_FILES = ("ruff.toml", ".ruff.toml")
# A string, a comment, or a comma in front of a closing bracket.
_JSONC = re.compile(
    r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL
)
# They name an interpreter or folders of the machine where the project was written.
_DROPPED = ("extends", "venvPath", "venv", "typeshedPath", "baselineFile")
_FOLDERS = ("stubPath",)
_STUBS = "typings"
_LISTS = ("include", "exclude", "ignore", "strict", "extraPaths")
_PATHS = frozenset({*_FOLDERS, *_LISTS, "executionEnvironments"})
_EXTEND = re.compile(r"^[ \t]*extend[ \t]*=.*$", re.MULTILINE)


def pyright_configuration(files: Mapping[str, str]) -> str | None:
    """The cleaned text of `pyrightconfig.json` for a workspace; None where it configures nothing.

    `pyrightconfig.json` is preferred to `[tool.pyright]` of `pyproject.toml`, as pyright does. A file
    that can't be read configures nothing, which is what the language server makes of it.
    """
    settings: Any = None
    if PYRIGHT_FILE in files:
        try:
            settings = json.loads(_JSONC.sub(lambda match: match[1] or "", files[PYRIGHT_FILE]) or "{}")
        except (ValueError, RecursionError):
            settings = None
    elif "pyproject.toml" in files:
        settings = _table(files["pyproject.toml"], "pyright")
    if not _is_table(settings):
        settings = {}
    settings = _cleaned(settings)
    if any(path.startswith(_STUBS + "/") for path in files):
        settings.setdefault("stubPath", _STUBS)  # it counts without being named
    return json.dumps(settings, sort_keys=True, default=str) if settings else None


def poolable(settings: Mapping[str, Any]) -> bool:
    """Whether `settings` name no path, so that they mean the same in any folder."""
    return not _PATHS.intersection(settings)


def _table(text: str, tool: str) -> Any:
    try:
        return _parsed(text)["tool"][tool]
    except (KeyError, TypeError):
        return None


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _inside(path: Any, folder: str = "") -> bool:
    """Whether `path`, written in a file of the workspace's `folder`, stays inside the workspace."""
    if not isinstance(path, str) or path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:|.*\$\{", path):
        return False
    depth = len(PurePosixPath(folder).parts)
    for name in PurePosixPath(path.replace("\\", "/")).parts:
        depth += -1 if name == ".." else 1
        if depth < 0:
            return False
    return True


def _cleaned(settings: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in settings.items() if name not in _DROPPED}
    for name in _FOLDERS:
        if name in kept and not _inside(kept[name]):
            del kept[name]
    for name in _LISTS:
        if isinstance(kept.get(name), list):
            inside = [item for item in kept[name] if _inside(item)]
            if inside or not kept[name]:
                kept[name] = inside
            else:
                del kept[name]  # an empty `include` means something else than none
    environments = kept.get("executionEnvironments")
    if isinstance(environments, list):
        tables = [item for item in cast(list[Any], environments) if _is_table(item)]
        kept["executionEnvironments"] = [_cleaned(item) for item in tables if _inside(item.get("root", "."))]
    return kept


def ruff_files(files: Mapping[str, str]) -> dict[str, bytes]:
    """What has to be written beside, or instead of, a workspace's own files for ruff.

    A root without ruff's settings gets an empty `ruff.toml`: it keeps ruff from looking further up and
    makes the root of the workspace the root of the project, as a run in that folder would. Settings that
    extend a file outside the workspace lose that.
    """
    result: dict[str, bytes] = {}
    for path, text in files.items():
        folder, _, name = path.rpartition("/")
        if name in (*_RUFF_FILES, "pyproject.toml") and not _inside(_extended(name, text), folder):
            without = _EXTEND.sub("", text)
            # an unusual spelling is left over: better no settings than those of this machine
            result[path] = without.encode() if _inside(_extended(name, without), folder) else b""
    own = any(name in files for name in _RUFF_FILES)
    if not own and ("pyproject.toml" not in files or _table(files["pyproject.toml"], "ruff") is None):
        result["ruff.toml"] = b""
    return result


def _extended(name: str, text: str) -> Any:
    """The file that ruff's settings `text` build on; `.` where there is none."""
    settings = _table(text, "ruff") if name == "pyproject.toml" else _parsed(text)
    return settings.get("extend", ".") if _is_table(settings) else "."
