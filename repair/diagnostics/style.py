"""Stylistic rules: the codes that are filtered out, each with the reason.

Tested by `tests/repair/diagnostics/test_codes.py`.
"""

import re
from collections.abc import Mapping

from repair.diagnostics.codes import server_and_rule

STYLISTIC: Mapping[str, str] = {
    # whole families, by their letters
    "I": "the order of imports",
    "D": "the wording and layout of docstrings",
    "DOC": "which sections a docstring has",
    "Q": "the choice of quotes",
    "COM": "trailing commas",
    "ISC": "how a long string is broken up",
    "N": "the spelling of names",
    "UP": "an older spelling of what works the same",
    "ANN": "annotations that nothing needs to run",
    "ERA": "code left behind in a comment",
    "FIX": "a note to do something later",
    "TD": "the form of such a note",
    "CPY": "a notice at the top of the file",
    "EM": "where an exception's message is put together",
    "FLY": "a string spelled as a join",
    "TC": "imports that only annotations need",
    "TCH": "imports that only annotations need, under its older name",
    "SIM": "a shorter spelling of what works the same",
    "RET": "the layout of return statements",
    "C4": "another spelling of a comprehension",
    "C90": "a count of branches",
    "PT": "the house style of tests",
    "PTH": "a preferred library for paths",
    "FURB": "another spelling of what works the same",
    "ICN": "the usual alias of an import",
    "TID": "relative or absolute imports",
    "PYI": "the house style of stub files",
    "FBT": "a taste in parameters",
    "T20": "a print that may be meant",
    "INP": "a file that makes no package",
    # single rules and groups of pycodestyle, whose other rules are about more than style
    "E1": "indentation that Python accepts",
    "E2": "spaces within a line",
    "E3": "blank lines",
    "E4": "the position of imports, and their number on a line",
    "E5": "the length of a line",
    "E70": "several statements on a line",
    "E731": "a lambda that could be a function",
    "E74": "names that look like a digit",
    "W1": "tabs",
    "W2": "spaces at a line's end",
    "W3": "blank lines at the end",
    "W5": "the length of a docstring's line",
    # pylint's counts
    "PLR09": "a count of branches, arguments, statements or returns",
    "PLR2004": "a number without a name",
    # pyright's rules that ask for another spelling
    "reportImplicitStringConcatenation": "how a long string is broken up",
    "reportMissingParameterType": "annotations that nothing needs to run",
    "reportTypeCommentUsage": "an older spelling of an annotation",
}
"""Prefixes of the stylistic rules, each with its subject.

E501 and I001 are named by the publication that this system follows; the rest is this project's choice: a
rule is stylistic if breaking it does not change what a program does.
"""


# Not stylistic, though their family is: a method without `self` or `cls` does not work.
_NOT_STYLISTIC = frozenset({"N804", "N805"})


_LETTERS_AND_DIGITS = re.compile(r"([A-Za-z]+)(\d*)")


def is_stylistic(code: str) -> bool:
    """Whether `code` is about how a program is written, not about what it does."""
    _, rule = server_and_rule(code)
    found = _LETTERS_AND_DIGITS.fullmatch(rule)
    if not found or rule in _NOT_STYLISTIC:
        return False
    letters, digits = found.groups()
    return any(letters + digits[:count] in STYLISTIC for count in range(len(digits) + 1))
