"""Groups of benchmark samples by the category of the diagnostic and the size of the reference edit."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from repair.diagnostics.codes import SYNTAX, server_and_rule, type_of_code
from repair.line_diff.numbered import hunks
from repair.text.files import files_of

EDIT_EDGES = (1, 2, 5, 10)
"""Most changed lines of each bucket of edits; the last bucket has no upper edge."""

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


def category(code: str) -> str:
    """The category of a diagnostic's code, one of `CATEGORIES`."""
    kind = type_of_code(code)
    if kind == SYNTAX:
        return SYNTAX
    if kind in _NAMES:
        return "names"
    return "types" if server_and_rule(code)[0] == "pyright" else "lint"


def edit_bucket(sample: Mapping[str, Any]) -> str:
    """The bucket of a sample by the changed lines of its reference; a replaced line counts once."""
    files = files_of(sample)
    target = {**files, **files_of(sample, "target_files"), sample["path"]: sample["target"]}
    changed = [hunk for path, text in files.items() for hunk in hunks(text, target[path])]
    return bucket(sum(max(len(hunk.removed), len(hunk.added)) for hunk in changed), EDIT_EDGES)
