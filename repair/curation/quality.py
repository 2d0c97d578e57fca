"""Quality filter: rejects files that are too large, minified, generated, in conflict, prose, or not Python.

Files with syntax errors are part of the data: a text is judged by its lines, not by whether it parses.
"""

import ast
import re

from repair.curation.generated import is_generated
from repair.curation.languages import is_json, other_language
from repair.text.lines import lines_of, split_mark
from repair.text.merge_conflicts import merge_conflict
from repair.text.python_syntax import tree_of
from repair.text.quoted import without_strings

TOO_LARGE = 200_000
"""Code points. A prompt has a fraction of it."""

TOO_LONG_LINE = 1_000
"""Code points. A longer line is data or minified."""

MEAN_LINE = 120
"""Code points of a mean line, without blank ones; hand-written Python has 30 to 40."""

# Only a line of code contains: an assignment, an operator, a call, a subscript, an attribute, the
# head of a statement, a line of brackets, a decorator.
_CODE = re.compile(
    r"""
    \w\s*(?:[-+*/%|&^@]|//|\*\*|<<|>>)?=(?!=)\s*\S    # x = 1, x += 1
    | ==|!=|<=|>=|->|:=|\*\*|//
    | \w\(                                             # call(
    | \w\[                                             # items[
    | \w\.[a-z_]\w*                                    # a.b
    | ^\s*@\w                                          # a decorator
    | ^\s*(?:import|from)\s+[\w.]+\s*(?:$|,|import\b|as\b|\#)
    | ^\s*(?:def|class)\s+\w+
    | ^\s*(?:else|try|finally|pass|break|continue|return)\s*+(?::\s*+)?(?:\#.*)?$
    | ^\s*(?:if|elif|while|for|with|except|match|case)\b.*:\s*(?:\#.*)?$
    | ^\s*while\s+True
    | ^\s*(?:return|yield|raise|del|global|nonlocal|assert|await)\s+\w+\s*$
    | ^\s*[\[\](){},:]+\s*$
    | ^\s*(?:print|exec)\s+["'\w]                       # the statements of Python 2
    """,
    re.VERBOSE,
)
_WORDS = re.compile(r"[^\W\d_]{2,}")


REASONS = {
    "too_large": f"the file has more than {TOO_LARGE} code points",
    "too_long_line": f"a line beyond {TOO_LONG_LINE} code points, or a mean line beyond {MEAN_LINE}:"
    " data, or minified",
    "generated": "the first lines of the file say that a program wrote it",
    "other_language": "the file is in another language, which the detail names: HTML, C, a patch, ...",
    "merge_conflict": "the file has an unresolved merge conflict: which side is meant only its author knows",
    "prose": "the file is mostly prose, with hardly any code",
}


def low_quality(text: str) -> str | None:
    """The reject reason of a Python file, one of `REASONS`, or None."""
    if len(text) > TOO_LARGE:
        return "too_large"
    lines = [line for line in lines_of(text) if line.strip()]
    if lines and (
        max(map(len, lines)) > TOO_LONG_LINE or sum(map(len, lines)) > MEAN_LINE * max(len(lines), 5)
    ):
        return "too_long_line"
    if is_generated(text):
        return "generated"
    if language_of(text) is not None:
        return "other_language"
    if merge_conflict(text) is not None:
        return "merge_conflict"
    return "prose" if _is_prose(text) else None


def language_of(text: str) -> str | None:
    """The name of another language than Python, in which a text of moderate size is written; or None."""
    _, text = split_mark(text)
    if is_json(text):
        return "JSON"
    return other_language(text) if tree_of(text) is None else None


def _is_prose(text: str) -> bool:
    if (tree := tree_of(text)) is None:
        return _looks_like_prose(text)
    # `Hello, world` parses as a pair of names, and a file of one docstring as an expression. A file of
    # nothing but names is no prose: somebody has begun to type.
    values = [statement.value for statement in tree.body if isinstance(statement, ast.Expr)]
    return (
        len(values) == len(tree.body)
        and all(map(_is_words, values))
        and not all(isinstance(value, ast.Name) for value in values)
    )


def _is_words(value: ast.expr) -> bool:
    if isinstance(value, ast.Tuple):
        return all(map(_is_words, value.elts))
    return isinstance(value, ast.Name) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


def _looks_like_prose(text: str) -> bool:
    code = prose = 0
    for line in without_strings(text).splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if _CODE.search(line):
            code += 1
        elif len(_WORDS.findall(stripped)) >= 2:
            prose += 1
    # A few sentences pasted into a program are an error to repair; a little code in a page of text is not.
    return prose > 0 and code * 4 < prose
