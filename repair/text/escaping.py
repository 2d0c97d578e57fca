"""Escaping of lines that would be read as something else: each is written as a JSON string.

A line that looks like one that was escaped is escaped, too, which makes the escaping unambiguous.

Tested by `tests/repair/prompt/test_sentinels.py` and `tests/repair/line_diff/test_search_replace.py`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineEscaping:
    """Escapes the lines of which `is_special` is true."""

    is_special: Callable[[str], bool]

    def escaped(self, line: str) -> str:
        """The line as it is written: a JSON string where it has to be."""
        return json.dumps(line, ensure_ascii=False) if self._must_be_escaped(line) else line

    def unescaped(self, line: str) -> str:
        """The line of which `escaped` made this one."""
        inner = _json_string(line)
        return line if inner is None or not self._must_be_escaped(inner) else inner

    def _must_be_escaped(self, line: str) -> bool:
        if self.is_special(line):
            return True
        inner = _json_string(line)
        return inner is not None and self._must_be_escaped(inner)  # each level doubles the line: they are few


def _json_string(line: str) -> str | None:
    """The content of the JSON string `line`, if `escaped` could have written it."""
    if len(line) < 2 or not line.startswith('"') or not line.endswith('"'):
        return None
    try:
        inner = json.loads(line)
    except ValueError:
        return None
    return inner if json.dumps(inner, ensure_ascii=False) == line else None
