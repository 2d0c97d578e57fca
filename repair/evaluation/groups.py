"""Groups of benchmark samples by size and kind, with fixed edges, for scores that are shown side by side."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from repair.diagnostics.codes import SYNTAX, server_and_rule, type_of_code
from repair.evaluation.edit_metrics import changed_lines
from repair.text.files import files_of
from repair.text.lines import lines_of

EDIT_EDGES = (1, 2, 5, 10)
"""Most changed lines of each bucket of edits; the last bucket has no upper edge."""

FILE_EDGES = (20, 50, 100, 200, 500)
"""Most lines of each bucket of files; the last bucket has no upper edge."""

CATEGORIES = (SYNTAX, "names", "types", "lint")
"""`names`: names, attributes and imports that are not found or not bound; `types`: other rules of pyright;
`lint`: other rules of ruff."""

_NAMES = frozenset({"F811", "F821", "F822", "F823", "F401", "F403", "F405"}) | {
    *("reportUndefinedVariable", "reportUnboundVariable", "reportPossiblyUnbound", "reportRedeclaration"),
    *("reportPossiblyUnboundVariable", "reportMissingImports", "reportMissingModuleSource"),
    *("reportAttributeAccessIssue", "reportUnsupportedDunderAll"),
}


def bucket(size: int, edges: tuple[int, ...]) -> str:
    """The bucket of a size of at least 0: `2`, `3-5`, or `11+` above the last edge."""
    if size == 0:
        return "0"
    index = bisect_left(edges, size)
    low = edges[index - 1] + 1 if index else 1
    if index == len(edges):
        return f"{low}+"
    return str(low) if low == edges[index] else f"{low}-{edges[index]}"


def buckets(edges: tuple[int, ...]) -> list[str]:
    """All buckets, from the smallest sizes up; a size of 0 has a bucket of its own that is not among them."""
    return [bucket(size, edges) for size in (*edges, edges[-1] + 1)]


def category(code: str) -> str:
    """The category of a diagnostic's code, one of `CATEGORIES`."""
    kind = type_of_code(code)
    if kind == SYNTAX:
        return SYNTAX
    if kind in _NAMES:
        return "names"
    return "types" if server_and_rule(code)[0] == "pyright" else "lint"


def reference_edit_lines(sample: Mapping[str, Any]) -> int:
    """Changed lines of a sample's reference over all files; a replaced line counts once."""
    files = files_of(sample)
    target = {**files, **files_of(sample, "target_files"), sample["path"]: sample["target"]}
    return changed_lines(files, target)


def file_lines(sample: Mapping[str, Any]) -> int:
    """Lines of the file that the diagnostic is in."""
    return len(lines_of(files_of(sample)[sample["path"]]))


def edit_bucket(sample: Mapping[str, Any]) -> str:
    """The bucket of a sample by the changed lines of its reference."""
    return bucket(reference_edit_lines(sample), EDIT_EDGES)


def file_bucket(sample: Mapping[str, Any]) -> str:
    """The bucket of a sample by the lines of the diagnostic's file."""
    return bucket(file_lines(sample), FILE_EDGES)
