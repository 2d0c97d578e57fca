r"""Tolerant reading of unified diffs: writes in the strict form what a model wrote in another one, where the
file proves that it is the same diff.

| name | what is read | what proves it |
|---|---|---|
| `file_headers` | `diff --git`, `index` and mode lines above the first hunk | the diff is of one file |
| `blank_lines` | blank lines between hunks | the hunks' counts |
| `context_space` | a kept line without the space before it | the hunk's counts, and the file's line |
| `invisible` | a kept or removed text that is the file's but for invisible characters | the visible ones |
| `recount` | a hunk whose header has other counts, or another line of the repaired file (`git apply --recount`) | its kept and removed lines are the file's from the line on that it names, and not all blank |

The counts say nothing that the lines do not, and models often count wrong.
"""  # noqa: E501

import re
from collections.abc import Sequence

from repair.line_diff import unified
from repair.line_diff.errors import LineDiffError
from repair.line_diff.tolerant import ReadDiff, visible
from repair.text.lines import lines_of, split_mark

_HUNK = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")
_GIT_HEADERS = ("diff --git ", "index ", "old mode ", "new mode ")
_HEADERS = (*_GIT_HEADERS, "--- ", "+++ ")


def canonical(lines: Sequence[str], original: str) -> ReadDiff:
    """The lines of a unified diff of `original` in the strict form; what can't be proved stays as it is."""
    read = _by_counts(lines, original)
    try:
        unified.apply(original, read.line_diff)
    except LineDiffError:
        return _recounted(lines, original) or read
    return read


def _by_counts(lines: Sequence[str], original: str) -> ReadDiff:
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


def _recounted(lines: Sequence[str], original: str) -> ReadDiff | None:
    """Each hunk up to the next header, with the counts of its lines; None: the file does not prove them."""
    own = lines_of(split_mark(original)[1])
    headers = [(at, hunk) for at, line in enumerate(lines) if (hunk := _HUNK.match(line))]
    if not headers or any(line.strip() and not line.startswith(_HEADERS) for line in lines[: headers[0][0]]):
        return None
    tolerated: dict[str, None] = {"recount": None}
    written: list[str] = []
    shift = 0
    ends = [*(at for at, _ in headers[1:]), len(lines)]
    for (start, hunk), end in zip(headers, ends, strict=True):
        first = int(hunk[1]) - 1
        body: list[str] = []
        old = new = 0
        for each in _without_blank_end(lines[start + 1 : end]):
            at = first + old
            line, name = _line(each, own[at] if 0 <= at < len(own) else None)
            tolerated |= {name: None} if name else {}
            body.append(line)
            if line.startswith("\\"):
                continue
            if not line.startswith("+"):
                if not 0 <= at < len(own) or line[1:] != own[at] or line[:1] not in (" ", "-"):
                    return None
                old += 1
            new += not line.startswith("-")
        if not any(line.strip() for line in own[max(first, 0) : first + old]):
            return None
        written += [f"@@ -{first + 1},{old} +{first + shift + (new > 0)},{new} @@", *body]
        shift += new - old
    return ReadDiff("\n".join(written), tuple(tolerated))


def _without_blank_end(lines: Sequence[str]) -> Sequence[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


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
