"""The unit of curation: a task is one diagnostic in a file, and a file has many.

StarCoder compared whole files. Here that would leave one diagnostic of each file, so tasks are compared by
what is said and the lines around it; whole files only where a benchmark must not be seen in training.
"""

from collections.abc import Mapping
from typing import Any

from repair.text.files import text_of
from repair.text.lines import lines_of

AROUND = 8
"""Lines on each side of a diagnostic that belong to its task."""


def task_text(row: Mapping[str, Any], *more: str) -> str:
    """The task of a row with `path`, `files` and `diagnostic`: what is said, `more`, and the lines around."""
    diagnostic = row["diagnostic"]
    lines, line = lines_of(text_of(row)), diagnostic["start_line"]
    around = lines[max(0, line - AROUND) : line + AROUND + 1]
    return "\n".join([diagnostic["code"], diagnostic["message"], *more, *around])
