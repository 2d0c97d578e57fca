"""Changes of files as a unified diff with file headers (`git apply`), and as LSP text edits."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from repair.text import lcs
from repair.text.positions import LineOffsets

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_PATCH_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_NO_NEWLINE = "\n\\ No newline at end of file\n"


def unified_patch(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The unified diff of the files of `after`, exact to each terminator."""
    return "".join(_file_patch(path, before[path], text) for path, text in sorted(after.items()))


def _file_patch(path: str, before: str, after: str) -> str:
    name = path.lstrip("/")  # `git apply` and `patch -p1` take paths from where they run
    # a carriage return alone ends no line of a patch
    old, new = (_PATCH_LINE.findall(text) for text in (before, after))
    rows = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(row if row.endswith("\n") else row + _NO_NEWLINE for row in rows)


def text_edits(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """LSP's TextEdits with the path of each, by whole lines; positions are those of the text before."""
    return [edit for path, text in sorted(after.items()) for edit in _file_edits(path, before[path], text)]


def _file_edits(path: str, before: str, after: str) -> list[dict[str, Any]]:
    old, new = _LINE.findall(before), _LINE.findall(after)
    return [
        {
            "path": path,
            "range": {"start": _position(old, change.old_start), "end": _position(old, change.old_end)},
            "newText": "".join(new[change.new_start : change.new_end]),
        }
        for change in lcs.changes(old, new)
    ]


def _position(lines: list[str], index: int) -> dict[str, int]:
    """The beginning of a line; after the last one, the end of the text."""
    if index < len(lines) or not lines or lines[-1].endswith(("\r", "\n")):
        return {"line": index, "character": 0}
    return {"line": index - 1, "character": LineOffsets(lines[-1]).to_character(len(lines[-1]))}
