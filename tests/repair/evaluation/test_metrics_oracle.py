"""AST match against independent oracles: another parser, a formatter, mutations, programs that are run.

Formatting, comments and quotes do not matter; what a program does, does.
"""

import ast
import io
import json
import keyword
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from repair.evaluation.metrics import ast_match
from repair.evaluation.token_match import token_match
from tests.repair.evaluation.concrete_syntax import same_program
from tests.repair.evaluation.test_metrics import programs

LIBRARY = Path(ast.__file__).parent
MODULES = ("bisect", "heapq", "textwrap", "colorsys", "fnmatch", "keyword", "sched")
OPERATORS = {
    **{"+": "-", "-": "+", "*": "//", "//": "*", "==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">="},
    **{">=": ">", "and": "or", "or": "and", "%": "+", "&": "|", "|": "&", "+=": "-=", "-=": "+="},
}


@cache
def sources() -> tuple[str, ...]:
    return tuple((LIBRARY / f"{name}.py").read_text() for name in MODULES)


def formatted(source: str, *, quotes: str, length: int) -> str:
    options = ["--config", f'format.quote-style = "{quotes}"', "--line-length", str(length)]
    command = [
        str(Path(sys.executable).parent / "ruff"),
        "format",
        "--isolated",
        *options,
        "--stdin-filename",
        "x.py",
        "-",
    ]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("index", range(len(MODULES)), ids=MODULES)
def test_a_formatter_changes_no_program(index: int) -> None:
    source = sources()[index]
    other = formatted(source, quotes="single", length=40)
    assert other != source
    assert ast_match(other, formatted(other, quotes="double", length=120))
    assert ast_match(source, other) is same_program(source, other)
    assert not ast_match(source, sources()[index - 1])
    assert not same_program(source, sources()[index - 1])


def pairs(folder: Path) -> list[tuple[str, str]]:
    return [
        (row["oracle_code"].strip("\n"), row["buggy_code"].strip("\n"))
        for path in sorted(folder.glob("python3_*.json"))
        for row in json.loads(path.read_bytes())[:12]
    ]


def test_real_bugs_are_judged_as_by_the_other_parser(shared_data: Path) -> None:
    compared = 0
    for correct, buggy in pairs(shared_data / "debugbench" / "benchmark"):
        assert ast_match(correct, buggy) is same_program(correct, buggy), buggy
        if token_match(correct, buggy):
            assert ast_match(correct, buggy) is ast_match(correct, correct)
        compared += ast_match(correct, correct)
    assert compared > 60


@settings(deadline=None, max_examples=60)
@given(programs, programs)
def test_generated_programs_are_judged_as_by_the_other_parser(one: str, other: str) -> None:
    assert ast_match(one, other) is same_program(one, other)


@cache
def mutable(source: str) -> list[tokenize.TokenInfo]:
    return [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.string in OPERATORS
        or token.type == tokenize.NUMBER
        or (token.type == tokenize.NAME and not keyword.iskeyword(token.string))
    ]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, len(MODULES) - 1), st.randoms(use_true_random=False))
def test_an_operator_a_constant_or_a_name_makes_another_program(index: int, random: object) -> None:
    source = sources()[index]
    token = random.choice(mutable(source))  # type: ignore[attr-defined]
    put = OPERATORS.get(token.string) or f"{token.string}{'1' if token.type == tokenize.NUMBER else '_'}"
    if token.type == tokenize.NUMBER and "." in put:  # one more digit of a long float may change nothing
        assume(ast.literal_eval(put) != ast.literal_eval(token.string))
    lines = source.splitlines(keepends=True)
    row, column = token.start
    lines[row - 1] = lines[row - 1][:column] + put + lines[row - 1][token.end[1] :]
    mutated = "".join(lines)
    assert not ast_match(mutated, source)
    assert not token_match(mutated, source)
    if ast_match(mutated, mutated):  # a unary plus, say, has no such counterpart
        assert not same_program(mutated, source)


@dataclass(frozen=True)
class Call:
    """A program as plain data: a value, or a function of programs."""

    name: str
    parts: tuple["Call", ...] = ()


FUNCTIONS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "or": lambda a, b: a or b,
    "and": lambda a, b: a and b,
    "==": lambda a, b: a == b,
    "not": lambda a: not a,
    "pair": lambda a, b: [a, b],
    "text": lambda a: f"{a}",
}
VALUES: dict[str, object] = {"x": 2, "y": 3, "one": 1, "no": "", "quoted": "it's", "both": "\"a\" 'b' c"}
BINARY = [name for name in FUNCTIONS if name not in ("not", "text")]
trees = st.recursive(
    st.sampled_from([*VALUES]).map(Call),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(BINARY), inner, inner).map(lambda parts: Call(parts[0], parts[1:])),
        st.tuples(st.sampled_from(["not", "text"]), inner).map(lambda parts: Call(parts[0], parts[1:])),
    ),
    max_leaves=5,
)


def written(tree: Call, random: Random) -> str:
    """The program as Python, in a drawn layout: spaces, line breaks, comments, parentheses, quotes."""
    gap = random.choice([" ", "  ", "\n\n  ", " # + 1 or 'no'\n", "\t"])
    around = random.choice(["{}", "({})", "( {}\n)"])
    parts = [written(part, random) for part in tree.parts]
    if tree.name == "pair":
        comma = random.choice(["", ",", " ,  # the end\n"])
        return around.format(f"[{parts[0]},{gap}{parts[1]}{comma}]")
    if tree.name == "text":
        return around.format(f"str({gap}{parts[0]})")
    if tree.name == "not":
        return f"(not{gap}{parts[0]})"
    if parts:
        return f"({parts[0]}{gap}{tree.name}{gap}{parts[1]})"
    value = VALUES[tree.name]
    if tree.name in ("x", "y"):
        return around.format(tree.name)
    if isinstance(value, int):
        return around.format(random.choice(["1", "0x1", "0b1"]))
    spellings = [repr(value), json.dumps(value), f"'''{value}'''", f"{value[:1]!r}{gap}{value[1:]!r}"]
    return f"({random.choice(spellings)})"


def done(tree: Call) -> object:
    """What the program gives."""
    parts = [done(part) for part in tree.parts]
    return FUNCTIONS[tree.name](*parts) if parts else VALUES[tree.name]


@settings(deadline=None, max_examples=80)
@given(trees, trees, st.randoms(use_true_random=False))
def test_layout_comments_and_quotes_do_not_matter_and_what_a_program_does_does(
    one: Call, other: Call, random: Random
) -> None:
    first, again, second = (f"f({written(tree, random)})" for tree in (one, one, other))
    assert ast_match(first, again)
    assert ast_match(first, second) is (one == other)
    try:
        differs = repr(done(one)) != repr(done(other))
    except TypeError:  # it adds a number to a text
        return
    if differs:
        assert not ast_match(first, second)
