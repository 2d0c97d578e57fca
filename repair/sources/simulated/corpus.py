"""Corpus of correct Python texts for the simulated typist.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from repair.errors import ConfigurationError
from repair.sources.licences import is_licence_file, project_licence

MINIMUM_LINES, MAXIMUM_LINES = 40, 180
MINIMUM_FUNCTIONS = 3

# Not a program that somebody would write: test data, generated tables, code of other platforms and of
# installed packages, and modules that hold Python 2.
_LEFT_OUT = frozenset(
    {"test", "tests", "idlelib", "lib2to3", "turtledemo", "encodings", "pydoc_data", "ensurepip", "distutils"}
    | {"site-packages", "dist-packages", "msilib", "macholib", "__pycache__", "node_modules", "venv"}
)
_OTHER_PLATFORMS = frozenset(
    {"_aix_support", "_bootsubprocess", "windows_utils", "windows_events", "nturl2path"}
)


@dataclass(frozen=True, slots=True)
class Module:
    """A Python text of the corpus."""

    name: str
    """A name for its file, without `.py`: it shadows no module of the standard library."""
    text: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Modules in the order of their names, and their licence."""

    modules: tuple[Module, ...]
    licence: str | None
    """SPDX expression; null: its licence files do not permit, or there are none."""


@cache
def standard_library() -> Corpus:
    """The interpreter's own modules: equal for one patch release of Python, nearly so for its neighbours."""
    return Corpus(tuple(_modules(Path(sysconfig.get_path("stdlib")))), "PSF-2.0")


def folder(root: Path) -> Corpus:
    """Every fitting module under `root`; the licence is that of the licence files in `root`."""
    if not root.is_dir():
        raise ConfigurationError(f"corpus {root} is not a folder: give a folder with Python files below it")
    modules = tuple(_modules(root))
    if not modules:
        raise ConfigurationError(
            f"corpus {root} has no fitting module: it needs UTF-8 Python files of {MINIMUM_LINES} to "
            f"{MAXIMUM_LINES} lines with {MINIMUM_FUNCTIONS} functions and no relative import"
        )
    found = [*root.iterdir(), *root.glob("*/*")]
    texts = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in found
        if is_licence_file(path.relative_to(root).as_posix()) and path.is_file()
    }
    return Corpus(modules, project_licence(texts).licence)


def _modules(root: Path) -> Iterator[Module]:
    names: set[str] = set()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        parts = path.relative_to(root).with_suffix("").parts
        if _LEFT_OUT & set(parts) or _OTHER_PLATFORMS & set(parts) or any("-" in part for part in parts):
            continue
        text = _fitting_text(path)
        if text is None:
            continue
        stem = path.parent.name if path.stem == "__init__" else path.stem
        name = "my_" + stem.strip("_").lower()
        if name in names:
            name = "my_" + "_".join(part.strip("_").lower() for part in parts)
        names.add(name)
        yield Module(name, text)


def _fitting_text(path: Path) -> str | None:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (UnicodeDecodeError, OSError):
        return None
    # Offsets are counted by "\n" alone, and a file that is moved can't import its neighbours.
    if not MINIMUM_LINES <= text.count("\n") <= MAXIMUM_LINES or "\r" in text or "\ufeff" in text:
        return None
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return None
    if any(isinstance(node, ast.ImportFrom) and node.level for node in nodes):
        return None
    functions = sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes)
    return text if functions >= MINIMUM_FUNCTIONS else None
