"""Python version of a project: the minor version that pyright checks for, from what the project requires.

The running version is kept where the project admits it. Else it is the nearest one that it admits: the lowest
above, or the highest below. So `>=3.12` is checked as 3.12 on a running 3.11, `<3.11` as 3.10, and `>=3.8` as
3.11. Pyright's own `pythonVersion` goes before all of this (`repair.language_servers.configuration`).

The first of these files at the workspace's root that says a version counts:

| file | what |
|---|---|
| `pyproject.toml` | `project.requires-python`, else `tool.poetry.dependencies.python` |
| `setup.cfg` | `python_requires` in `[options]` |
| `setup.py` | `python_requires="..."`, a plain string |
| `.python-version` | its first line |

It chooses among the stubs of the standard library, which pyright has for every version; the interpreter, and
the packages that are seen, stay those of the environment. Ruff reads `requires-python` by itself.
"""

import configparser
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from repair.language_servers.configuration import PYPROJECT_FILE, is_table, parsed_toml

_MINORS = range(31)
_LARGEST = 1_000_000  # code points of a file that is read
_LONGEST = 200  # code points of a requirement
# A release of Python has few patches; the last stands for all that are still to come.
_PATCHES = (*range(31), 999)
_SETUP_PY = re.compile(r"""\bpython_requires\s{0,20}=\s{0,20}(?:"([^"\n]{1,200})"|'([^'\n]{1,200})')""")
_EXACT = re.compile(r"(?:python-|cpython-)?3\.([0-9]{1,2})(?:\.[0-9]{1,2}(?:rc[0-9]+)?|-dev|t)?")
_POETRY = re.compile(r"([~^])\s*([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?")


def project_python(files: Mapping[str, str], running: str) -> str | None:
    """The minor version for a workspace (path -> text), as `3.12`; None: the running one is right, or nothing
    that can be read says another. `running` is the environment's, as `3.11.7`."""
    own = int(running.split(".")[1])
    for minors in _requirements(files):
        if not minors:  # Python 2, or nonsense
            return None
        if own in minors:
            return None
        above = [minor for minor in minors if minor > own]
        return f"3.{min(above) if above else max(minors)}"
    return None


def _requirements(files: Mapping[str, str]) -> Iterator[tuple[int, ...]]:
    """The minor versions that each file admits, that file first which counts."""
    written: list[Any] = []
    table = parsed_toml(files[PYPROJECT_FILE]) if PYPROJECT_FILE in files else None
    for names in (("project", "requires-python"), ("tool", "poetry", "dependencies", "python")):
        value: Any = table
        for name in names:
            value = value.get(name) if is_table(value) else None
        written.append(value.get("version") if is_table(value) else value)
    written.append(_of_setup_cfg(files.get("setup.cfg", "")))
    written.append(required_by_setup_py(files.get("setup.py", "")))
    lines = files.get(".python-version", "")[:_LONGEST].split()
    exact = _EXACT.fullmatch(lines[0]) if lines else None
    written.append(exact and f"==3.{exact[1]}.*")
    for value in written:
        if isinstance(value, str) and 0 < len(value) <= _LONGEST:
            try:
                yield _minors(value)
            except InvalidSpecifier:
                continue


@lru_cache(maxsize=1024)
def _minors(requirement: str) -> tuple[int, ...]:
    """The minor versions that a requirement admits; `||` stands between alternatives."""
    alternatives = [SpecifierSet(_pep440(part)) for part in re.split(r"\|\|?", requirement)]
    return tuple(minor for minor in _MINORS if _admits(alternatives, minor))


def _of_setup_cfg(text: str) -> str | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text[:_LARGEST].removeprefix("\ufeff"))
    except (configparser.Error, ValueError):
        return None
    return parser.get("options", "python_requires", fallback=None)


def required_by_setup_py(text: str) -> str | None:
    """The plain string of `python_requires` in a `setup.py`; None without one."""
    for line in text[:_LARGEST].split("\n"):
        found = _SETUP_PY.search(line)
        if found and "#" not in line[: found.start()]:
            return found[1] or found[2]
    return None


def _pep440(requirement: str) -> str:
    """A requirement of Poetry (`^3.12`, `~3.12`, `3.12.*`) in the form of PEP 440; others as they are."""
    parts: list[str] = []
    for part in map(str.strip, requirement.split(",")):
        match = _POETRY.fullmatch(part)
        if match:
            sign, major, minor, patch = match.groups()
            lowest = ".".join(filter(None, (major, minor, patch)))
            below = f"{major}.{int(minor) + 1}" if sign == "~" and minor else f"{int(major) + 1}"
            parts += [f">={lowest}", f"<{below}"]
        elif re.fullmatch(r"[0-9][0-9.]*(?:\.\*)?|\*", part):
            whole = part.count(".") > 1 or "*" in part
            parts += [] if part == "*" else [f"=={part}" if whole else f"=={part}.*"]
        else:
            parts += re.sub(r"(?<=[0-9*])\s+(?=[<>=!~])", ",", part).split(",")
    return ",".join(parts)


def _admits(alternatives: list[SpecifierSet], minor: int) -> bool:
    return any(
        specifiers.contains(f"3.{minor}.{patch}", prereleases=True)
        for specifiers in alternatives
        for patch in _PATCHES
    )
