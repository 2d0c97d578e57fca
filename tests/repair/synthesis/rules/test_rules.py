"""Rule-based teacher: a row per rule on real servers, and a row per reject reason."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request, ServerTimeoutError
from repair.line_diff.numbered import apply, extract
from repair.pipeline import BY_NAME
from repair.schema.outcomes import Reject
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS
from repair.synthesis.rules import MOST_CANDIDATES, RulesTeacher, candidates
from repair.synthesis.rules.known_names import closest, names_of_module
from repair.synthesis.teacher import Proposal
from tests.repair.sources.simulated.mistake_examples import EXAMPLES
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found

UNDEFINED, ATTRIBUTE = "ruff[F821]", "pyright[reportAttributeAccessIssue]"
SYNTAX, RUFF_SYNTAX = "pyright", "ruff[invalid-syntax]"
INDEX = "pyright[reportIndexIssue]"
IMPORT = "pyright[reportMissingImports]"
CLASS = (
    "class Shop:\n    def __init__(self):\n        self.total = 0\n\n    def pay(self):\n        return {}\n"
)
IMPORTING = "from math import gcd\n\n\n"
CLOSED = "def f(a: list[int]) -> int:\n    return a[0]\n"

TABS = "def f(a):\n\tif a:\n\t    a = '''\n\t'''\n            a += 1\n\treturn a\n\n\nif f(1):\n\tprint(2)\n"
REPAIRS = [
    # a slip in the name of a variable, a function of Python, a constant of another language
    (UNDEFINED, "length = 3\nprint(lenght)\n", "length = 3\nprint(length)\n"),
    (UNDEFINED, "pritn(1)\n", "print(1)\n"),
    ("pyright[reportUndefinedVariable]", "found = true\n", "found = True\n"),
    # a byte order mark is no part of the first line, and stays first
    (UNDEFINED, "\ufeffprint(os.sep)\n", "\ufeffimport os\nprint(os.sep)\n"),
    (UNDEFINED, "\ufefftrue = 1; x = tru\n", "\ufefftrue = 1; x = true\n"),
    # what is read in several places is misspelt where it is defined
    (UNDEFINED, "lenght = 3\nprint(length, length + 1)\n", "length = 3\nprint(length, length + 1)\n"),
    (
        UNDEFINED,
        "def totl():\n    return 1\n\n\ntotal() + total()\n",
        "def total():\n    return 1\n\n\ntotal() + total()\n",
    ),
    # a letter's case is the likeliest slip of all
    (UNDEFINED, "Total = 1\ntota = 2\nprint(total)\n", "Total = 1\ntota = 2\nprint(Total)\n"),
    # a module, a name that is imported from one, after the imports at the top
    (UNDEFINED, "print(os.sep)\n", "import os\nprint(os.sep)\n"),
    (
        UNDEFINED,
        '"""Doc."""\nimport sys\n\nprint(sys.argv, Path("a"))\n',
        '"""Doc."""\nimport sys\nfrom pathlib import Path\n\nprint(sys.argv, Path("a"))\n',
    ),
    (
        UNDEFINED,
        "#!/usr/bin/python\n# Note\nprint(defaultdict(int))\n",
        "#!/usr/bin/python\n# Note\nfrom collections import defaultdict\nprint(defaultdict(int))\n",
    ),
    # ... and where module and name are called alike, the call tells
    (
        UNDEFINED,
        "print(datetime(2024, 1, 1))\n",
        "from datetime import datetime\nprint(datetime(2024, 1, 1))\n",
    ),
    (UNDEFINED, CLASS.format("total"), CLASS.format("self.total")),
    (ATTRIBUTE, CLASS.format("self.totla"), CLASS.format("self.total")),
    (ATTRIBUTE, CLASS.format("self.min(1, 2)"), CLASS.format("min(1, 2)")),
    (ATTRIBUTE, CLASS.format("0") + "\n\nShop().pya()\n", CLASS.format("0") + "\n\nShop().pay()\n"),
    # modules of Python 2
    (IMPORT, "import Tkinter\n\nTkinter.Tk()\n", "import tkinter as Tkinter\n\nTkinter.Tk()\n"),
    (
        IMPORT,
        "import cPickle as pickle  # fast\n\npickle.loads\n",
        "import pickle  # fast\n\npickle.loads\n",
    ),
    (IMPORT, "from Tkinter import *\n\nTk()\n", "from tkinter import *\n\nTk()\n"),
    # names of Python 2 are not misspelt
    (UNDEFINED, "lon = 3\nprint(long(lon))\n", "lon = 3\nprint(int(lon))\n"),
    (UNDEFINED, "files = [file('a')]\n", "files = [open('a')]\n"),
    (UNDEFINED, "import os\n\nreload(os)\n", "import os\nfrom importlib import reload\n\nreload(os)\n"),
    (UNDEFINED, "print(intern('a'))\n", "from sys import intern\nprint(intern('a'))\n"),
    (UNDEFINED, "pprint(time())\n", "from pprint import pprint\npprint(time())\n"),
    (UNDEFINED, "a = ET.parse\n", "import xml.etree.ElementTree as ET\na = ET.parse\n"),
    (UNDEFINED, "def f():\n    return os.sep\n", "import os\n\n\ndef f():\n    return os.sep\n"),
    (UNDEFINED, '"""Doc."""\n\n\nprint(os.sep)\n', '"""Doc."""\n\nimport os\n\nprint(os.sep)\n'),
    (ATTRIBUTE, "import math\n\nprint(math.pie)\n", "import math\n\nprint(math.pi)\n"),
    (ATTRIBUTE, "import json\n\njson.dupms(1)\n", "import json\n\njson.dumps(1)\n"),
    (ATTRIBUTE, "from shutil import copyfle\n\ncopyfle\n", "from shutil import copyfile\n\ncopyfile\n"),
    (ATTRIBUTE, "found = [1]\nfound.push(2)\n", "found = [1]\nfound.append(2)\n"),
    (ATTRIBUTE, 'print("a".uper())\n', 'print("a".upper())\n'),
    (
        "pyright[reportAttributeAccessIssue]",
        "𝔘 = '𝔘'; import math; print('𝔘', math.pie)\r\n",
        "𝔘 = '𝔘'; import math; print('𝔘', math.pi)\r\n",
    ),
    ("pyright[reportMissingImports]", "import collectons\n", "import collections\n"),
    # what moved since Python 2, where it stands, and where it is imported
    (
        ATTRIBUTE,
        "import urllib\n\nprint(urllib.urlopen('a').read())\n",
        "import urllib.request\n\nprint(urllib.request.urlopen('a').read())\n",
    ),
    (
        ATTRIBUTE,
        "import os, urllib\n\nprint(os.sep, urllib.quote('a'))\n",
        "import os, urllib\nimport urllib.parse\n\nprint(os.sep, urllib.parse.quote('a'))\n",
    ),
    (
        ATTRIBUTE,
        "import sys as system\n\nprint(system.maxint + 1)\n",
        "import sys as system\n\nprint(system.maxsize + 1)\n",
    ),
    (
        ATTRIBUTE,
        "import itertools\n\nprint(list(itertools.izip('a', 'b')), itertools.count)\n",
        "import itertools\n\nprint(list(zip('a', 'b')), itertools.count)\n",
    ),
    (
        ATTRIBUTE,
        "import string\n\nprint(string.maketrans('a', 'b'), string.digits)\n",
        "import string\n\nprint(str.maketrans('a', 'b'), string.digits)\n",
    ),
    (
        ATTRIBUTE,
        "from collections import Iterable, deque\n\nprint(isinstance(deque(), Iterable))\n",
        "from collections import deque\nfrom collections.abc import Iterable\n\n"
        "print(isinstance(deque(), Iterable))\n",
    ),
    (
        ATTRIBUTE,
        "from time import clock\n\nprint(clock())\n",
        "from time import perf_counter\n\nprint(perf_counter())\n",
    ),
    (
        ATTRIBUTE,
        "try:\n    print(1)\nexcept ValueError as e:\n    print(e.message)\n",
        "try:\n    print(1)\nexcept ValueError as e:\n    print(str(e))\n",
    ),
    # a submodule that is not imported
    (
        ATTRIBUTE,
        "import urllib\n\nprint(urllib.parse.quote('a'))\n",
        "import urllib.parse\n\nprint(urllib.parse.quote('a'))\n",
    ),
    (
        ATTRIBUTE,
        "import xml\n\nprint(xml.etree.ElementTree.parse)\n",
        "import xml.etree.ElementTree\n\nprint(xml.etree.ElementTree.parse)\n",
    ),
    (
        "pyright[reportUnsupportedDunderAll]",
        '__all__ = ["runn"]\n\n\ndef run() -> None:\n    print(1)\n',
        '__all__ = ["run"]\n\n\ndef run() -> None:\n    print(1)\n',
    ),
    (
        "pyright[reportSelfClsParameterName]",
        "class C:\n    def f():\n        return 1\n",
        "class C:\n    def f(self):\n        return 1\n",
    ),
    (
        "pyright[reportSelfClsParameterName]",
        "class C:\n    def f(a):\n        return a\n",
        "class C:\n    def f(self, a):\n        return a\n",
    ),
    (
        UNDEFINED,
        "class C:\n    a = 1\n\n    def f(b):\n        return self.a + b\n",
        "class C:\n    a = 1\n\n    def f(self, b):\n        return self.a + b\n",
    ),
    # syntax
    (SYNTAX, "def f(a)\n    return a\n", "def f(a):\n    return a\n"),
    (RUFF_SYNTAX, "def f(a)  # all: of it\n    return a\n", "def f(a):  # all: of it\n    return a\n"),
    (SYNTAX, "a = 1\nif a = 2:\n    print(a)\n", "a = 1\nif a == 2:\n    print(a)\n"),
    (SYNTAX, "b = [a for a in 'xy' if a = 'x']\n", "b = [a for a in 'xy' if a == 'x']\n"),
    (SYNTAX, "for a in range(3:\n    print(a)\n", "for a in range(3):\n    print(a)\n"),
    (SYNTAX, "a = print(len([1, 2\nb = 1\n", "a = print(len([1, 2]))\nb = 1\n"),
    (SYNTAX, CLOSED.replace(") ->", " ->"), CLOSED),
    (SYNTAX, "print(1))\n", "print(1)\n"),
    (SYNTAX, 'print("a)\n', 'print("a")\n'),
    (RUFF_SYNTAX, "a = 'b\nprint(a)\n", "a = 'b'\nprint(a)\n"),
    (SYNTAX, "a = 1\n    b = 2\nprint(a, b)\n", "a = 1\nb = 2\nprint(a, b)\n"),
    (SYNTAX, "    a = 1\n    print(a)\n", "a = 1\nprint(a)\n"),
    (
        RUFF_SYNTAX,
        "def f(a):\n    if a:\n        print(1)\n\tprint(2)\n",
        "def f(a):\n    if a:\n        print(1)\n    print(2)\n",
    ),
    (SYNTAX, "def f():\nreturn 1\n", "def f():\n    return 1\n"),
    (
        SYNTAX,
        "class C:\ndef f(self):\n    return 1\n\ndef g(self):\n    return 2\n",
        "class C:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n",
    ),
    (SYNTAX, "a = [[0]]\nb = len(a[0)\n", "a = [[0]]\nb = len(a[0])\n"),
    (SYNTAX, "a = {1: 2}\nb = 1\na[b = 3\n", "a = {1: 2}\nb = 1\na[b] = 3\n"),
    (SYNTAX, "n = 3\na = [0 * n\n", "n = 3\na = [0] * n\n"),
    (SYNTAX, "a = max(\n    1,\n    2\nb = 1\n", "a = max(\n    1,\n    2)\nb = 1\n"),
    # a quote before what is computed is one too many; what may be a text is closed
    (SYNTAX, "a = [1]\nb = 'len(a)\n", "a = [1]\nb = len(a)\n"),
    (SYNTAX, "a = 1\nprint('a)\n", "a = 1\nprint('a')\n"),
    (SYNTAX, "a = 1\nprint(\"all: ' + str(a))\n", 'a = 1\nprint("all: " + str(a))\n'),
    (SYNTAX, "print(\"it's me)\n", 'print("it\'s me")\n'),
    # Python 2
    (SYNTAX, "a = 1\nprint 'a %d' % a  # one\n", "a = 1\nprint('a %d' % a)  # one\n"),
    (SYNTAX, "print 'a',\n", "print('a', end=\" \")\n"),
    (SYNTAX, "print max(1,\n          2)\n", "print(max(1,\n          2))\n"),
    (  # as Python reads it; not in the string, and not above the block
        SYNTAX,
        TABS,
        TABS.replace("\t    a", f"{12 * ' '}a"),
    ),
    (  # as an editor shows it: Python refuses it
        SYNTAX,
        "def f(a):\n    b = a\n\tif a:\n\t\tb = 2\n    return b\n",
        "def f(a):\n    b = a\n    if a:\n        b = 2\n    return b\n",
    ),
    (SYNTAX, "if 1: print 'a'\n", "if 1: print('a')\n"),
    # strings of Windows and of Python 2
    (RUFF_SYNTAX, "a = open('C:\\Users\\a.txt')\n", "a = open(r'C:\\Users\\a.txt')\n"),
    (SYNTAX, 'a = ur"\\d+"\n', 'a = r"\\d+"\n'),
    # what was a list in Python 2
    (INDEX, "d = {1: 2}\nprint(d.keys()[0])\n", "d = {1: 2}\nprint(list(d.keys())[0])\n"),
    (INDEX, "print(map(str, [1, 2])[1:])\n", "print(list(map(str, [1, 2]))[1:])\n"),
    (INDEX, "a = range(5)  # all\nif a:\n    del a[0]\n", "a = list(range(5))  # all\nif a:\n    del a[0]\n"),
    (
        ATTRIBUTE,
        "d = {1: 2}\nkeys = d.keys()\nkeys.sort()\n",
        "d = {1: 2}\nkeys = list(d.keys())\nkeys.sort()\n",
    ),
    (
        SYNTAX,
        "while 1:\n    if 1: print 'a;b'; break  # ;\n",
        "while 1:\n    if 1: print('a;b'); break  # ;\n",
    ),
    (SYNTAX, "print 'a'; print 'b'\n", "print('a'); print('b')\n"),
    (SYNTAX, "print 'a', ; b = 1\n", "print('a', end=\" \"); b = 1\n"),
    (SYNTAX, 'print \'a\', """\n# b;\n(c\n"""\n', 'print(\'a\', """\n# b;\n(c\n""")\n'),
    (SYNTAX, "print 'a %s' \\\n    % 1  # b\n", "print('a %s' \\\n    % 1)  # b\n"),
    (SYNTAX, "exec 'a = 1' in {}\n", "exec('a = 1', {})\n"),
    (SYNTAX, "a = 1\nb = `a`\n", "a = 1\nb = repr(a)\n"),
    (RUFF_SYNTAX, "a = 0777\n", "a = 0o777\n"),
    (RUFF_SYNTAX, "a = 10L\n", "a = 10\n"),
    # other languages
    (SYNTAX, "a = b = 1\nif !a && b:\n    a = 2\n", "a = b = 1\nif not a and b:\n    a = 2\n"),
    (SYNTAX, "def f():\n    throw new ValueError(1)\n", "def f():\n    raise ValueError(1)\n"),
    (
        SYNTAX,
        "def f(a):\n    if a {\n        a = 1\n    } else {\n        a = 2\n    }\n    return a\n",
        "def f(a):\n    if a:\n        a = 1\n    else:\n        a = 2\n    return a\n",
    ),
    (SYNTAX, "a = 4 // half of what there is\n", "a = 4  # half of what there is\n"),
    (SYNTAX, "a = 1\n/* a note */\nb = 2\n", "a = 1\n# a note\nb = 2\n"),
    (SYNTAX, "def f(a: list) -> list<int>:\n    return a\n", "def f(a: list) -> list[int]:\n    return a\n"),
    (UNDEFINED, "a = Math.max(1, 2)\n", "a = max(1, 2)\n"),
    (UNDEFINED, "a = Math.floor(1.5)\n", "import math\na = math.floor(1.5)\n"),
    (ATTRIBUTE, "a = [[1]]\nb = a[0].length + 1\n", "a = [[1]]\nb = len(a[0]) + 1\n"),
    (
        ATTRIBUTE,
        "from typing import List\n\n\ndef f(a: List[int]) -> bool:\n    return a.contains(1)\n",
        "from typing import List\n\n\ndef f(a: List[int]) -> bool:\n    return (1 in a)\n",
    ),
    (
        ATTRIBUTE,
        "from collections import deque\n\na = deque([1])\na.push(2)\n",
        "from collections import deque\n\na = deque([1])\na.append(2)\n",
    ),
    (SYNTAX, "a = new Exception(1)\n", "a = Exception(1)\n"),
    (ATTRIBUTE, CLASS.format("self.pow(2, 3)"), CLASS.format("pow(2, 3)")),
    (
        ATTRIBUTE,
        IMPORTING + CLASS.format("self.gcd(4, 6)"),
        IMPORTING + CLASS.format("gcd(4, 6)"),
    ),
    # a name whose definition is a comment, or a comparison
    (UNDEFINED, "# a, b = 1, 2\nprint(b)\n", "a, b = 1, 2\nprint(b)\n"),
    (UNDEFINED, "total == 0\n", "total = 0\n"),
]


def target_of(code: str, diagnostics: list[Diagnostic]) -> Diagnostic:
    return next(diagnostic for diagnostic in diagnostics if diagnostic.code == code)


def test_each_rule_repairs(servers: LanguageServers) -> None:
    files = [{"main.py": original} for _, original, _ in REPAIRS]
    before = [list(result.diagnostics) for result in servers.check_many(map(Request, files))]
    rows = [
        candidate(text, target_of(code, diagnostics), diagnostics)
        for (code, _, _), text, diagnostics in zip(REPAIRS, files, before, strict=True)
    ]
    outcomes = list(RulesTeacher(servers).propose(rows))
    details = [outcome.detail if isinstance(outcome, Reject) else outcome.answer for outcome in outcomes]
    repaired = [
        apply(original, extract(outcome.answer)) if isinstance(outcome, Proposal) else outcome.reason
        for (_, original, _), outcome in zip(REPAIRS, outcomes, strict=True)
    ]
    wanted = [expected for _, _, expected in REPAIRS]
    assert repaired == wanted, [t for r, w, t in zip(repaired, wanted, details, strict=True) if r != w]
    assert all(
        (outcome.minimized, outcome.cost_usd) == (False, 0.0)
        for outcome in outcomes
        if isinstance(outcome, Proposal)
    )


MISTAKES = re.findall(
    r"\w+",
    """
    missing_comma missing_in missing_dot missing_colon wrong_colon wrong_pair doubled_separator
    dot_for_comma unclosed_bracket extra_closing_bracket missing_opening_bracket
    wrong_closing_bracket swapped_closing_brackets bracket_after_colon unclosed_string
    missing_opening_quote mismatched_quotes doubled_quote quote_inside typographic_quotes
    unexpected_indent missing_indent unaligned_dedent block_not_indented block_too_deep
    statement_too_far_out tab_among_blanks indented_top_level return_outside_function single_equals
    joined_statements else_with_condition missing_parentheses misspelt_keyword capitalised_keyword
    print_statement except_comma raise_comma diamond turned_operator foreign_operator else_if
    increment function_keyword exception_keywords declared_variable braces slashed_comment
    question_mark prompt_pasted prompt_inside comment_without_sign line_numbers misspelt_name
    misspelt_own_attribute misspelt_module_attribute foreign_method foreign_constant dropped_self
    missing_self removed_import misspelt_import compared_for_assigned wrong_case
    """,
)
"""Kinds of mistakes (docs/mistakes.md) whose example the rules repair."""


def test_the_mistakes_that_the_rules_repair(servers: LanguageServers) -> None:
    files = [{"main.py": mistaken} for _, mistaken in EXAMPLES.values()]
    before = [list(result.diagnostics) for result in servers.check_many(map(Request, files))]
    rows = [
        candidate(text, diagnostic, diagnostics)
        for text, diagnostics in zip(files, before, strict=True)
        for diagnostic in diagnostics
        if diagnostic.is_error
    ]
    outcomes = iter(RulesTeacher(servers).propose(rows))
    repaired: list[str] = []
    for (kind, (correct, mistaken)), diagnostics in zip(EXAMPLES.items(), before, strict=True):
        found = [next(outcomes) for diagnostic in diagnostics if diagnostic.is_error]
        answers = [outcome.answer for outcome in found if isinstance(outcome, Proposal)]
        if answers and apply(mistaken, extract(answers[0])) == correct:
            repaired.append(kind)
    assert sorted(repaired) == sorted(MISTAKES)


REJECTED = [
    # it has to go without another in its place, which is held for deleted code
    ("no_rule", ATTRIBUTE, "from itertools import izip\n\nprint(izip('a', 'b'))\n"),
    # nothing in the message leads anywhere
    ("no_rule", "pyright[reportReturnType]", "def f() -> int:\n    return 'a'\n"),
    # it is missing, and not misspelt
    ("no_rule", UNDEFINED, "bit = Bit(8)\nprint(bit)\nbit = Bit(9)\n"),
    # no name is close
    ("no_rule", UNDEFINED, "print(wholly_unknown)\n"),
    ("no_rule", UNDEFINED, "execfiles = execfile('a.py')\n"),
    ("no_rule", UNDEFINED, "numbers.append(1)\n"),  # a variable, and not the module
    # nothing is known of a module that is not Python's own
    ("no_rule", "pyright[reportMissingImports]", "import unheard_of_package\n"),
    # its types are known, so that it is absent and not misspelt as `posix`
    ("no_rule", "pyright[reportMissingModuleSource]", "import six\n"),
    # the type is another one than was meant; `encode` is no slip for it
    ("no_rule", ATTRIBUTE, 'print("a".decode())\n'),
    # the program tries what is absent, and has something else for it
    (
        "no_rule",
        "pyright[reportUndefinedVariable]",
        "try:\n    a = xrange\nexcept NameError:\n    a = range\n",
    ),
    # that a name lacks a word of is no slip of it; and neither is what is hardly alike
    ("no_rule", UNDEFINED, "print(b_list)\n"),
    ("no_rule", UNDEFINED, "print(cnt, master, author)\n"),
    # the row is no code, so that its words are no names
    ("no_rule", "pyright[reportUndefinedVariable]", "a = 1\nHello, World and others!\n"),
    # what stands below a broken line may well be where it should
    ("no_rule", SYNTAX, "f(a):\n    b = a\n"),
    ("no_rule", "pyright", "a = = 1\nwhile a:\n    a = 2\nb c d\n    a = 3\n"),
    # it may be a division
    ("no_rule", SYNTAX, "width = rest = 8\na = width // rest width\n"),
    ("no_rule", SYNTAX, "width = 8\na = width // 2 b\n"),
    # the close name is of another type
    ("no_candidate_verifies", UNDEFINED, "length = 'a'\nprint(lenght - 1)\n"),
]


@pytest.mark.parametrize(("reason", "code", "original"), REJECTED)
def test_rejects(servers: LanguageServers, reason: str, code: str, original: str) -> None:
    before = servers.check_workspace({"main.py": original})
    row = candidate({"main.py": original}, target_of(code, before), before)
    [reject] = RulesTeacher(servers).propose([row])
    assert isinstance(reject, Reject)
    assert reject.reason == reason, reject.detail
    assert reject.detail
    assert reject.row == row


NAMELESS = found("main.py", 0, "Undefined name `lenght`")


def test_a_file_that_is_absent_is_the_reason() -> None:
    row = candidate({"other.py": ""}, NAMELESS, [NAMELESS])
    [reject] = RulesTeacher(FunctionServers(lambda files: [])).propose([row])
    assert isinstance(reject, Reject) and reject.reason == "file_absent"


def test_servers_that_fail_are_the_reason() -> None:
    def silent(files: Mapping[str, str]) -> list[Diagnostic]:
        raise ServerTimeoutError("silent for 30 s")

    row = candidate({"main.py": "lenght\nlength = 1\n"}, NAMELESS, [NAMELESS])
    [reject] = RulesTeacher(FunctionServers(silent)).propose([row])
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == ("server_timeout", "silent for 30 s")


def test_few_candidates_are_tried_and_all_of_them_differ() -> None:
    names = "".join(f"length{letter} = 1\n" for letter in "abcdef")
    original = f"{names}datetime(length)\n"
    target = found("main.py", 6, "Undefined name `length`")
    line_diffs = candidates(original, target)
    assert 1 < len(line_diffs) <= MOST_CANDIDATES
    assert len(set(line_diffs)) == len(line_diffs)
    servers = FunctionServers(lambda files: [target])
    [reject] = RulesTeacher(servers).propose([candidate({"main.py": original}, target, [target])])
    assert isinstance(reject, Reject) and reject.reason == "no_candidate_verifies"
    assert servers.checked == len(line_diffs)


@pytest.mark.parametrize("module", ["..path", "os"])
def test_a_name_that_no_module_has_is_not_imported(module: str) -> None:
    target = replace(
        found("main.py", 0, f'"implode" is not a known attribute of module "{module}"'),
        code=ATTRIBUTE,
        start_column=5,
    )
    assert not any("import" in line_diff for line_diff in candidates("path.implode()\n", target))


@pytest.mark.parametrize("code", [SYNTAX, UNDEFINED])
def test_a_row_that_a_program_made_takes_no_time(code: str) -> None:
    original = "a = (" + "{'b' [c, \"d = " * 20_000
    target = replace(found("main.py", 0, '"(" was not closed'), code=code)
    started = time.perf_counter()
    assert candidates(original, target) == []
    assert time.perf_counter() - started < 5


HOSTILE = [
    "x = a ? " + "\t" * 900 + "b : c",
    "raise a, " + "\t" * 900,
    "except a, " * 99,
    "x" * 999,
    "[{(" * 330,
    "a = b; " * 140,
    "print f(\n" + "a = (\n" * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_row_takes_long(text: str) -> None:
    started = time.perf_counter()
    candidates(text, replace(found("main.py", 0, '"(" was not closed'), code=SYNTAX))
    assert time.perf_counter() - started < 5


MESSAGES = [
    '"(" was not closed',
    'Expected ":"',
    "Expected expression",
    "Unexpected indentation",
    "Expected indented block",
    "Unindent not expected",
    "Statements must be separated by newlines or semicolons",
    '"return" can be used only within a function',
]
SIGNS = [*"()[]{}:;,.='\"`?!#", "//", "&&", "++", ">>> ", "\u201c", " ", "    ", "\t", "\n", "\n    "]
WORDS = [
    "a",
    "b",
    "1",
    "print ",
    "else if ",
    "if ",
    "for ",
    "def f",
    "return ",
    "catch ",
    " then",
    "int ",
    "self ",
]
TOKENS = st.sampled_from([*SIGNS, *WORDS])


@given(st.lists(TOKENS, max_size=25), st.sampled_from(MESSAGES), st.integers(0, 30), st.data())
def test_every_candidate_applies_and_changes_something(
    tokens: list[str], message: str, column: int, data: st.DataObject
) -> None:
    text = "".join(tokens)
    line = data.draw(st.integers(0, text.count("\n")))
    target = replace(found("main.py", line, message), code=SYNTAX, start_column=column, end_column=column + 1)
    line_diffs = candidates(text, target)
    assert len(line_diffs) <= MOST_CANDIDATES
    assert all(apply(text, line_diff) != text for line_diff in line_diffs)


def test_rows_keep_their_order_and_ask_together() -> None:
    rows = [
        candidate(
            {"main.py": "length = 1\nlenght\n" if number % 2 else "wholly_unknown\n"},
            found("main.py", number % 2, f"Undefined name `{'lenght' if number % 2 else 'wholly_unknown'}`"),
            [found("main.py", 1, "Undefined name `lenght`")],
            number=number,
        )
        for number in range(70)
    ]
    servers = FunctionServers(lambda files: [])
    outcomes = list(RulesTeacher(servers).propose(iter(rows)))
    assert [isinstance(outcome, Proposal) for outcome in outcomes] == [
        bool(number % 2) for number in range(70)
    ]
    assert servers.rounds == [32, 3]


def test_what_it_proposes_is_verified(servers: LanguageServers) -> None:
    original = "import math\n\nprint(math.pie)\n"
    before = servers.check_workspace({"main.py": original})
    row = candidate({"main.py": original}, target_of(ATTRIBUTE, before), before)
    candidates = as_batch([row], REPAIR_CANDIDATES)
    [synthesized] = BY_NAME["synthesized_diffs"].run([candidates], servers, teacher="rules")
    [batch] = BY_NAME["verified_diffs"].run([synthesized.select(SYNTHESIZED_DIFFS.names)], servers)
    [verified] = batch.to_pylist()
    assert (verified["reason"], verified["teacher"]) == (None, "rules"), verified["detail"]
    assert verified["line_diff"] == "-3 print(math.pie)\n+3 print(math.pi)"


def test_a_module_is_read_and_not_run() -> None:
    assert {"pi", "sqrt"} <= names_of_module("math")  # has no source
    assert {"join", "exists"} <= names_of_module("os.path")
    assert "fly" not in names_of_module("antigravity") and names_of_module("antigravity")
    assert names_of_module("numpy") == frozenset()
    assert names_of_module("os.nothing") == frozenset()


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("lenght", {"length", "height", "len"}, ["length"]),
        ("TOTAL", {"total", "TOTALS"}, ["total", "TOTALS"]),
        # itself is no slip, and neither is what only begins alike
        ("total", {"total", "total_of_everything"}, []),
    ],
)
def test_the_closest_names(name: str, known: set[str], expected: list[str]) -> None:
    assert closest(name, known) == expected
