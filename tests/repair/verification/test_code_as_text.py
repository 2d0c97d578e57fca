"""What reads as code and became a string or a comment."""

import pytest

from repair.verification.code_as_text import code_as_text

BEFORE = "total = 3\n"


@pytest.mark.parametrize(
    ("original", "repaired", "expected"),
    [
        ("x = '0\n", "x = '0'\n", True),
        ("x = '[]\n", "x = '[]'\n", True),
        ("x = 'total\n", "x = 'total'\n", True),
        ("x = 'len(total)\n", "x = 'len(total)'\n", True),  # a built-in function is called
        ("x = '[a for a in total]\n", "x = '[a for a in total]'\n", True),
        ("x = 'hello\n", "x = 'hello'\n", False),  # a word that the file does not know
        ("x = 'input\n", "x = 'input'\n", False),  # a word, if also a built-in function's
        ("x = 'hello, world!\n", "x = 'hello, world!'\n", False),
        ("x = 'utf-8\n", "x = 'utf-8'\n", False),
        ("// total += 1\n", "# total += 1\n", True),
        ("// return total\n", "# return total\n", True),
        ("// the total\n", "# the total\n", False),
        ("// total\n", "# total\n", False),  # a name alone does nothing
        ("# total += 1\nx = (1\n", "# total += 1\nx = (1)\n", False),  # it was a comment before
        ("x = '0'\ny = (1\n", "x = '0'\ny = (1)\n", False),  # and a string
        ("if total\n    x = 1\n", "if total:\n    x = 1\n", False),
        ("x = '" + "[" * 3_000 + "\n", "x = '" + "[" * 3_000 + "'\n", False),
        ("x = '" + "-" * 1_500 + "1\n", "x = '" + "-" * 1_500 + "1'\n", True),
    ],
)
def test_code_that_became_text(original: str, repaired: str, expected: bool) -> None:
    assert code_as_text(BEFORE + original, BEFORE + repaired) is expected
