r"""Tolerant reading of unified diffs: writes in the strict form what a model wrote in another one, where the
file proves that it is the same diff.

| name | what is read | what proves it |
|---|---|---|
| `file_headers` | `diff --git`, `index` and mode lines above the first hunk | the diff is of one file |
| `blank_lines` | blank lines between hunks | the hunks' counts |
| `context_space` | a kept line without the space before it | the hunk's counts, and the file's line |
| `invisible` | a kept or removed text that is the file's but for invisible characters | the visible ones |
"""

import re
from collections.abc import Sequence

from repair.line_diff.tolerant import ReadDiff, visible
from repair.text.lines import lines_of, split_mark

_HUNK = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")
_GIT_HEADERS = ("diff --git ", "index ", "old mode ", "new mode ")


def canonical(lines: Sequence[str], original: str) -> ReadDiff:
    """The lines of a unified diff of `original` in the strict form; what can't be proved stays as it is."""
    own = lines_of(split_mark(original)[1])
    tolerated: dict[str, None] = {}
    written: list[str] = []
    at = 0
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith(_GIT_HEADERS)):
        tolerated["file_headers" if lines[at].strip() else "blank_lines"] = None
        at += 1
    while at < len(lines):
        if not lines[at].strip():
            tolerated["blank_lines"] = None
            at += 1
            continue
        written.append(lines[at])
        hunk = _HUNK.match(lines[at])
        at += 1
        if hunk is None:
            continue
        old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
        number = int(hunk[1]) - (old_left > 0)
        while at < len(lines) and (old_left > 0 or new_left > 0):
            line, name = _line(lines[at], own[number] if number < len(own) else None)
            if name:
                tolerated[name] = None
            written.append(line)
            at += 1
            if line.startswith("\\"):
                continue
            number += not line.startswith("+")
            old_left -= not line.startswith("+")
            new_left -= not line.startswith("-")
    return ReadDiff("\n".join(written), tuple(tolerated))


def _line(line: str, own: str | None) -> tuple[str, str | None]:
    """A line of a hunk, where the next line of the file is `own`; and the tolerance that it took."""
    sign, text = line[:1], line[1:]
    if own is None or sign == "+" or (sign in ("-", " ") and text == own):
        return line, None
    if line == own and sign != "-":
        return f" {own}", "context_space"
    if sign in ("-", " ") and visible(text) == visible(own):
        return sign + own, "invisible"
    return line, None
