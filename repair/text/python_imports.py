"""Which Python files of a workspace an edit of another one may reach, by the names that they import.

What a checker says of a file depends on its own text and on the files that it imports, directly or not. So
an edit changes nothing in a file that does not import the edited one by any way. The names in import
statements decide: a file that takes the last part of a module's name, from wherever, counts as one that
imports it. That finds too many at times and never too few, since a module can't be imported without it.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

_SUFFIXES = (".py", ".pyi")
# A line that is a comment; else `import` or `from`, wherever it stands, to the end of the line or of the
# bracket that it opens. A backslash goes on.
_IMPORT = re.compile(
    r"^[ \t]*#[^\n\r]*|\b(?:from|import)\b(?:\\\r?\n|[^\n\r(])*(?:\([^)]*\)?)?", re.MULTILINE
)
_NAME = re.compile(r"\w+")
_RELATIVE = re.compile(r"\bfrom\s*\.")
# Its names are seen in every file without an import.
_BUILTINS = "__builtins__"


def module_name(path: str) -> str | None:
    """The last part of the name under which a Python file is imported; None: it is none."""
    pure = PurePosixPath(path)
    if pure.suffix not in _SUFFIXES:
        return None
    return pure.parent.name.removesuffix("-stubs") or None if pure.stem == "__init__" else pure.stem


@lru_cache(maxsize=16_384)
def imported_names(text: str) -> frozenset[str]:
    """Every name in the text's import statements, of modules and of what is taken from them."""
    statements = (found for found in _IMPORT.findall(text) if not found.lstrip().startswith("#"))
    return frozenset(name for statement in statements for name in _NAME.findall(statement))


def reached(files: Mapping[str, str], paths: Collection[str]) -> frozenset[str]:
    """`paths`, and the Python files of a workspace (path -> text) that import one of them by any way."""
    if any(module_name(path) == _BUILTINS for path in paths):
        return frozenset(path for path in files if path.endswith(_SUFFIXES)) | frozenset(paths)
    importers: defaultdict[str, list[str]] = defaultdict(list)
    for path, text in files.items():
        if path.endswith(_SUFFIXES):
            for name in imported_names(text):
                importers[name].append(path)
    found = set(paths)
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        for importer in _importers(path, importers, files):
            if importer not in found:
                found.add(importer)
                waiting.append(importer)
    return frozenset(found)


def _importers(path: str, importers: Mapping[str, list[str]], files: Mapping[str, str]) -> Iterable[str]:
    yield from importers.get(module_name(path) or "", ())
    pure = PurePosixPath(path)
    if pure.stem == "__init__":
        # `from . import x` takes it from the package without naming it.
        folder = "" if str(pure.parent) == "." else f"{pure.parent}/"
        for other, text in files.items():
            if other.endswith(_SUFFIXES) and other.startswith(folder) and _is_relative(text):
                yield other


@lru_cache(maxsize=16_384)
def _is_relative(text: str) -> bool:
    return _RELATIVE.search(text) is not None
