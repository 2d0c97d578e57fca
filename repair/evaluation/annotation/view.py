"""Side-by-side view of a repair: aligned rows of text segments, in which every character can be seen.

What a browser would hide, reorder or break a line at (bidirectional controls, zero-width and control
characters, lone surrogates) is named instead. Long lines are cut.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.annotation.samples import Sample
from repair.line_diff.numbered import hunks
from repair.messages import printable
from repair.text.lines import BYTE_ORDER_MARK, TERMINATOR, lines_of

MOST_SHOWN = 2000
"""Characters of a line."""
_BEFORE = 200  # characters of a cut line that are shown before the place that matters
_CONTEXT = 6  # lines around a change or the diagnostic that are not folded

_ENDINGS = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}

Segment = tuple[str, str]
"""A style (`mark`, `special`, both or none of them, `cut`) and a text."""
Columns = tuple[int, int]


def view(sample: Sample, repaired: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows of a sample, with `repaired` (all files) on the right."""
    diagnostic = sample.diagnostic
    paths = sorted(
        sample.files, key=lambda path: (path != sample.path, sample.files[path] == repaired[path], path)
    )
    changed = [path for path in paths if path == sample.path or sample.files[path] != repaired[path]]
    return {
        "sample_id": sample.sample_id,
        "title": printable(f"{diagnostic.code} in {sample.path}, line {diagnostic.start_line + 1}"),
        "line": diagnostic.start_line,
        "project": printable(sample.project_id),
        "severity": printable(diagnostic.severity),
        "message": [segments(line) for line in diagnostic.message_lines],
        "files": [
            {
                "path": printable(path),
                "rows": rows(sample.files[path], repaired[path], diagnostic if path == sample.path else None),
                "notes": _notes(sample.files[path]),
            }
            for path in changed
        ],
        "paths": paths,
    }


def rows(original: str, repaired: str, diagnostic: Diagnostic | None) -> list[dict[str, Any]]:
    """Aligned rows: of a kept line `right` is None; `near`: not to be folded."""
    old = lines_of(original)
    found: list[dict[str, Any]] = []

    def row(number: int | None, new_number: int | None, added: str | None, *, kept: bool = False) -> None:
        removed = None if number is None else old[number - 1]
        mark = None if number is None or removed is None else marked(diagnostic, number - 1, removed)
        at = 0 if kept else _first_difference(removed or "", added or "")
        found.append(
            {
                "old": number,
                "new": new_number,
                "left": None if removed is None else segments(removed, mark, at),
                "right": None if added is None else segments(added, None, at),
                "kept": kept,
                "mark": mark is not None,
            }
        )

    done, shift = 0, 0  # lines of the original so far, and how many more the repaired text has
    for hunk in hunks(original, repaired):
        for number in range(done + 1, hunk.start):
            row(number, number + shift, None, kept=True)
        for offset, (removed, added) in enumerate(zip_longest(hunk.removed, hunk.added)):
            number = None if removed is None else hunk.start + offset
            row(number, None if added is None else hunk.new_start + offset, added)
        done = hunk.start - 1 + len(hunk.removed)
        shift += len(hunk.added) - len(hunk.removed)
    for number in range(done + 1, len(old) + 1):
        row(number, number + shift, None, kept=True)
    _set_near(found)
    return found


def _set_near(found: Sequence[dict[str, Any]]) -> None:
    near: set[int] = set()
    for index, row in enumerate(found):
        if row["mark"] or not row["kept"]:
            near.update(range(index - _CONTEXT, index + _CONTEXT + 1))
    for index, row in enumerate(found):
        row["near"] = index in near


def marked(diagnostic: Diagnostic | None, line: int, text: str) -> Columns | None:
    """The columns of a 0-based line that a diagnostic's range covers; an empty range has one column."""
    if diagnostic is None or not diagnostic.start_line <= line <= diagnostic.end_line:
        return None
    start = diagnostic.start_column if line == diagnostic.start_line else 0
    end = diagnostic.end_column if line == diagnostic.end_line else len(text)
    start = min(max(start, 0), len(text))
    return start, max(end, start + 1)


def segments(text: str, mark: Columns | None = None, at: int = 0) -> list[Segment]:
    """The segments of a line; of a long one those around the mark, or else around the column `at`."""
    start, end = mark or (0, 0)
    first = 0
    if len(text) > MOST_SHOWN:
        first = min(max((start if mark else at) - _BEFORE, 0), len(text) - MOST_SHOWN)
    last = min(len(text), first + MOST_SHOWN)
    found: list[Segment] = [("cut", f"{first:,} characters")] if first else []
    for begin, stop, style in ((first, start, ""), (start, end, "mark"), (end, last, "")):
        found += _visible(text[max(begin, first) : min(stop, last)], style)
    if mark and start >= len(text):
        found.append(("mark", " "))  # behind the last character
    if last < len(text):
        found.append(("cut", f"{len(text) - last:,} characters"))
    return found


def _visible(text: str, style: str) -> list[Segment]:
    if text.isprintable():
        return [(style, text)] if text else []
    found: list[Segment] = []
    plain = ""
    for character in text:
        if character.isprintable() or character == "\t":
            plain += character
            continue
        found += [(style, plain), (f"{style} special".strip(), f"U+{ord(character):04X}")]
        plain = ""
    return [segment for segment in [*found, (style, plain)] if segment[1]]


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _notes(text: str) -> list[str]:
    """What of a file no line shows."""
    endings = sorted({_ENDINGS[found] for found in TERMINATOR.findall(text)}) if "\r" in text else []
    notes = [f"line endings: {', '.join(endings)}"] if endings else []
    notes += ["begins with a byte order mark"] if text.startswith(BYTE_ORDER_MARK) else []
    notes += ["no newline at the end"] if text and not text.endswith(("\n", "\r")) else []
    if not text.isascii() and any(unicodedata.bidirectional(character) in ("R", "AL") for character in text):
        notes.append("has text that is written from right to left")
    return notes
