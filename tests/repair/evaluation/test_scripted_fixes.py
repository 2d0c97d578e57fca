"""Scripted fixes are of the kind that they are named by, and a draw repeats itself."""

import ast
from typing import Any

import pytest

from repair.evaluation.scripted_fixes import KINDS, mutations, of_any, renamed, rewritten, scripted
from repair.line_diff.numbered import apply

TARGET = """\
def count(items, least):
    total = 0
    for item in items:
        if item < least:
            total += 1
    return total
"""
FAULTY = TARGET.replace("return total", "return totl")


def sample(target: str = TARGET, faulty: str = FAULTY, line: int = 5, key: str = "a") -> dict[str, Any]:
    return {
        "sample_id": key,
        "path": "main.py",
        "files": [{"path": "main.py", "text": faulty}],
        "target": target,
        "diagnostic": {"start_line": line},
    }


def run(text: str, *arguments: Any) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["count"](*arguments)


def test_each_kind_is_what_its_name_says() -> None:
    found = scripted(sample(), 1)
    assert tuple(found) == KINDS
    texts = {kind: apply(FAULTY, line_diff) for kind, line_diff in found.items()}
    assert texts["right"] == TARGET
    for kind, text in texts.items():
        ast.parse(text)
        if kind.startswith("drifting"):
            assert text != TARGET
            assert run(text, [1, 2, 3], 3) == 2
        if kind.startswith("wrong"):
            changed = [
                pair for pair in zip(text.split("\n"), TARGET.split("\n"), strict=True) if len(set(pair)) > 1
            ]
            assert len(changed) == 1
    last = {kind: text.split("\n")[5:] for kind, text in texts.items() if kind.startswith("cheating")}
    assert last == {
        "cheating: deleted": [""],
        "cheating: ignored": ["    return totl  # type: ignore  # noqa", ""],
        "cheating: pass": ["    pass", ""],
        "cheating: commented": ["    # return totl", "    pass", ""],
        "cheating: Any": ["            total += 1", "    return cast(Any, None)", ""],
    }


def test_a_draw_is_that_of_its_seed_and_its_sample() -> None:
    assert scripted(sample(), 1) == scripted(sample(), 1)
    draws = {scripted(sample(key=key), seed)["wrong: name"] for key in "ab" for seed in range(6)}
    assert len(draws) > 1


def test_a_kind_that_a_sample_does_not_allow_is_absent() -> None:
    found = scripted(sample("print()\n", "prnt()\n", 0), 1)
    assert [kind for kind in KINDS if kind not in found] == [
        *("wrong: number", "wrong: operator", "wrong: name", "drifting: rewritten", "drifting: renamed")
    ]


@pytest.mark.parametrize(
    ("target", "lines", "expected"),
    [
        ("a += b - c\n", {1}, ["a = a + (b - c)\n"]),
        ("é = 'ü'; x = 1 < f(é)\n", {1}, ["é = 'ü'; x = f(é) > 1\n"]),
        ("a += b\n", {2}, []),  # the fix changes the line
        ("a = b < c < d\n", {1}, []),
        ("a = b in c\n", {1}, []),
        ("a += (b\n+ c)\n", {1, 2}, []),
    ],
)
def test_a_line_is_written_in_another_way(target: str, lines: set[int], expected: list[str]) -> None:
    assert rewritten(target, lines) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a = 1\nb.a(a)\n", ["a_value = 1\nb.a(a_value)\n"]),
        ("def f(a):\n    a = 1\n", []),  # who calls it may name it
        ("a = 1\nf(a=a)\n", []),
        ("a = 1\nprint(f'{a}')\n", []),  # a string has it
        ("import a\n", []),
    ],
)
def test_a_variable_is_renamed_wherever_it_stands(target: str, expected: list[str]) -> None:
    assert list(renamed(target)) == expected


def test_one_token_is_changed_at_a_time() -> None:
    found = [tuple(change) for change in mutations("print(a, b)\nb = a + 1 + '+ 1'\n")]
    assert found == [
        ("name", 1, "print(b, b)\nb = a + 1 + '+ 1'\n"),
        ("name", 1, "print(a, a)\nb = a + 1 + '+ 1'\n"),
        ("name", 2, "print(a, b)\na = a + 1 + '+ 1'\n"),
        ("name", 2, "print(a, b)\nb = b + 1 + '+ 1'\n"),
        ("operator", 2, "print(a, b)\nb = a - 1 + '+ 1'\n"),
        ("number", 2, "print(a, b)\nb = a + 2 + '+ 1'\n"),
        ("operator", 2, "print(a, b)\nb = a + 1 - '+ 1'\n"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    x = 1", "    x: Any = None"),
        ("  return 1", "  return cast(Any, None)"),
        ("f(1", "cast(Any, None)"),
    ],
)
def test_a_value_of_type_any(line: str, expected: str) -> None:
    text = of_any(f"first\n{line}\n", 1)
    assert text == f"from typing import Any, cast\nfirst\n{expected}\n"
