"""Tabs written as blanks: a program that Python reads is the same program after it."""

import ast

from hypothesis import assume, given
from hypothesis import strategies as st

from repair.synthesis.rules.indentation import without_tabs
from repair.text.python_syntax import tree_of

STEPS = st.sampled_from(["\t", " " * 8, "    \t", "    "])


@st.composite
def programs(draw: st.DrawFn) -> list[str]:
    """Nested `if`s, each block indented in its own way below the block around it."""
    rows: list[str] = []

    def block(indentation: str, depth: int) -> None:
        for _ in range(draw(st.integers(1, 3))):
            if depth and draw(st.booleans()):
                rows.append(f"{indentation}if a:")
                block(indentation + draw(STEPS), depth - 1)
            else:
                rows.append(
                    draw(st.sampled_from([f"{indentation}a = 1", f"{indentation}b('''\n\tc\n''')", ""]))
                )

    block("", 3)
    return "\n".join(rows).split("\n")


@given(programs(), st.data())
def test_the_program_stays(rows: list[str], data: st.DataObject) -> None:
    tree = tree_of("\n".join(rows))
    assume(tree is not None and tree.body)
    assert tree is not None
    line = data.draw(st.sampled_from([number for number, row in enumerate(rows) if row.strip()]))
    results = list(without_tabs(rows, line))
    as_python_reads_them = results[: len(results) // 2]
    for result in as_python_reads_them:
        written = tree_of("\n".join(result))
        assert written is not None
        assert ast.dump(written) == ast.dump(tree)
    whole = as_python_reads_them[-1]
    assert not any("\t" in row[: len(row) - len(row.lstrip())] for row in whole if not row.startswith("\tc"))
