"""Rules for what was a list in Python 2: `d.keys()[0]` as `list(d.keys())[0]`.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import re
from collections.abc import Iterator

from repair.diagnostics.diagnostic import Diagnostic
from repair.synthesis.rules.rows import open_brackets, with_row, without_comment

_TYPE = r'"(?:dict_(?:keys|values|items)|map|filter|zip|range)\b'
_NOT_INDEXED = re.compile(rf'"__(?:get|set|del)item__" method not defined on type {_TYPE}')
_NOT_IN_CLASS = re.compile(
    rf'Cannot access attribute "(?:append|extend|insert|pop|remove|reverse|sort)" for class {_TYPE}'
)
_MADE = r"\s*{}\s*=\s*(?=(?:map|filter|zip|range)\(|.*\.(?:keys|values|items)\(\)$)"


def as_list(rows: list[str], diagnostic: Diagnostic) -> Iterator[list[str]]:
    """The file's lines with a list of the value that the diagnostic is about, where it is read or made."""
    line, row = diagnostic.start_line, rows[diagnostic.start_line]
    if _NOT_INDEXED.match(diagnostic.message) and diagnostic.end_line == line:
        start, end = diagnostic.start_column, diagnostic.end_column
    elif _NOT_IN_CLASS.match(diagnostic.message):
        end = diagnostic.start_column - 1
        owner = re.search(r"[\w.]+$", row[:end])
        start = owner.start() if owner else end
    else:
        return
    value = row[start:end]
    if value.endswith(")"):
        yield with_row(rows, line, f"{row[:start]}list({value}){row[end:]}")
    elif re.fullmatch(r"[\w.]+", value):
        yield from _made_a_list(rows, line, value)


def _made_a_list(rows: list[str], line: int, name: str) -> Iterator[list[str]]:
    """With a list in the last assignment to a name above the 0-based `line`."""
    made = re.compile(_MADE.format(re.escape(name)))
    for number in range(line - 1, -1, -1):
        code, comment = without_comment(rows[number])
        if (found := made.match(code)) and not open_brackets(code):
            yield with_row(rows, number, f"{found[0]}list({code[found.end() :]}){comment}")
            return
