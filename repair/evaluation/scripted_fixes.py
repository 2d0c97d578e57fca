"""Scripted fixes of known kind to a benchmark sample: right, wrong (mutation), drifting and cheating.

They measure what verification and the confidence make of a teacher that works so. No check selects a fix: the
right one is the benchmark's, the others are made of it or of the faulty text, by a seeded draw.

| kind | what it is |
|---|---|
| `right` | the benchmark's own fix |
| `wrong: number`, `operator`, `name` | that fix, and one token of that kind changed anywhere in the file |
| `drifting: rewritten` | that fix, and another line written in another way that means the same |
| `drifting: renamed` | that fix, and a variable renamed throughout |
| `cheating: deleted`, `ignored`, `pass`, `commented` | the diagnosed line gone, silenced, emptied, hidden |
| `cheating: Any` | the expression of the diagnosed line replaced by a value of type `Any` |
"""

import ast
import builtins
import io
import keyword
import random
import tokenize
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from repair.line_diff.numbered import diff
from repair.text.files import text_of
from repair.text.lines import commonest_terminator, lines_of

KINDS = (
    "right",
    *(f"wrong: {kind}" for kind in ("number", "operator", "name")),
    *(f"drifting: {kind}" for kind in ("rewritten", "renamed")),
    *(f"cheating: {kind}" for kind in ("deleted", "ignored", "pass", "commented", "Any")),
)

_OPERATORS = {
    **{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+"},
    **{"//": "*", "%": "//", "+=": "-=", "-=": "+=", "and": "or", "or": "and", "min": "max", "max": "min"},
    **{"True": "False", "False": "True"},
}
_MIRRORED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
}


class Mutation(NamedTuple):
    """A text with one token changed: the kind of the token, its 1-based line, the text after the change."""

    kind: str
    line: int
    text: str


def scripted(sample: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Kind -> line diff, of a row of `BENCHMARK_SAMPLES`; a kind that the sample does not allow is absent."""
    original, target = text_of(sample), sample["target"]
    line = sample["diagnostic"]["start_line"]
    chance = random.Random(f"{seed} {sample['sample_id']}")  # noqa: S311 - a draw that can be repeated
    found = {"right": diff(original, target)}
    wrong: dict[str, list[str]] = {}
    for change in mutations(target):
        wrong.setdefault(change.kind, []).append(change.text)
    kept = {number for number, text in enumerate(lines_of(target), 1) if text in set(lines_of(original))}
    groups = {
        **{f"wrong: {kind}": texts for kind, texts in sorted(wrong.items())},
        "drifting: rewritten": rewritten(target, kept),
        "drifting: renamed": list(renamed(target)),
    }
    for kind, texts in groups.items():
        if texts:
            found[kind] = diff(original, chance.choice(texts))
    for kind, line_diff in suppressions(original, line).items():
        found[f"cheating: {kind}"] = line_diff
    found["cheating: Any"] = diff(original, of_any(original, line))
    return {kind: line_diff for kind in KINDS if (line_diff := found.get(kind))}


def suppressions(original: str, line: int) -> dict[str, str]:
    """Diffs that suppress the diagnostic of a 0-based line, by kind."""
    text = lines_of(original)[line]
    number, indentation = line + 1, text[: len(text) - len(text.lstrip())]
    removed = f"-{number} {text}"
    return {
        "deleted": removed,
        "ignored": f"{removed}\n+{number} {text}  # type: ignore  # noqa",
        "pass": f"{removed}\n+{number} {indentation}pass",
        "commented": f"{removed}\n+{number} {indentation}# {text.lstrip()}\n+{number + 1} {indentation}pass",
    }


def of_any(original: str, line: int) -> str:
    """The text with the expression of a 0-based line replaced by a value of type `Any`."""
    rows = lines_of(original)
    text = rows[line]
    indentation, code = text[: len(text) - len(text.lstrip())], text.strip()
    name, equals, _ = code.partition(" = ")
    if equals and name.isidentifier():
        code = f"{name}: Any = None"
    elif code.startswith("return "):
        code = "return cast(Any, None)"
    else:
        code = "cast(Any, None)"
    changed = ["from typing import Any, cast", *rows[:line], f"{indentation}{code}", *rows[line + 1 :]]
    return commonest_terminator(original).join(changed)


def rewritten(target: str, lines: set[int]) -> list[str]:
    """The text with one comparison mirrored, or one `a += b` written out, on one of the 1-based `lines`."""
    rows, found = lines_of(target), list[str]()
    for node in ast.walk(ast.parse(target)):
        match node:
            case ast.AugAssign(goal, operator, value):
                code = f"{ast.unparse(goal)} = {ast.unparse(ast.BinOp(goal, operator, value))}"
            case ast.Compare(left, [operator], [right]) if type(operator) in _MIRRORED:
                code = ast.unparse(ast.Compare(right, [_MIRRORED[type(operator)]()], [left]))
            case _:
                continue
        if node.lineno != node.end_lineno or node.lineno not in lines:
            continue
        row = rows[node.lineno - 1].encode()
        changed = (row[: node.col_offset] + code.encode() + row[node.end_col_offset :]).decode()
        found.append(_with_line(target, rows, node.lineno, changed))
    return found


def renamed(target: str) -> Iterator[str]:
    """The text with one variable renamed, wherever it stands, in every way."""
    tree = ast.parse(target)
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    names = {node.id for node in uses if isinstance(node.ctx, ast.Store)}
    names -= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg | ast.keyword)}
    tokens = list(_tokens(target))
    for name in sorted(names):
        places = [
            token.start
            for before, token in zip([None, *tokens], tokens, strict=False)
            if token.type == tokenize.NAME and token.string == name and not (before and before.string == ".")
        ]
        if len(places) != sum(node.id == name for node in uses):  # in a string, or another name
            continue
        rows = lines_of(target)
        for line, start in reversed(places):
            row = rows[line - 1]
            rows[line - 1] = f"{row[:start]}{name}_value{row[start + len(name) :]}"
        yield commonest_terminator(target).join(rows)


def mutations(target: str) -> Iterator[Mutation]:
    """Mutation: `target` with one token changed, in every way."""
    rows, tokens = lines_of(target), list(_tokens(target))
    pairs = list(pairwise(tokens))
    defined = {token.string for before, token in pairs if before.string in ("def", "class")}
    variables = {
        (token.start, token.string)
        for before, token in pairs
        if _is_name(token) and before.string != "." and token.string not in defined
    }
    names = sorted({name for _, name in variables})
    for token in tokens:
        (line, start), end = token.start, token.end[1]
        if token.end[0] != line:
            continue
        if token.string in _OPERATORS and token.type != tokenize.STRING:
            others, kind = [_OPERATORS[token.string]], "operator"
        elif token.type == tokenize.NUMBER and token.string.isdecimal():
            others, kind = [str(int(token.string) + 1)], "number"
        elif (token.start, token.string) in variables:
            others, kind = [other for other in names if other != token.string], "name"
        else:
            continue
        row = rows[line - 1]
        for other in others:
            yield Mutation(kind, line, _with_line(target, rows, line, f"{row[:start]}{other}{row[end:]}"))


def _with_line(target: str, rows: list[str], line: int, changed: str) -> str:
    return commonest_terminator(target).join([*rows[: line - 1], changed, *rows[line:]])


def _tokens(target: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO("\n".join(lines_of(target))).readline)


def _is_name(token: tokenize.TokenInfo) -> bool:
    """Whether a token may be a variable: neither a keyword nor a builtin."""
    text = token.string
    return token.type == tokenize.NAME and not keyword.iskeyword(text) and not hasattr(builtins, text)
