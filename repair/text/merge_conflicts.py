"""Merge conflict markers: an unresolved conflict, as git, Mercurial and Subversion leave it in a text.

```
<<<<<<< HEAD
total = 0
=======
total = 1
>>>>>>> feature
```

Which side is meant, nobody knows but its author.
"""

import re
from bisect import bisect

from repair.text.lines import lines_of, split_mark
from repair.text.python_syntax import tree_of
from repair.text.quoted import closed_strings

_MARKER = re.compile(r"^(?:<{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)
_ORDER = "<=>"


def merge_conflict(text: str) -> tuple[int, int] | None:
    """The first and last line (from 1 on) of the first conflict in Python code; None: it has none.

    A text that parses has none, and what stands in its strings is none.
    """
    if "<<<<<<<" not in text or tree_of(text) is not None:
        return None
    _, text = split_mark(text)
    strings = list(closed_strings(text))
    found: list[int] = []
    for marker in _MARKER.finditer(text):
        at = marker.start()
        before = bisect(strings, (at, at))
        if before and at < strings[before - 1][1]:
            continue
        if text[at] == _ORDER[0]:
            found = []
        if text[at] == _ORDER[len(found)]:
            found.append(at)
        if len(found) == len(_ORDER):
            first, last = (len(lines_of(text[:one])) for one in (found[0], at))
            return first, last
    return None
