"""Renders the prompt of a stored row, in any answer format and variant.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Mapping
from typing import Any

from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.prompt.sentinels import Example
from repair.prompt.variants import SENTINELS, asked_in, example_in
from repair.text.files import text_of


def prompt_of(row: Mapping[str, Any], answers: str = LINE_DIFF, variant: str = SENTINELS) -> str:
    """The model's input for a row that has `path`, `files` and `diagnostic`, up to the line that opens the
    diff; `answers`: the format that is asked for; `variant`: of `repair.prompt.variants`."""
    diagnostic = row["diagnostic"]
    example = Example(row["path"], text_of(row), diagnostic["message"], diagnostic["start_line"])
    return asked_in(answer_format(answers).question(example_in(example, variant)), variant)
