"""Renders the prompt of a stored row, in any answer format.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Mapping
from typing import Any

from repair.line_diff.numbered import OPENING
from repair.prompt.answer_formats import LINE_DIFF, answer_format, written
from repair.prompt.sentinels import Example
from repair.text.files import text_of


def prompt_of(row: Mapping[str, Any], answers: str = LINE_DIFF) -> str:
    """The model's input for a row that has `path`, `files` and `diagnostic`, up to the line that opens the
    diff; `answers`: the format that is asked for."""
    diagnostic = row["diagnostic"]
    example = Example(row["path"], text_of(row), diagnostic["message"], diagnostic["start_line"])
    return asked(answer_format(answers).question(example))


def asked(sections: Mapping[str, str]) -> str:
    """The prompt of a question's sections."""
    return f"{written(sections)}\n{OPENING}\n"
