"""Prompt variants of the ablation study: whole files, no line numbers, an instruction in natural language.

| name | what is shown of a long file | around the code and the message |
|---|---|---|
| `sentinels` | an excerpt (`repair.prompt.excerpt`) | sentinels: the format of every released model |
| `whole_file` | all of it | sentinels |
| `unnumbered` | an excerpt, without numbers | sentinels |
| `instruction` | an excerpt | a request in English |

They differ in the question alone: the answer is the diff between its sentinels, and its first line is given.
Without numbers a gap is `@@ line N @@`, and a line that reads as a sentinel or a gap is a JSON string, as in
the formats that show no numbers (`repair.prompt.answer_formats`). The diff has numbers all the same, and the
file ends as it does where lines are numbered: in an empty line, if in a newline.
"""

from collections.abc import Mapping
from dataclasses import replace

from repair.line_diff.numbered import CLOSING, OPENING
from repair.prompt.answer_formats import written
from repair.prompt.sentinels import Example, escaped, unnumbered_lines
from repair.text.lines import lines_of, split_mark

SENTINELS, WHOLE_FILE, UNNUMBERED, INSTRUCTION = "sentinels", "whole_file", "unnumbered", "instruction"

_INSTRUCTION = f"""\
Repair one error in a Python file. Its lines are numbered, and a gap in the numbers means lines that are not
shown:

{{code}}

A language server reports this error:

{{lsp_error}}

It begins in this line:

{{error_line}}

Answer with a numbered line diff between {OPENING} and {CLOSING}: a minus sign before the number and the text
of each line that is taken away, a plus sign before those of each line that is put in.

{OPENING}
"""


def example_in(example: Example, variant: str) -> Example:
    """The example, all of whose lines are shown if the variant says so."""
    if variant != WHOLE_FILE:
        return example
    return replace(example, shown=((1, len(lines_of(split_mark(example.text)[1]))),))


def asked_in(sections: Mapping[str, str], variant: str) -> str:
    """The prompt of a question's sections, up to the line that opens the diff."""
    if variant == INSTRUCTION:
        return _INSTRUCTION.format_map(sections)
    if variant == UNNUMBERED:
        sections = _without_numbers(sections)
    return f"{written(sections)}\n{OPENING}\n"


def _without_numbers(sections: Mapping[str, str]) -> dict[str, str]:
    path, *numbered = sections["code"].split("\n")
    parts = [line.partition(" ") for line in numbered]
    code = unnumbered_lines((int(digits), line) for digits, _, line in parts)
    error_line = escaped(sections["error_line"].partition(" ")[2])
    return {**sections, "code": "\n".join((path, *code)), "error_line": error_line}
