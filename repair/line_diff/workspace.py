"""Numbered line diffs of several files: of the diagnostic's file and, where needed, of others.

```
-3 total(prices, tax)
+3 total(prices)
#shop/cart.py
-1 def total(prices, tax):
+1 def total(prices):
```

The signed lines before any header are about the diagnostic's file, so that a diff of it alone is a plain
`repair.line_diff.numbered`. A header is `#` and the path of another file, as in the code section of a prompt;
the signed lines after it are about that file. A signed line begins with its sign, so it can't be read as a
header. The files may come in any order; `diff` sorts them by path.

A diff changes existing files. It can't create, remove or rename one: `unknown_file`.
"""

from collections.abc import Mapping

from repair.line_diff.numbered import (
    LineDiff,
    LineDiffError,
    MalformedDiffError,
    apply_parsed,
    lines_of_diff,
    parse_lines,
    quoted,
)
from repair.line_diff.numbered import diff as diff_of_texts
from repair.line_diff.tidy import HEADER
from repair.text.paths import path_fault


class UnknownDiffFileError(LineDiffError):
    """A header names a file that is not in the workspace, or an invalid path."""

    reason = "unknown_file"


def diff(workspace: Mapping[str, str], changed: Mapping[str, str], path: str) -> str:
    """The diff that makes `changed` of `workspace` (both path -> text), in the fewest signed lines.

    Files of which no line changes are left out; `path` is the diagnostic's.

    Raises:
        ValueError: the two don't have the same files.
    """
    if workspace.keys() != changed.keys():
        names = sorted(workspace.keys() ^ changed.keys())
        raise ValueError(f"a diff creates and removes no file, and only one side has {', '.join(names)}")
    different = sorted(path for path, text in workspace.items() if changed[path] != text)
    parts = {path: diff_of_texts(workspace[path], changed[path]) for path in different}
    own = parts.pop(path, "")
    others = (f"{HEADER}{path}\n{part}" for path, part in parts.items() if part)
    return "\n".join([own, *others] if own else others)


def parse(workspace_diff: str, path: str = "") -> dict[str, LineDiff]:
    """The diff of each file that has signed lines, by its path, in the order of the text.

    The lines before any header are under `path`, the diagnostic's file (by default under the empty path,
    which no file has).

    Raises:
        MalformedDiffError: a line is neither a signed line nor a header, or a header is that of `path`,
            comes twice or has no signed line after it. `NotRisingError`, as in `repair.line_diff.numbered`.
        UnknownFileError: a header's path is not a plain relative path.
        WrongLineError: a number has so many digits that no file has the line.
    """
    signed = lines_of_diff(workspace_diff)
    headers = [index for index, line in enumerate(signed) if line.startswith(HEADER)]
    bounds = [*headers, len(signed)]
    found: dict[str, LineDiff] = {}
    if bounds[0]:
        found[path] = parse_lines(signed[: bounds[0]])
    for start, end in zip(headers, bounds[1:], strict=True):
        name = signed[start].removeprefix(HEADER)
        where = f"line {start + 1} of the diff, {quoted(signed[start])}"
        if (fault := path_fault(name)) is not None:
            raise UnknownDiffFileError(f"{where}, names no file: {fault}")
        if name == path:
            raise MalformedDiffError(
                f"{where}: the lines of the diagnostic's own file come first, without it"
            )
        if name in found:
            raise MalformedDiffError(
                f"{where}: expected one header for each file, and this one is a duplicate"
            )
        if end == start + 1:
            raise MalformedDiffError(f"{where}: expected a signed line after it")
        found[name] = parse_lines(signed[start + 1 : end], start + 2)
    return found


def apply(workspace: Mapping[str, str], workspace_diff: str, path: str) -> dict[str, str]:
    """The workspace after the diff; `path` is the diagnostic's file, which the workspace has.

    Raises:
        LineDiffError: any subclass but `NoDiffError`; the message begins with the file that it is about.
    """
    result = dict(workspace)
    for name, change in parse(workspace_diff, path).items():
        if name not in workspace:
            raise UnknownDiffFileError(f"{name} is not among the {len(workspace)} files of the workspace")
        try:
            result[name] = apply_parsed(workspace[name], change)
        except LineDiffError as error:
            raise type(error)(f"{name}: {error}") from None
    return result
