"""Syntax tree: texts of every version of Python, and texts that are none."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.child import resident_megabytes
from repair.line_diff.numbered import diff, parse
from repair.verification.cheats import cheat
from repair.verification.cheats.syntax import CostlySyntaxError, SyntaxTree, field, string_value, text, truth
from tests.cpu_time import cpu_bound


def tree(source: str) -> SyntaxTree:
    return SyntaxTree(source.split("\n"))


@pytest.mark.parametrize(
    "before",
    [
        "type Name[T] = list[T]",
        "def f[T: int](x: T) -> T: return x",
        'print(f"{d["a"]}")',
        "try:\n    a()\nexcept A, B:\n    pass",
        "x = t'{a}'",
        "print 'hello'",
        "exec 'a'",
        "def later(:",
        "x = (",
        "for a in b",
        "class A(:\n    x = [1,\n",
    ],
)
def test_code_after_what_this_python_cannot_parse_is_seen(before: str) -> None:
    found = [text(node) for node in tree(f"{before}\nscreen = find('name')\n").of_type("call")]
    assert "find('name')" in found


CONDITIONS = [
    ("False", False),
    ("not True", False),
    ("not 1", False),
    ("0x0", False),
    ("0.0", False),
    ("''", False),
    ("()", False),
    ("[]", False),
    ("None", False),
    ("False or False", False),
    ("a and False", False),
    ("a and (b and not True)", False),
    ("not (a or 1)", False),
    ("not TYPE_CHECKING", False),
    ("1", True),
    ("True", True),
    ("a or True", True),
    ("typing.TYPE_CHECKING", True),
    ("'a' 'b'", True),
    ("not False", True),
    ("a", None),
    ("a or False", None),
    ("a and True", None),
    ("f'{a}'", None),
    ("[a]", None),
    ("not a", None),
    ("a > 1", None),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_truth_of_conditions(condition: str, expected: bool | None) -> None:
    [found] = tree(f"if {condition}:\n    pass\n").of_type("if_statement")
    assert truth(field(found, "condition")) is expected


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'a'", "a"),
        ("'a' \"b\"", "ab"),
        ("'sc\\x72een'", "screen"),
        ("r'\\d'", "\\d"),
        ("b'abc'", "abc"),
        ("f'abc'", "abc"),
        ("rf'abc'", "abc"),
        ("f'a{b}c'", "ac"),
        ("'''a\nb'''", "a\nb"),
        ("u'ä𝔘'", "ä𝔘"),
    ],
)
def test_values_of_strings(literal: str, value: str) -> None:
    found = next(tree(f"x = {literal}\n").of_type("concatenated_string", "string"))
    assert string_value(found) == value


DEEP = [
    "x = " + "-" * 6000 + "1\n",
    "x = a" + ".b()" * 3000 + "\n",
    "x = " + " + ".join(["'a'"] * 3000) + "\n",
    "(" * 20_000,
    "f'{" * 3000,
    "if " + "not " * 5000 + "a:\n    pass\n",
    "if " + "(a and " * 3000 + "False" + ")" * 3000 + ":\n    pass\n",
    "".join(" " * i + "if a:\n" for i in range(500)),
    "x = 1" + "\\\n" * 200_000,
    "x = a + \\\n" * 10_000,
]


@pytest.mark.parametrize("source", DEEP, ids=lambda source: source[:12])
def test_deep_nesting_has_a_result_in_bounded_time(source: str) -> None:
    with cpu_bound(15):
        found = tree(source)
        for node in found.of_type("if_statement"):
            truth(field(node, "condition"))
        innermost = max(found.nodes, key=lambda node: node.start_byte)
        assert all(above.start_byte <= innermost.start_byte for above in found.ancestors(innermost))


def test_statements_beside_an_error_take_memory_by_their_length() -> None:
    source = "x = a + b\n" * 8000 + "if a\n  b\n"
    before = resident_megabytes(os.getpid())
    assert len(tree(source).nodes) > 8000
    assert resident_megabytes(os.getpid()) - before < 200  # it was 900: the whole text for each statement


COSTLY = ["a: b\n" + ",-" * 7_000, "x = 1\na: b\n" + ",-" * 50_000]


@pytest.mark.parametrize("source", COSTLY, ids=len)
def test_errors_that_cost_too_much_are_no_tree_and_no_innocence(source: str) -> None:
    with cpu_bound(15):
        with pytest.raises(CostlySyntaxError, match=f"a text of {len(source)} bytes"):
            tree(source)
        target = Diagnostic(
            "a.py", 0, 0, 0, 0, 1, 1, "pyright[reportUndefinedVariable]", '"b" is not defined', "error"
        )
        change = diff("a: b\n", source)
        found = cheat("a: b\n", source, target, parse(change))
        assert found is not None and found.kind == "unreadable"


@settings(deadline=None)
@given(st.text(alphabet="ab 01'\"\\{}[]():#=.,\n\tfrb\ud800ä𝔘", max_size=80))
def test_any_text_has_a_tree(source: str) -> None:
    found = tree(source)
    for node in found.nodes:
        string_value(node)
        truth(node)
    assert found.nodes[0].type == "module" or found.nodes[0].has_error
