"""Import graph of a workspace by names: which Python files an edit of another file may affect.

The diagnostics of a file depend on its own text and on the files that it imports, directly or not. So an edit
does not affect a file that does not import the edited one by any path. The graph is built from the names in
import statements: a file that imports the last part of a module's name, from any package, counts as one that
imports it. That may find too many files and never too few, since a module can't be imported without its name.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from repair.text.paths import PYTHON_SUFFIXES, is_python

# A line that is a comment; else `import` or `from`, at any position, to the end of the line or of the bracket
# that it opens. A backslash continues the line.
_IMPORT = re.compile(
    r"^[ \t]*#[^\n\r]*|\b(?:from|import)\b(?:\\\r?\n|[^\n\r(])*(?:\([^)]*\)?)?", re.MULTILINE
)
_NAME = re.compile(r"\w+")
_RELATIVE = re.compile(r"\bfrom\s*\.")
# Its names are visible in every file without an import.
_BUILTINS = "__builtins__"


def module_name(path: str) -> str | None:
    """The last part of the name under which a Python file is imported; None: not a Python file."""
    pure = PurePosixPath(path)
    if pure.suffix not in PYTHON_SUFFIXES:
        return None
    return pure.parent.name.removesuffix("-stubs") or None if pure.stem == "__init__" else pure.stem


@lru_cache(maxsize=16_384)
def imported_names(text: str) -> frozenset[str]:
    """Every name in the text's import statements: modules, and the names imported from them."""
    statements = (found for found in _IMPORT.findall(text) if not found.lstrip().startswith("#"))
    return frozenset(name for statement in statements for name in _NAME.findall(statement))


def reached(files: Mapping[str, str], paths: Collection[str]) -> frozenset[str]:
    """`paths`, and the Python files of a workspace that import one of them, directly or not."""
    if any(module_name(path) == _BUILTINS for path in paths):
        return frozenset(path for path in files if is_python(path)) | frozenset(paths)
    importers: defaultdict[str, list[str]] = defaultdict(list)
    for path, text in files.items():
        if is_python(path):
            for name in imported_names(text):
                importers[name].append(path)
            if _is_relative(text):
                for folder in PurePosixPath(path).parents:
                    importers[f"{folder}/"].append(path)
    found = set(paths)
    pending = list(paths)
    while pending:
        for key in _imported_as(pending.pop()):
            for importer in importers.pop(key, ()):  # once for all files of that name
                if importer not in found:
                    found.add(importer)
                    pending.append(importer)
    return frozenset(found)


def _imported_as(path: str) -> Iterator[str]:
    """The keys of a file's importers: its name; the folder of a package, for `from . import x` in it."""
    yield module_name(path) or ""
    pure = PurePosixPath(path)
    if pure.stem == "__init__":
        yield f"{pure.parent}/"


@lru_cache(maxsize=16_384)
def _is_relative(text: str) -> bool:
    return _RELATIVE.search(text) is not None
