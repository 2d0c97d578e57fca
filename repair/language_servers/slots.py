"""Pyright's configuration for many slots: folders that are each checked as a project of their own.

A project's settings apply to its own folder; here they are spelled out for every slot:

| setting | in a server of many slots |
|---|---|
| rules, `typeCheckingMode`, `pythonVersion`, ... | as they are: they name no path |
| `extraPaths` | those of each slot's environment |
| `executionEnvironments` | one for each slot and environment, those of the project before the slot's own |
| `strict`, `ignore` | a pattern that matches every slot's name, followed by the project's own |
| `include` without wildcards, `exclude` | not passed: they choose the files that are checked (`targets`) |
| `include` with wildcards | the command line: which folders it visits depends on more than the pattern |
| `stubPath`, a folder `typings` | the command line: a server has one stub folder for all |
| `extraPaths` with wildcards | the command line: they are expanded once, when a server starts |
| any of them with a value of a wrong type | the command line |

The environments of the slots:

- Every slot is an execution environment, so that imports start at the workspace's root. With a `src` folder
  (that is no package) a workspace takes a slot whose `extraPaths` names it, as pyright does by itself for
  the root of a project that sets no `extraPaths`.
- Pyright takes a module's name, which its messages show, from the *default* environment. The top-level
  `extraPaths` name all slots, so the shortest name, the one relative to the slot, wins; the environments
  do not inherit them. The hyphens in a slot's name make the name relative to the server's root invalid.
- Nothing may be *resolved* in the default environment, because pyright would search every slot and cache it
  as empty: the folders outside the slots (pyright's bundled stubs, the interpreter's library) have
  environments of their own, whose roots hold no module.

Pyright looks for partial stub packages (a folder `x-stubs` whose `py.typed` says `partial`) in each
environment that it has not met before, and then forgets what lies in which folder, also in those of its own
stubs: a tenth of the work for each workspace. So it meets all slots at once, while they are empty: `SCAN` is
an environment whose `extraPaths` name them, and `FORGET`, which it meets next, makes it forget that they were
empty. Nothing may read them as empty again: what lies in no environment lies in that of the root `/`. A
workspace that holds a partial stub package goes to the command line.

Tested by `tests/repair/language_servers/test_workspace.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from repair.language_servers.configuration import is_table
from repair.language_servers.targets import has_wildcard, plain

PREFIX = "repair-slot-"
KINDS: tuple[str, ...] = ("plain", "src")
SCAN, FORGET = f"{PREFIX}scan", f"{PREFIX}forget"
_PATTERNS = ("strict", "ignore")
_CHOOSING = ("include", "exclude")


def slot_name(kind: str, number: int) -> str:
    return f"{PREFIX}{kind}-{number}"


def slot_kind(paths: Iterable[str]) -> str:
    """Which of `KINDS` a workspace of these paths needs."""
    inside = [path for path in paths if path.startswith("src/")]
    return "src" if inside and "src/__init__.py" not in inside else "plain"


def poolable(settings: Mapping[str, Any]) -> bool:
    """Whether `settings` can be spelled out for slots, with the command line's results."""
    if "stubPath" in settings or "typingsPath" in settings:
        return False
    if not all(_are_texts(settings.get(name, [])) for name in (*_PATTERNS, *_CHOOSING)):
        return False
    if any(has_wildcard(path) for path in settings.get("include", ())):
        return False
    environments = settings.get("executionEnvironments", [])
    if not isinstance(environments, list) or not all(map(is_table, cast(list[Any], environments))):
        return False
    roots = [item.get("root", ".") for item in environments]
    return _are_texts(roots) and all(
        _are_plain(item.get("extraPaths", [])) for item in (settings, *environments)
    )


def has_partial_stubs(files: Mapping[str, bytes]) -> bool:
    """Whether `files` hold a partial stub package, which pyright does not look for in a slot."""
    return any(path.endswith("-stubs/py.typed") and b"partial" in data for path, data in files.items())


def server_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `settings` that a server is started with: projects with equal ones may share a server."""
    return {name: value for name, value in settings.items() if name not in _CHOOSING}


def configuration(settings: Mapping[str, Any], slots: int, outside: Iterable[Path]) -> dict[str, Any]:
    """The `pyrightconfig.json` of a server with `slots` slots of each kind.

    `outside` are the folders besides the slots whose modules may be read.
    """
    environments: list[dict[str, Any]] = []
    searched: list[str] = []
    for number in range(slots):
        for kind in KINDS:
            slot = slot_name(kind, number)
            extra: list[str] = settings.get("extraPaths", ["src"] if kind == "src" else [])
            own: list[dict[str, Any]] = settings.get("executionEnvironments", [])
            for item in (*own, {"root": "."}):
                paths = _within(slot, item.get("extraPaths", extra))
                [root] = _within(slot, [item.get("root", ".")])
                environments.append({**item, "root": root, "extraPaths": paths})
            searched += [slot, *_within(slot, extra)]
    # node follows links on the way to its own files, and an interpreter does not
    roots = dict.fromkeys(str(path) for root in outside for path in (root, root.resolve()))
    environments.append({"root": SCAN, "extraPaths": [item["root"] for item in environments]})
    environments += [{"root": root, "extraPaths": []} for root in (FORGET, *roots, "/")]
    kept = server_settings(settings)
    for name in _PATTERNS:
        if name in kept:
            kept[name] = _within(f"{PREFIX}*", kept[name])
    paths = {"exclude": [], "extraPaths": searched, "executionEnvironments": environments}
    # it decides about hints alone, which the command line does not print
    return {**kept, **paths, "enableReachabilityAnalysis": True}


def _within(slot: str, paths: Sequence[str]) -> list[str]:
    return [f"{slot}/{plain(path)}".rstrip("/") for path in paths if path.strip()]


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast(list[Any], value))


def _are_plain(value: Any) -> bool:
    return _are_texts(value) and not any(map(has_wildcard, value))
