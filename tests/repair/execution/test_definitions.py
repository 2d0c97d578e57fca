"""Which edits of a package change the digest of a function's definitions, and which do not."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import repair
from repair.error_states.reproduction import reproduce
from repair.errors import ConfigurationError
from repair.execution import definitions, source_index
from repair.execution.definitions import Sources, definitions_of
from repair.ot import apply
from repair.schema.outcomes import outcome_batch
from repair.synthesis.history import HistoryTeacher
from repair.synthesis.offline import synthesize_offline
from repair.synthesis.rules import RulesTeacher

FILES = {
    "__init__.py": "from pkg.faces import shown\n",
    "stage.py": '''
"""A stage."""
from functools import partial

import pyarrow as pa

import pkg.deep.inner
from pkg import numbers as n
from pkg import shown
from pkg.base import Base as Renamed
from pkg.deco import logged
from pkg.tables import HANDLERS
from pkg.unused import never
from tests.cpu_time import cpu_bound

SIZE = 10
OTHER = 20


@logged
def run(rows, size=SIZE):
    """Runs."""
    from pkg.late import late

    handler = HANDLERS["a"]
    found = partial(handler, late, shown, pkg.deep.inner.found)
    return [found(Own(row), n.double(row)) for row in rows][:size]


class Own(Renamed):
    limit: int = 3

    def page(self):
        return render("page.html")


def render(template):
    return template


def unreached():
    return never() + OTHER
''',
    "numbers.py": "def double(x):\n    return x * 2\n\n\ndef triple(x):\n    return x * 3\n",
    "faces.py": "from pkg.made import shown\n\nhidden = 1\n",
    "made.py": "def shown():\n    return 1\n",
    "base.py": "class Root:\n    def up(self):\n        return 1\n\n\nclass Base(Root):\n    pass\n",
    "deco.py": "def logged(function):\n    return function\n",
    "tables.py": (
        "from pkg.handlers import first, second\n\nHANDLERS = {'a': first, 'b': {'c': (second,)}}\n"
        "SPARE = {}\nHANDLERS['d'] = len\n"
    ),
    "handlers.py": "def first(*a):\n    return helper()\n\n\ndef second():\n    return 2\n\n\n"
    "def helper():\n    return started('pkg.child')\n\n\ndef started(name):\n    return name\n",
    "child.py": "def main():\n    return work()\n\n\ndef work():\n    return 1\n",
    "late.py": "def late():\n    return 1\n",
    "unused.py": "def never():\n    return 1\n",
    "deep/__init__.py": "",
    "deep/inner.py": "found = 1\nother = 2\n",
    "templates/page.html": '{% extends "frame.html" %}',
    "templates/frame.html": "<html>",
    "templates/spare.html": "<p>",
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def digest(folder: Path, *roots: Any, **options: Any) -> str:
    return Sources({"pkg": folder}).reached(*(roots or ("pkg.stage:run",)), **options).digest


EDITS = [
    # file, before, after, whether the digest changes
    ("stage.py", "[:size]", "[:size + 1]", True),  # the function itself
    ("stage.py", "SIZE = 10", "SIZE = 11", True),  # a constant in a default argument
    ("stage.py", "OTHER = 20", "OTHER = 21", False),  # unreached, in the same module
    ("stage.py", "never() + OTHER", "never()", False),
    ("stage.py", '"""Runs."""', '"""Runs, says another."""', False),
    ("stage.py", "SIZE = 10", "# ten\nSIZE = (10)  # so many\n\n", False),
    ("stage.py", "limit: int = 3", "limit: int = 4", True),
    ("stage.py", "limit: int = 3", "limit: float = 3", True),  # a field's annotation may be read
    ("stage.py", "def render(template):", "def render(template: str) -> str:", False),
    ("stage.py", "return template\n", "return template.upper()\n", True),  # by a method of a reached class
    ("stage.py", "from pkg import numbers as n", "from pkg import other_numbers as n", True),
    ("numbers.py", "x * 2", "x + x", True),  # an attribute of a module
    ("numbers.py", "x * 3", "x + x + x", False),
    ("faces.py", "hidden = 1", "hidden = 2", False),
    ("faces.py", "from pkg.made import shown", "from pkg.late import late as shown", True),
    ("made.py", "return 1", "return 2", True),  # through a package's face
    ("base.py", "return 1", "return 2", True),  # a method of the base's base
    ("deco.py", "return function", "return print", True),
    ("tables.py", "SPARE = {}", "SPARE = {1: 2}", False),
    ("tables.py", "['d'] = len", "['d'] = max", True),  # a statement that changes a table
    ("handlers.py", "return 2", "return 3", True),  # a nested table of functions
    ("handlers.py", "return name", "return str(name)", True),  # what a function of the table calls
    ("child.py", "return 1", "return 2", True),  # a module started by name
    ("late.py", "return 1", "return 2", True),  # an import inside the function
    ("unused.py", "return 1", "return 2", False),  # imported by the module, used by nothing reached
    ("deep/inner.py", "found = 1", "found = 3", True),
    ("deep/inner.py", "other = 2", "other = 3", False),
    ("templates/page.html", "extends", "include", True),  # a data file that a string names
    ("templates/frame.html", "<html>", "<HTML>", True),  # one that the data file names
    ("templates/spare.html", "<p>", "<b>", False),
]


@pytest.mark.parametrize(("file", "before", "after", "changes"), EDITS)
def test_an_edit_changes_the_digest_where_its_definition_is_reached(
    tmp_path: Path, file: str, before: str, after: str, changes: bool
):
    original = write(tmp_path / "a" / "pkg", FILES)
    extra = {"other_numbers.py": FILES["numbers.py"]}
    assert FILES[file].count(before) >= 1
    edited = write(tmp_path / "b" / "pkg", FILES | extra | {file: FILES[file].replace(before, after)})
    assert (digest(original) != digest(edited)) is changes


def test_the_digest_is_that_of_the_sources_and_not_of_their_place_or_time(tmp_path: Path):
    first, second = (write(tmp_path / name / "pkg", FILES) for name in ("a", "b"))
    assert digest(first) == digest(second)
    for file in second.rglob("*.py"):
        file.write_text("\n\n# moved down\n" + file.read_text())
    assert digest(first) == digest(second)


def test_the_parts_name_what_was_reached(tmp_path: Path):
    folder = write(tmp_path / "pkg", FILES)
    parts = Sources({"pkg": folder}).reached("pkg.stage:run").parts
    assert {
        "pkg.stage:run",
        "pkg.made:shown",
        "pkg.child:work",
        "pkg/templates/page.html",
        "pkg.tables:",
    } <= set(parts)
    assert not {"pkg.stage:unreached", "pkg.unused:never", "pkg.faces:shown", "pyarrow"} & set(parts)


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("import pyarrow as pa\ndef f(): return pa.table({})", "pyarrow"),
        ("def f():\n from rensa import RMinHash\n return RMinHash()", "rensa"),
        ("from google.protobuf import message\ndef f(): return message.Message", "protobuf"),
        ("from composer import Trainer\ndef f(): return Trainer()", "mosaicml"),
        ("import kingfisher_sdk\ndef f(): return kingfisher_sdk.Rules()", "kingfisher-secret-scanner"),
        ("import phonenumbers\ndef f(): return phonenumbers.parse('')", "phonenumberslite"),
        ("import ast\ndef f(): return ast.parse('')", "python"),
        ("import sys\ndef f(x): return x in sys.stdlib_module_names", "python"),
        ("def f(x): return compile(x, '', 'exec')", "python"),
        ("import os\nimport pyarrow\ndef f(): return os.name", None),
        ("import dagster as dg\ndef f(): return dg.Failure('')", None),
    ],
)
def test_the_versions_of_packages_that_reached_definitions_use(
    tmp_path: Path, source: str, package: str | None
):
    folder = write(tmp_path / "pkg", {"__init__.py": "", "stage.py": source})
    parts = dict(Sources({"pkg": folder}).reached("pkg.stage:f").parts)
    del parts["pkg.stage:f"]
    assert list(parts) == ([package] if package else [])
    assert "not installed" not in parts.values()


def test_another_version_of_a_package_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = "import rensa\ndef f(): return rensa.RMinHash()\ndef g(): return 1"
    folder = write(tmp_path / "pkg", {"__init__.py": "", "stage.py": source})
    before = [digest(folder, f"pkg.stage:{name}") for name in "fg"]
    monkeypatch.setattr(definitions, "version", lambda _: "99.0")
    definitions._version.cache_clear()
    after = [digest(folder, f"pkg.stage:{name}") for name in "fg"]
    definitions._version.cache_clear()
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize(
    ("use", "changes"),
    [
        ("return getattr(numbers, 'tri' + 'ple')", True),  # an object: all of it
        ("return use(numbers)", True),
        ("return numbers.double(1)", False),
        ("return numbers.quadruple(1)", True),  # made when it is imported, so any of it may make it
        ("return [numbers][0].double(1)", True),
    ],
)
def test_a_module_used_as_an_object_counts_as_a_whole(tmp_path: Path, use: str, changes: bool):
    files = {"__init__.py": "", "numbers.py": FILES["numbers.py"]}
    files["stage.py"] = f"from pkg import numbers\ndef use(x): return x\ndef f():\n    {use}\n"
    folder = write(tmp_path / "a" / "pkg", files)
    edited = write(tmp_path / "b" / "pkg", files | {"numbers.py": files["numbers.py"].replace("* 3", "* 4")})
    assert (digest(folder, "pkg.stage:f") != digest(edited, "pkg.stage:f")) is changes


def test_star_imports_subclasses_and_circles_are_followed(tmp_path: Path):
    files = {
        "__init__.py": "from pkg import a\n",
        "a.py": "from pkg.b import *\nimport pkg.b\ndef f(): return one() + len(Base.__subclasses__())\n",
        "b.py": "import pkg.a\ndef one(): return pkg.a.f\nclass Base: pass\nclass Sub(Base): pass\n",
    }
    parts = Sources({"pkg": write(tmp_path / "pkg", files)}).reached("pkg.a:f").parts
    assert {"pkg.a:f", "pkg.b:one", "pkg.b:Base", "pkg.b:Sub"} <= set(parts)


def test_roots_are_functions_classes_methods_and_what_a_partial_holds():
    with_teacher = definitions_of(partial(outcome_batch, HistoryTeacher))
    assert set(definitions_of(outcome_batch).parts) < set(with_teacher.parts)
    assert "repair.synthesis.history:HistoryTeacher" in with_teacher.parts
    assert definitions_of(HistoryTeacher.propose) == definitions_of(HistoryTeacher)
    assert definitions_of("repair.ot:apply") == definitions_of(apply), "by its package's face"
    assert definitions_of(partial(reproduce, x=3)) == definitions_of(reproduce)


def test_a_root_of_another_package_is_followed_in_its_own_module():
    parts = definitions_of(write).parts
    assert f"{__name__}:write" in parts
    assert f"{__name__}:digest" not in parts


@pytest.mark.parametrize("root", [len, 3, "repair.nothing:f", "repair.ot:nothing", "nothing"])
def test_what_has_no_source_is_refused(root: Any):
    with pytest.raises(ConfigurationError, match="to take a digest of"):
        definitions_of(root)


def test_the_search_stops_where_it_is_told_to(tmp_path: Path):
    folder = write(tmp_path / "pkg", FILES)
    stopped = Sources({"pkg": folder}).reached(
        "pkg.stage:run", "pkg.handlers:second", without=["pkg.tables:HANDLERS"]
    )
    assert "pkg.handlers:second" in stopped.parts
    assert not {"pkg.tables:HANDLERS", "pkg.handlers:first"} & set(stopped.parts)


@pytest.fixture
def own_copy(tmp_path: Path) -> Iterator[Path]:
    """A copy of the real package's source."""
    copied = tmp_path / "repair"
    shutil.copytree(Path(repair.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    yield copied


def test_a_constant_of_the_history_teacher_decides_its_diffs_and_no_reproduction(own_copy: Path):
    roots = {
        "history": [synthesize_offline, HistoryTeacher],
        "rules": [synthesize_offline, RulesTeacher],
        "reproduce": [reproduce],
    }
    one_of_them = ["repair.synthesis.offline:TEACHERS"]

    def digests() -> dict[str, str]:
        sources = Sources({"repair": own_copy})
        return {name: sources.reached(*root, without=one_of_them).digest for name, root in roots.items()}

    before = digests()
    assert before == {name: definitions_of(*root, without=one_of_them).digest for name, root in roots.items()}
    teacher = own_copy / "synthesis" / "history.py"
    source = teacher.read_text()
    constant = "MOST_TRIED = 3"
    assert source.count(constant) == 1
    teacher.write_text(source.replace(constant, "MOST_TRIED = 4"))
    after = digests()
    assert {name for name in roots if before[name] != after[name]} == {"history"}


def test_a_process_that_runs_older_code_than_the_sources_say_marks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = definitions_of(reproduce).digest
    monkeypatch.setattr(definitions, "_STARTED", 0.0)  # so that every source was written since
    assert Sources({"repair": Path(repair.__file__).parent}).reached(reproduce).digest != before


def test_another_process_comes_to_the_same_digest_and_a_second_look_parses_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    program = (
        "import json\nfrom repair.execution.definitions import definitions_of\n"
        "print(definitions_of('repair_assets.error_states', 'eval_assets.eval_results').digest)"
    )
    digest = definitions_of("repair_assets.error_states", "eval_assets.eval_results").digest
    with monkeypatch.context() as patch:
        patch.setattr(source_index.ast, "parse", None)
        assert definitions_of("repair_assets.error_states", "eval_assets.eval_results").digest == digest
    other = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "PYTHONHASHSEED": "7"},
    )
    assert other.stdout.strip() == digest
