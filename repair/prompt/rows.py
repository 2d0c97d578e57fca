"""Renders the prompt of a stored row.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Mapping
from typing import Any

from repair.prompt.sentinels import Example, render_prompt
from repair.text.files import text_of


def prompt_of(row: Mapping[str, Any]) -> str:
    """The model's input for a row that has `path`, `files` and `diagnostic`."""
    diagnostic = row["diagnostic"]
    return render_prompt(
        Example(
            path=row["path"],
            text=text_of(row),
            message=diagnostic["message"],
            error_line=diagnostic["start_line"],
            line_diff=None,
        )
    )
