"""What binds a name, and what reads it."""

import ast

import pytest

from repair.text.python_names import bound, definitions, loaded, variables


@pytest.mark.parametrize(
    ("text", "defined", "assigned"),
    [
        ("import a.b, c as d\nfrom e import f as g, h", "a d g h", ""),
        ("def a(b, *c, d=1, **e): ...\nasync def f(): ...", "a f", "b c d e"),
        ("class A(B, metaclass=C):\n    d: int = 1", "A", "d"),
        ("a = b.c = d[e] = 1\na += f\n(g := h)", "", "a g"),
        ("for a, (b, *c) in d: ...\nwith e as f, g() as h.i: ...", "", "a b c f"),
        ("try: ...\nexcept A as b: ...\nexcept C: ...", "", "b"),
        ("lambda a: b\n[c for d in e]", "", "a d"),
        ("a: int\nglobal b\ndel c", "", "a"),
    ],
)
def test_what_binds_a_name(text: str, defined: str, assigned: str) -> None:
    tree = ast.parse(text)
    assert definitions(tree) == {*defined.split()}
    assert variables(tree) == {*assigned.split()}
    assert bound(tree) == definitions(tree) | variables(tree)


def test_what_reads_a_name_does_so_as_often_as_it_stands_there() -> None:
    assert sorted(loaded(ast.parse("a = b.a + b(c=d)\nb += 1\ne[b] = 'b'"))) == ["b", "b", "b", "d", "e"]
