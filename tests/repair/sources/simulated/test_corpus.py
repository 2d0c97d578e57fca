"""Corpora: folders, installed packages, licences, and programs that are cut out of modules."""

import ast
from datetime import date
from pathlib import Path
from random import Random

import pytest

from repair.curation.licence_expressions import permitted_expression
from repair.errors import ConfigurationError
from repair.language_servers import LanguageServers, Request
from repair.sources.simulated import projects_and_events
from repair.sources.simulated.corpus import MAIN_LINES, Corpus, Module, corpus_of, folder
from repair.sources.simulated.corpus import installed as corpus_of_installed
from repair.sources.simulated.main_part import main_part
from repair.sources.simulated.programs import MAXIMUM_LINES, MINIMUM_LINES, programs
from tests.licence_texts import installed

BODY = "\n\n".join(
    f"def function_{n}(value):\n    result = value + {n}\n    return result" for n in range(12)
)


def test_a_folder_gives_whole_modules_that_fit(tmp_path: Path) -> None:
    (tmp_path / "fits.py").write_text(BODY)
    (tmp_path / "short.py").write_text("def f(): ...\n")  # below 40 lines, and below 15
    (tmp_path / "two.py").write_text("print 1\n" * 50)  # Python 2
    (tmp_path / "near.py").write_text("from . import x\n" + "\n".join(f"x.f({n})" for n in range(60)))
    (tmp_path / "crlf.py").write_bytes(BODY.replace("\n", "\r\n").encode())  # offsets are by line feed
    (tmp_path / "latin.py").write_bytes(BODY.encode() + b"\n# \xe9\n")  # not UTF-8
    (tmp_path / "LICENSE").write_text(installed("requests"))
    corpus = folder(tmp_path)
    assert [module.name for module in corpus.modules] == ["my_fits"]
    assert corpus.licence == "Apache-2.0"
    ((project, events),) = projects_and_events(
        projects=1, days=1, corpora=[corpus], first_date=date(2025, 1, 2)
    )
    assert (project.licence, project.consent) == ("Apache-2.0", True)
    assert {event.timestamp.date() for event in events} == {date(2025, 1, 2)}


def test_a_corpus_whose_licence_is_not_known_gives_no_consent(tmp_path: Path) -> None:
    (tmp_path / "fits.py").write_text(BODY)
    (tmp_path / "LICENSE").write_text("All rights reserved.")
    ((project, _),) = projects_and_events(projects=1, days=1, corpora=[folder(tmp_path)])
    assert (project.licence, project.consent) == (None, None)


def test_a_corpus_has_the_name_and_licence_that_are_given(tmp_path: Path) -> None:
    (tmp_path / "fits.py").write_text(BODY)
    corpus = corpus_of(f"own={tmp_path}:MIT")
    assert (corpus.name, corpus.licence) == ("own", "MIT")
    ((project, _),) = projects_and_events(projects=1, days=1, corpora=[corpus])
    assert (project.licence, project.consent) == ("MIT", True)
    assert project.project_id.startswith("sim-own-")
    assert corpus_of(f"own={tmp_path}").licence is None
    assert corpus_of(str(tmp_path)).name == tmp_path.name


def test_an_installed_package_brings_its_licence() -> None:
    corpus = corpus_of("click")
    assert (corpus.name, corpus.licence) == ("click", "BSD-3-Clause")
    assert len(corpus.modules) >= 10
    assert corpus == corpus_of_installed("click")


def test_each_project_has_files_and_the_licence_of_one_corpus() -> None:
    corpora = [
        Corpus(name, tuple(Module(f"my_{name}_{n}", BODY) for n in range(7)), licence)
        for name, licence in (("a", "MIT"), ("b", "Apache-2.0"))
    ]
    found = list(projects_and_events(projects=8, days=1, modules_per_project=2, corpora=corpora))
    assert {project.licence for project, _ in found} == {"MIT", "Apache-2.0"}
    written: list[str] = []
    for project, events in found:
        name = project.project_id.split("-")[1]
        paths = {event.path for event in events if event.path and event.path.startswith("my_")}
        assert paths and all(path.startswith(f"my_{name}_") for path in paths)
        written += sorted(path for path in paths if not path.endswith("_2.py"))
        assert project.licence == {"a": "MIT", "b": "Apache-2.0"}[name]
    assert len({path for path in written if path.startswith("my_a")}) >= 4


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("no-such-package-here", "neither a folder nor an installed package"),
        ("PLACE/absent", "is not a folder"),
        ("PLACE", "has no fitting module"),
        ("own=PLACE:GPL-3.0-only", "GPL-3.0-only is no SPDX expression of a permissive licence"),
        ("a name=PLACE", "a name has letters"),
        ("../up", "is not a folder"),
    ],
)
def test_a_corpus_that_can_not_be_typed_is_refused(tmp_path: Path, description: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        corpus_of(description.replace("PLACE", str(tmp_path)))


SOURCE = '''"""A module."""

import os
import requests
from json import dumps, loads as read

LIMIT = 3
FLAG = requests.get
if LIMIT:
    EITHER = 1


def helper(text: str) -> str:
    """Help.

    At length, with many words, that
    nobody writes in a small program.
    """
    value = read(text)
    if value:
        return dumps(value)
    return os.sep


def wanted(text):
    """Want."""
    found = []
    for number in range(LIMIT):
        found.append(helper(text))
    while len(found) > 2:
        found.pop()
    return found


def elsewhere(text):
    return requests.get(text)


def unclear(text):
    return EITHER + text
'''


def test_a_program_has_what_its_functions_reach_and_nothing_else() -> None:
    (program,) = programs(SOURCE)
    assert program == (
        "import os\nfrom json import dumps, loads as read\n\nLIMIT = 3\n\n\n"
        'def helper(text: str) -> str:\n    """Help."""\n    value = read(text)\n    if value:\n'
        "        return dumps(value)\n    return os.sep\n\n\n"
        'def wanted(text):\n    """Want."""\n    found = []\n    for number in range(LIMIT):\n'
        "        found.append(helper(text))\n    while len(found) > 2:\n        found.pop()\n"
        "    return found\n"
    )


def test_programs_of_an_installed_package_are_small_and_stand_alone() -> None:
    corpus = corpus_of("click")
    for module in corpus.modules:
        tree = ast.parse(module.text)
        lines = module.text.count("\n")
        assert lines >= MINIMUM_LINES
        assert lines <= MAXIMUM_LINES + MAIN_LINES + 2 or lines >= 40
        assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))
    assert permitted_expression(corpus.licence or "")


def test_each_piece_of_a_main_part_is_a_program_that_the_servers_accept(servers: LanguageServers) -> None:
    texts = [main_part(Random(seed), MAIN_LINES) for seed in range(24)]
    assert len(set(texts)) == len(texts) and all(text.count("\n") <= MAIN_LINES for text in texts)
    results = servers.check_many(Request({"main.py": text}) for text in texts)
    errors = [found for result in results for found in result.diagnostics if found.severity == "error"]
    assert errors == []
