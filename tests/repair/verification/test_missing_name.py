"""A missing name that is taken for a misspelt one, and what is not."""

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.verification.missing_name import is_of_no_code, takes_for_misspelt
from tests.repair.synthesis.support import found


def undefined(name: str, code: str = "pyright[reportUndefinedVariable]") -> Diagnostic:
    return found("main.py", 0, f'"{name}" is not defined', code=code)


METHOD = "class C:\n    def f(self, b):\n        {}\n"
MISSING = [
    # the class is not imported; the variable is what it made
    ("bit = Bit(8)\nbit = Bit(9)\n", "bit = Bit(8)\nbit = bit(9)\n", "Bit"),
    ("for node in []:\n    Node(1)\nNode(2)\n", "for node in []:\n    node(1)\nNode(2)\n", "Node"),
    # a parameter, of a function whose other lines have the name too
    ("def f(word):\n    return vs + vs\n", "def f(word):\n    return word + vs\n", "vs"),
    # what a variable has, or a number
    ("a = []\nB(1)\nB(2)\n", "a = []\na.b\nB(2)\n", "B"),
    ("B(1)\nB(2)\n", "1\nB(2)\n", "B"),
    # an attribute, in the statement that makes it
    (METHOD.format("self.a = list(a)"), METHOD.format("self.a = list(self.a)"), "a"),
]
OTHERS = [
    # ... which is another object's, or is made before
    (METHOD.format("self.a = list(a)"), METHOD.format("self.a = list(b.a)"), "a"),
    (METHOD.format("self.a = 1; self.a = a"), METHOD.format("self.a = 1; self.a = self.a"), "a"),
    (METHOD.format("self.a += a"), METHOD.format("self.a += self.a"), "a"),
    # it stood in one place
    ("bit = Bit(8)\n", "bit = bit(8)\n", "Bit"),
    # all of its places are repaired
    ("def f(nums):\n    return num + num\n", "def f(nums):\n    return nums + nums\n", "num"),
    # a function is misspelt in two places alike; so is an import
    ("def toList(): ...\nto_list(), to_list()\n", "def toList(): ...\ntoList(), to_list()\n", "to_list"),
    ("import numpy as np\nnumpy.e, numpy.pi\n", "import numpy as np\nnp.e, numpy.pi\n", "numpy"),
    # it is Python's own name, or that of the object
    ("a = xrange(3)\nb = xrange(4)\n", "a = range(3)\nb = xrange(4)\n", "xrange"),
    ("def f(self):\n    this.a = this.b\n", "def f(self):\n    self.a = this.b\n", "this"),
    # it is imported
    ("print(os.sep, os.name)\n", "import os\nprint(os.sep, os.name)\n", "os"),
    # an attribute of that name is another thing
    ("def f(a):\n    return b + a.b\n", "def f(a):\n    return a + a.b\n", "b"),
    # it is bound in another function
    ("b = lambda a: c\nlambda c: c\n", "b = lambda a: a\nlambda c: c\n", "c"),
    # a call of what the file defines
    ("class C:\n    def f(self): B() + B()\n", "class C:\n    def f(self): self.f() + B()\n", "B"),
    # one of the texts is no Python
    ("a = B(8\nb = B(9)\n", "a = a(8)\nb = B(9)\n", "B"),
    ("a = B(8)\nb = B(9)\n", "a = a(8)\nb = B(9\n", "B"),
]


@pytest.mark.parametrize(
    ("original", "repaired", "name", "expected"),
    [*((*case, True) for case in MISSING), *((*case, False) for case in OTHERS)],
)
def test_a_missing_name_that_is_taken_for_a_misspelt_one(
    original: str, repaired: str, name: str, expected: bool
) -> None:
    assert takes_for_misspelt(original, repaired, undefined(name)) is expected
    assert takes_for_misspelt(original, repaired, undefined(name, "ruff[F821]")) is expected
    assert not takes_for_misspelt(original, repaired, undefined(name, "pyright[reportIndexIssue]"))


CLASS = "class Shop:\n    def __init__(self):\n        self.item = 1\n    def pay(self):\n        {}\n"


@pytest.mark.parametrize(
    ("original", "repaired", "owner", "expected"),
    [
        # `items` is missing: another attribute is read in one of its places
        ("return self.items, self.items", "return self.item, self.items", "Shop*", True),
        ("self.items.pop(self.items)", "self.items.pop(self.item)", "type[Shop]", True),
        ("return self.items, self.items", "return 1, self.items", "Shop", True),
        # all of its places are repaired; a method may be misspelt alike everywhere
        ("return self.items, self.items", "return self.item, self.item", "Shop", False),
        ("return self.items", "return self.item", "Shop", False),
        ("return self.items, self.items", "return self.pay, self.items", "Shop", False),
        # something of that name is made somewhere
        (
            "self.items = 1; return other.items, self.items",
            "self.items = 1; return 1, self.items",
            "Shop",
            False,
        ),
        # the class is another file's, as that of a dictionary is
        ("return self.items, self.items", "return self.item, self.items", "dict[str, int]", False),
    ],
)
def test_a_missing_attribute_of_a_class_of_the_file(
    original: str, repaired: str, owner: str, expected: bool
) -> None:
    message = f'Cannot access attribute "items" for class "{owner}"\n  Attribute "items" is unknown'
    target = found("main.py", 0, message, code="pyright[reportAttributeAccessIssue]")
    assert takes_for_misspelt(CLASS.format(original), CLASS.format(repaired), target) is expected


def syntax(line: int, path: str = "main.py") -> Diagnostic:
    return found(path, line, "Expected expression", code="pyright")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([syntax(0)], [syntax(0)], True),  # "find out an area" is prose, and "find out and area" is, too
        ([syntax(0), syntax(3)], [syntax(0), syntax(3)], True),
        ([syntax(0)], [], False),  # `retrun a` is none any more
        ([syntax(0), syntax(3)], [syntax(3)], False),
        ([syntax(3)], [syntax(3)], False),  # of another line, or another file
        ([syntax(0, "other.py")], [syntax(0, "other.py")], False),
        ([undefined("an")], [undefined("an")], False),
    ],
)
def test_a_word_of_what_is_no_code(before: list[Diagnostic], after: list[Diagnostic], expected: bool) -> None:
    assert is_of_no_code(undefined("an"), before, after) is expected
    assert not is_of_no_code(syntax(0), before, after)
