"""Whether a program catches what a diagnostic predicts: a row per kind of statement and handler."""

import pytest

from repair.diagnostics.handled_names import is_handled
from tests.repair.synthesis.support import found

NAME, IMPORT = "pyright[reportUndefinedVariable]", "pyright[reportMissingImports]"
SYMBOL = "pyright[reportAttributeAccessIssue]"
VERSION = "if {}:\n    {}\nelse:\n    {}\n"
TRY = "try:\n    {}\nexcept {}:\n    {}\n"


@pytest.mark.parametrize(
    ("code", "text", "line", "handled"),
    [
        (NAME, TRY.format("a = unicode", "NameError", "a = str"), 2, True),
        ("ruff[F821]", TRY.format("a = unicode", "(KeyError, NameError)", "a = str"), 2, True),
        (NAME, TRY.format("a = unicode", "NameError", "a = basestring"), 4, False),
        (NAME, TRY.format("a = unicode", "Exception", "a = str"), 2, False),  # a net for anything
        (NAME, TRY.format("a = unicode", "ImportError", "a = str"), 2, False),
        (NAME, "try:\n    a = 1\nexcept NameError:\n    a = 2\nunicode\n", 5, False),
        (
            NAME,
            "def f():\n    try:\n        if 1:\n            x = xrange\n    except NameError: pass\n",
            4,
            True,
        ),
        (IMPORT, TRY.format("import numpy", "ImportError", "numpy = None"), 2, True),
        (IMPORT, TRY.format("import numpy", "ModuleNotFoundError", "numpy = None"), 2, True),
        (IMPORT, TRY.format("import numpy", "builtins.ImportError", "numpy = None"), 2, True),
        (IMPORT, TRY.format("import numpy", "Exception", "numpy = None"), 2, True),
        (IMPORT, "try:\n    import numpy\nexcept:\n    raise SkipTest\n", 2, True),
        (IMPORT, TRY.format("import tkinter", "ImportError", "import Tkinter as tkinter"), 4, True),
        (IMPORT, TRY.format("import tkinter", "ValueError", "import Tkinter as tkinter"), 4, False),
        (IMPORT, TRY.format("import numpy", "ValueError", "numpy = None"), 2, False),
        (IMPORT, "import numpy\n" + TRY.format("import os", "ImportError", "pass"), 1, False),
        (SYMBOL, TRY.format("from os import fork", "ImportError", "fork = None"), 2, True),
        (SYMBOL, TRY.format("now = time.clock()", "AttributeError", "now = time.time()"), 2, True),
        (SYMBOL, TRY.format("now = time.clock()", "ImportError", "now = time.time()"), 2, False),
        ("pyright[reportCallIssue]", TRY.format("f()", "NameError", "pass"), 2, False),
        (
            NAME,
            TRY.format("a = unicode", "NameError", "a = str") + "print 1\n",
            2,
            False,
        ),  # it does not parse
        (NAME, TRY.format("a = unicode", "error()", "a = str"), 2, False),
        (NAME, TRY.format("def f():\n        return unicode", "NameError", "pass"), 3, False),
        (NAME, TRY.format("@unicode\n    def f(): ...", "NameError", "pass"), 2, True),
        (NAME, TRY.format("class A:\n        b = unicode", "NameError", "pass"), 3, True),
        (NAME, VERSION.format("sys.version_info > (3, 0)", "input()", "raw_input()"), 4, True),
        ("ruff[F821]", VERSION.format("sys.version_info[0] == 2", "xrange(3)", "range(3)"), 2, True),
        (IMPORT, VERSION.format("six.PY2", "import Queue", "import queue"), 2, True),
        (SYMBOL, VERSION.format("not IS_PYTHON3", "{}.iteritems()", "{}.items()"), 2, True),
        (NAME, VERSION.format("sys.version < '3'", "def f(): unicode", "f = str"), 2, True),
        (NAME, VERSION.format("a", "a", "b") + "unicode\n", 4, False),
        (NAME, VERSION.format("six.version > (1, 0)", "unicode", "str"), 2, False),
        (NAME, VERSION.format("sys.version_info", "1", "2") + "unicode\n", 5, False),
        (NAME, VERSION.format("python_2 and unicode", "1", "2"), 1, False),  # the question itself
        (NAME, "a = unicode('') if PY2 else ''\n", 1, True),
        ("pyright[reportCallIssue]", VERSION.format("PY3", "f()", "g()"), 2, False),
        (NAME, "\ufeff" + TRY.format("a = unicode", "NameError", "a = str"), 2, True),
    ],
)
def test_what_is_handled(code: str, text: str, line: int, handled: bool) -> None:
    assert is_handled(text, found("main.py", line - 1, "", code=code)) is handled
