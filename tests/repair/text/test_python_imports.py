"""Import graph by names: what an edit may affect, and that the servers agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.language_servers import LanguageServers, Request
from repair.text.python_imports import imported_names, module_name, reached
from tests.cpu_time import cpu_bound


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.py", "a"),
        ("pkg/b.pyi", "b"),
        ("pkg/__init__.py", "pkg"),
        ("six-stubs/__init__.pyi", "six"),  # stubs are imported under the name of what they are for
        ("__init__.py", None),  # a root that is a package has no name in the workspace
        ("notes.txt", None),
    ],
)
def test_the_name_of_a_module(path: str, name: str | None) -> None:
    assert module_name(path) == name


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b as c, d\n", {"import", "a", "b", "as", "c", "d"}),
        ("from .x import (y,\n    z)\n", {"from", "x", "import", "y", "z"}),
        ("if True: import a\n", {"import", "a"}),  # not at the start of a line
        ("x = 1; from a import b\n", {"from", "a", "import", "b"}),
        ("from a import \\\n    b\n", {"from", "a", "import", "b"}),
        ("from a import (b, c", {"from", "a", "import", "b", "c"}),  # a bracket that is never closed
        ("important = a\n", set()),
        ("    # import a\nx = '#'; import b\n", {"import", "b"}),  # a comment, and what only looks like one
    ],
)
def test_the_names_that_a_text_imports(text: str, names: set[str]) -> None:
    assert imported_names(text) == names


FILES = {
    "app/__init__.py": "from app.core import run\n",
    "app/core.py": "from . import util\n",
    "app/util.py": "x = 1\n",
    "app/deep/leaf.py": "from ..util import x\n",
    "main.py": "import app\n",
    "alone.py": "import os\n",
    "README.md": "import util\n",
}


@pytest.mark.parametrize(
    ("edited", "others"),
    [
        ("alone.py", set()),
        ("main.py", set()),
        # through the core to the package, and on to what imports the package or is imported from it
        ("app/util.py", {"app/core.py", "app/__init__.py", "app/deep/leaf.py", "main.py"}),
        # `from . import` takes from the package without naming it
        ("app/__init__.py", {"app/core.py", "app/deep/leaf.py", "main.py"}),
        ("nowhere.py", set()),
    ],
)
def test_what_an_edit_reaches(edited: str, others: set[str]) -> None:
    assert reached(FILES, [edited]) == {edited} | others


def test_builtins_reach_everything() -> None:
    files = {"__builtins__.pyi": "reveal: int\n", **FILES}
    assert reached(files, ["__builtins__.pyi"]) == {path for path in files if path.endswith((".py", ".pyi"))}


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=3), min_size=1
    ),
    st.data(),
)
def test_it_is_the_closure_of_importing(graph: dict[str, list[str]], data: st.DataObject) -> None:
    files = {f"{name}.py": "".join(f"import {imported}\n" for imported in graph[name]) for name in graph}
    edited = data.draw(st.sampled_from(sorted(graph)))
    expected = {edited}
    for _ in graph:  # a path has no more steps than there are files
        expected |= {name for name in graph if expected.intersection(graph[name])}
    assert reached(files, [f"{edited}.py"]) == {f"{name}.py" for name in expected}


def large(edited: str) -> dict[str, str]:
    """A large workspace: pairs, each an error; one chain of imports of `base`."""
    files = {f"other_{n}.py": f"import twin_{n}\ntwin_{n}.a\n" for n in range(10)}
    files |= {f"twin_{n}.py": f"b = missing_{n}\n" for n in range(10)}
    chain = {
        "base.py": edited,
        "middle.py": "from base import value\nagain = value\n",
        "end.py": "import middle\ntext: str = middle.again\n",
    }
    return {**files, **chain}


def test_the_servers_say_of_what_is_reached_what_they_say_of_it_in_the_whole() -> None:
    with LanguageServers(workers=1) as servers:
        for text in ("value = ''\n", "value = 1\n", "value = name\n"):
            files = large(text)
            whole = servers.check_workspace(files)
            [part] = servers.check_many([Request(files, edited=("base.py",))])
            wanted = {"base.py", "middle.py", "end.py"}
            assert list(part.diagnostics) == [diagnostic for diagnostic in whole if diagnostic.path in wanted]
            assert len(whole) > len(part.diagnostics)  # the pairs were left out


def test_packages_of_many_folders_with_relative_imports() -> None:
    files = {"top/__init__.py": "", "top/a/b/c.py": "from .. import x\n", "other/d.py": "from . import y\n"}
    assert reached(files, ["top/__init__.py"]) == {"top/__init__.py", "top/a/b/c.py"}
    root = {"__init__.py": "", **files}
    assert reached(root, ["__init__.py"]) == {"__init__.py", "top/a/b/c.py", "other/d.py"}


def test_a_strangers_graph_takes_linear_time() -> None:
    relative = {f"p{i}/__init__.py": "from . import x\nimport x\n" for i in range(4_000)}
    same = {f"q{i}/x.py": "import x, p1\n" for i in range(4_000)}
    with cpu_bound(2):
        assert reached({**relative, **same}, ["q0/x.py"]) == relative.keys() | same.keys()
