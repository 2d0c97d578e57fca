"""AST match against another parser: real programs, a formatter's versions of them, and mutations."""

import ast
import io
import json
import keyword
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

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
