"""Rules for the syntax of Python 2 and of other languages, and for text that was pasted among code.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import keyword
import re
from collections.abc import Iterator

from repair.synthesis.rules.rows import (
    LINES_BELOW,
    blanks,
    indentation,
    masked,
    open_brackets,
    patterns,
    spliced,
    with_row,
    without_comment,
)
from repair.text.quoted import closed_strings

_OPERATORS = patterns(
    (
        (r"\s*&&\s*", " and "),
        (r"\s*\|\|\s*", " or "),
        (r"!(?!=)\s*", "not "),
        (r"<>|!==", "!="),
        (r"===", "=="),
        (r"=>", ">="),
        (r"=<(?!<)", "<="),
        (r"\b([A-Z]\w*|list|dict|set|tuple)<([\w\s,.\[\]]+)>", "{0}[{1}]"),
    )
)

_CONDITION, _VALUE = (rf"[^\s{end}]++(?:\s++[^\s{end}]++)*+" for end in "?:")
_DECLARING = "let|var|const|int|float|double|bool|boolean|string|String|char|auto|my"

# what is found in a row's code, without its strings and its comment, and what stands for it in Python 3
_HABITS = patterns(
    (
        (r"\bexcept\s++(\S.*?)(?<!\s)\s*+,\s*+(\w++)\s*+:", "except {0} as {1}:"),
        (r"\braise\s++([\w.]++)\s*+,\s*+([^,]++),\s*+([^,]++)$", "raise {0}({1}).with_traceback({2})"),
        (r"\braise\s+([\w.]+)\s*,\s*(.+)$", "raise {0}({1})"),
        (r"\bexec\s++(\S.*?)(?<!\s)\s++in\s++(.+)$", "exec({0}, {1})"),
        (r"\bexec\s+(.+)$", "exec({0})"),
        (r"`([^`]+)`", "repr({0})"),
        (r"(?<![\w.])0([0-7]+)(?![\w.])", "0o{0}"),
        (r"(?<![\w.])(\d+)[lL]\b", "{0}"),
        (r"\b(?:else\s+if|elseif|elsif|elif\s+if)\b", "elif"),
        (r"\belse\s+(.+):$", "elif {0}:"),
        (r"(?<![\w.\[\]])([\w.\[\]]++)\s*+(?:(\+)\+|(-)-)$", "{0} {1}{2}= 1"),
        (r"^(\s*)(?:function|func|fun|fn|define|void)\s+(?=\w+\s*\()", "{0}def "),
        (r"^(\s*)def\s+(\w+)\s*:$", "{0}def {1}():"),
        (r"^(\s*)def\s+(\w+)\s+([\w\s,=]+):$", "{0}def {1}({2}):"),
        (r"\bnew\s+(?=[A-Za-z_][\w.]*\s*\()", ""),
        (r"^(\s*)catch\b", "{0}except"),
        (r"^(\s*)throw\s+(?:new\s+)?", "{0}raise "),
        (rf"^(\s*)(?:{_DECLARING})\s+(?=\w+\s*=)", "{0}"),
        (
            rf"(=\s*+|\breturn\s++)({_CONDITION})\s*+\?\s*+({_VALUE})\s*+:\s*+([^:]++)$",
            "{0}{2} if {1} else {3}",
        ),
        (r"\bfor\s+(\w+)\s+(?!in\b)(?=\w)", "for {0} in "),
    )
)
_STATEMENT = re.compile(r"((?:^|[:;])\s*+print)\s++(?![=.,)\];])")
_QUOTES = ('"""', "'''")
_BRACED = re.compile(r"(?<!\s)\s*+(?:\{|\bthen)$")
_SLASHES = re.compile(r"//\s?|/\*\s?")
_PROMPT = re.compile(r"^(\s*+)(?:>>>|\.\.\.|In ?\[\d+\]:)(?: |$)")
_NUMBER = re.compile(r"^(\d++)[:.|]?(?: |$)")
_WORDS = re.compile(r"[A-Za-z][\w'-]*+[,:]?(?: [\w'(),.:-]+)+$")
_PROSE = re.compile(r"\s*[A-Za-z][\w'-]*(?:,? [\w'()-]+){2,}[.:!?]?$")


def suggestions(rows: list[str], line: int) -> Iterator[list[str]]:
    """The file's lines after each candidate repair of the 0-based `line`, the likeliest first."""
    row = rows[line]
    yield from _printed(rows, line)
    code, comment = without_comment(row)
    code = code.removesuffix(";").rstrip()
    if (repaired := _with_operators(code)) != code:
        yield with_row(rows, line, repaired + comment)
    for pattern, template in _HABITS:
        plain = masked(code)
        if found := pattern.search(plain):
            yield with_row(rows, line, spliced(code, found, template) + comment)
    if _BRACED.search(masked(code)):
        yield _without_braces(rows, line)
    yield from (with_row(rows, line, repaired) for repaired in _commented(rows, line))
    for pattern, template in ((_PROMPT, r"\1"), (_NUMBER, "")):
        end = line
        while end < len(rows) and pattern.match(rows[end]):
            end += 1
        if end > line:
            stripped = [pattern.sub(template, pasted, count=1) for pasted in rows[line:end]]
            yield [*rows[:line], *stripped, *rows[end:]]


def _with_operators(code: str) -> str:
    """All operators of other languages in Python's words."""
    for pattern, template in _OPERATORS:
        for found in reversed([*pattern.finditer(masked(code))]):
            code = spliced(code, found, template)
    return code


def _printed(rows: list[str], line: int) -> Iterator[list[str]]:
    """The `print` statements of the row, the last of which may go on below it, as calls."""
    code, comment = without_comment(rows[line])
    if _STATEMENT.search(masked(code)) is None:
        return
    end, texts = line, [code]
    while (lacking := _lacking("\n".join(texts))) and end + 1 < min(line + LINES_BELOW, len(rows)):
        end += 1
        text, comment = (rows[end], "") if lacking in _QUOTES else without_comment(rows[end])
        texts.append(text)
    statement = "\n".join((*rows[line:end], texts[-1]))
    plain = masked(statement, triple=True)
    for found in reversed([*_STATEMENT.finditer(plain)]):
        stop = plain.find(";", found.end())
        after = statement[stop:] if stop >= 0 else ""
        argument = statement[found.end() : stop if stop >= 0 else None].rstrip()
        ending = ', end=" ")' if argument.endswith(",") else ")"
        statement = f"{statement[: found.end(1)]}({argument.removesuffix(',')}{ending}{after}"
    yield [*rows[:line], *f"{statement}{comment}".split("\n"), *rows[end + 1 :]]


def _lacking(text: str) -> str:
    """What a statement goes on for at the end of its text: three quotes, the row below, or brackets."""
    for start, end in closed_strings(text):
        if end - start == 2 and text[start : start + 3] in _QUOTES:  # read as an empty string and a quote
            return text[start : start + 3]
    plain = masked(text, triple=True)
    return "\\" if plain.endswith("\\") else open_brackets(plain)


def _without_braces(rows: list[str], line: int) -> list[str]:
    """The block that the row opens by a brace or by `then`, and what else follows it, with colons."""
    result, head = list(rows), line
    while True:
        code, comment = without_comment(result[head])
        result[head] = f"{_BRACED.sub('', code)}:{comment}"
        wanted = indentation(result[line])
        closing = (
            number
            for number in range(head + 1, len(result))
            if indentation(result[number]) == wanted and result[number].lstrip().startswith("}")
        )
        end = next(closing, None)
        if end is None:
            return result
        indent, _, rest = result[end].partition("}")
        if not rest.strip():
            del result[end]
            return result
        result[end] = indent + rest.lstrip()
        if not _BRACED.search(without_comment(result[end])[0]):
            return result
        head = end


def _commented(rows: list[str], line: int) -> Iterator[str]:
    """The row with a comment as other languages begin it, or prose without a sign, as a comment."""
    row = rows[line].rstrip()
    for found in reversed([*_SLASHES.finditer(masked(row))]):
        before, after = row[: found.start()], row[found.end() :].removesuffix("*/").rstrip()
        if not before.strip():
            yield f"{before}# {after}"
        elif _WORDS.match(after) and not _are_elsewhere(after, rows, line):  # `a // b c` lacks an operator
            yield f"{before.rstrip()}  # {after}"
    first = row.split(maxsplit=1)[:1]
    if _PROSE.match(row) and not keyword.iskeyword(first[0]) and first[0] != "print":
        yield f"{blanks(row)}# {row.lstrip()}"


def _are_elsewhere(text: str, rows: list[str], line: int) -> bool:
    """Whether other rows have all words of a text, as those of a calculation."""
    others = "\n".join((*rows[:line], *rows[line + 1 :]))
    return set(re.findall(r"\w+", text)) <= set(re.findall(r"\w+", others))
