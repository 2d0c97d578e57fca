"""Text of a diagnostic for near-duplicate detection: code, message and the lines around it.

StarCoder compared whole files. Here that would leave one diagnostic of each file, so a task is one diagnostic
with its surrounding lines; whole files are compared only to decontaminate training data against benchmarks.

Tested by `tests/repair/dataset/test_mixture.py`.
"""

from collections.abc import Mapping
from typing import Any

from repair.text.files import text_of
from repair.text.lines import lines_of

AROUND = 8
"""Lines on each side of a diagnostic that belong to its task."""


def task_text(row: Mapping[str, Any], *more: str) -> str:
    """The text of a row with `path`, `files` and `diagnostic`: code, message, `more`, the lines around it."""
    diagnostic = row["diagnostic"]
    lines, line = lines_of(text_of(row)), diagnostic["start_line"]
    around = lines[max(0, line - AROUND) : line + AROUND + 1]
    return "\n".join([diagnostic["code"], diagnostic["message"], *more, *around])
