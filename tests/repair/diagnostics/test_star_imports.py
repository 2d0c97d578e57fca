"""What a wildcard import may bring whose module the servers do not find."""

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import subject
from repair.diagnostics.star_imports import unresolved_star_import
from repair.language_servers import Request
from repair.language_servers.servers import LanguageServers
from tests.repair.synthesis.support import found

UNDEFINED = found("main.py", 2, '"solve" is not defined')


def missing(path: str = "main.py", line: int = 0, code: str = "pyright[reportMissingImports]") -> Diagnostic:
    return found(path, line, 'Import "sympy" could not be resolved', code=code)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("from sympy import *", "sympy"),
        ("\tfrom  sympy.core import  *  # all", "sympy.core"),
        ("from .sympy import *", "sympy"),
        ("from . import *", "."),
        ("from sympy import solve", None),
        ("import sympy", None),
        ("from sympy import (\n    *)", None),  # no Python
    ],
)
def test_it_is_a_wildcard(row: str, expected: str | None) -> None:
    files = {"main.py": f"{row}\n\nsolve(1)\n"}
    assert unresolved_star_import(files, UNDEFINED, [missing()]) == expected


@pytest.mark.parametrize(
    ("diagnostic", "known"),
    [
        (UNDEFINED, []),  # it is found
        (UNDEFINED, [missing(line=1)]),  # another import is not
        (UNDEFINED, [missing(path="other.py")]),
        (UNDEFINED, [missing(code="pyright[reportMissingModuleSource]")]),  # its names are known
        (found("main.py", 2, "", code="pyright[reportIndexIssue]"), [missing()]),
        (found("other.py", 2, '"solve" is not defined'), [missing()]),
        (found("absent.py", 2, '"solve" is not defined'), [missing()]),
    ],
)
def test_it_is_missing_where_the_name_is(diagnostic: Diagnostic, known: list[Diagnostic]) -> None:
    files = {"main.py": "from sympy import *\n\nsolve(1)\n", "other.py": ""}
    assert unresolved_star_import(files, diagnostic, known) is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"main.py": "from a.b import *", "src/a/b.py": "from sympy import *"}, "sympy"),
        (
            {
                "main.py": "from .b import *",
                "b/__init__.py": "from .c import *",
                "b/c.py": "from sympy import *",
            },
            "sympy",
        ),
        ({"main.py": "from b import *", "ab.py": "from sympy import *"}, None),
        ({"main.py": "import b", "b.py": "from sympy import *"}, None),
        ({"main.py": "from b import *", "b.py": "from main import *"}, None),
    ],
)
def test_another_file_may_have_it(files: dict[str, str], expected: str | None) -> None:
    known = [missing(path=path) for path in files if path != "main.py" and "sympy" in files[path]]
    assert unresolved_star_import(files, UNDEFINED, known) == expected


def test_as_the_servers_report_it(servers: LanguageServers) -> None:
    files = {"main.py": "from sympy import *\nfrom math import *\n\nprint(solve(pi))\n"}
    [result] = servers.check_many([Request(files)])
    undefined = [one for one in result.diagnostics if subject(one) == "solve"]
    assert {unresolved_star_import(files, one, result.diagnostics) for one in undefined} == {"sympy"}
