"""The warm servers find exactly what fresh command lines find, diagnostic by diagnostic."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request
from tests.repair.language_servers.command_lines import CommandLines, made_by, recorded
from tests.repair.language_servers.workspaces import WORKSPACES

Alone = Callable[[str], list[Diagnostic]]


def rows_of(diagnostics: list[Diagnostic]) -> list[tuple]:
    """`diagnostics` in the units of the programs' own output."""
    return sorted(
        (one.path, *position, one.code, one.message, last)
        for one in diagnostics
        for position, last in [
            (
                (one.start_line, one.start_column, one.end_line, one.end_column),
                str(one.has_code_action),
            )
            if one.code.startswith("ruff")
            else ((one.start_line, one.start_character, one.end_line, one.end_character), one.severity)
        ]
    )


@pytest.fixture(scope="module")
def alone(servers: LanguageServers) -> Alone:
    """The warm servers' diagnostics of a workspace, asked for once: each with settings starts a server."""
    return cache(lambda name: servers.check_workspace(WORKSPACES[name]))


@pytest.mark.parametrize("name", WORKSPACES)
def test_equals_fresh_command_lines(name: str, alone: Alone) -> None:
    _, found = recorded()
    assert rows_of(alone(name)) == found[name]


@pytest.mark.parametrize("name", ["nested package", "src layout", "same names", "beyond the basic plane"])
def test_fresh_command_lines_find_what_was_recorded(name: str, command_lines: CommandLines) -> None:
    programs, found = recorded()
    assert (programs, list(found)) == (made_by(), list(WORKSPACES)), "record it again: see `command_lines`"
    assert command_lines.found(WORKSPACES[name]) == found[name]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_alone_in_any_order_and_beside_any_neighbour(alone: Alone) -> None:
    """Nothing leaks: a worker's result for a workspace does not depend on the requests before it."""
    random = Random(0)
    own = [name for name in WORKSPACES if {"pyrightconfig.json", "pyproject.toml"} & set(WORKSPACES[name])]
    plain = [name for name in WORKSPACES if name not in own]
    # one server sees all without settings, each about twice; for most of the others a server starts
    once = [*plain, *random.sample(own, 8)]
    order = [*random.sample(once, len(once)), *random.choices(plain, k=len(plain))]
    with LanguageServers(workers=1) as fresh:
        results = list(fresh.check_many(Request(WORKSPACES[name]) for name in order))
        different = {
            name: set(alone(name)) ^ set(result.diagnostics)
            for name, result in zip(order, results, strict=True)
            if list(result.diagnostics) != alone(name)
        }
    assert not different


def test_the_python_version_of_a_neighbour_is_forgotten() -> None:
    """Projects of equal settings share a server, which learns from one what the other must not know."""
    newer, older = (WORKSPACES[f"a newer environment{end}"] for end in ("", ", checked last"))
    with LanguageServers() as servers:
        found = [[one.message for one in servers.check_workspace(files)] for files in (newer, older, newer)]
    assert found[0] == found[2] != found[1]
    assert all(len(messages) == 1 for messages in found)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    neighbours=st.lists(
        st.dictionaries(
            st.sampled_from(["main.py", "helper.py", "helper.pyi", "helper/__init__.py", "src/helper.py"]),
            st.sampled_from(
                ["", "a = 1\n", "import helper\nhelper.a\n", "import yaml, json\n", "from main import b\n"]
            ),
            min_size=1,
        ).filter(lambda files: not {"helper.py", "helper/__init__.py"} <= files.keys()),
        max_size=3,
    )
)
def test_neighbours_with_the_same_names(neighbours: list[dict[str, str]], servers: LanguageServers) -> None:
    """A workspace's diagnostics are known beforehand; whatever is asked around it, they stay."""
    files = {"main.py": "import helper\nhelper.a\nhelper.b\n", "helper.py": "a = 1\n"}
    requests = [Request(files) for files in neighbours]
    *_, first = servers.check_many([*requests, Request(files)])
    last, *_ = servers.check_many([Request(files), *requests])
    for result in (first, last):
        messages = [one.message for one in result.diagnostics if one.code.startswith("pyright[reportA")]
        assert messages == ['"b" is not a known attribute of module "helper"']
        assert not any("could not be resolved" in one.message for one in result.diagnostics)


def _modules(library: Path) -> dict[str, str]:
    small = [path for path in sorted(library.glob("*.py")) if path.stat().st_size < 20_000][::3][:25]
    return {path.name: path.read_text(encoding="utf-8") for path in small}


def _packages(library: Path, *names: str) -> dict[str, str]:
    return {
        str(path.relative_to(library)): path.read_text(encoding="utf-8")
        for name in names
        for path in (library / name).rglob("*.py")
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_equals_fresh_command_lines_on_the_standard_library(
    servers: LanguageServers, command_lines: CommandLines, standard_library: Path
) -> None:
    # few and large: a fresh command line costs far more to start than to check another module
    workspaces = [
        _modules(standard_library),
        _packages(standard_library, "json", "concurrent", "html"),
        _packages(standard_library, "importlib", "wsgiref", "dbm"),
    ]
    results = list(servers.check_many(Request(files) for files in workspaces))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(command_lines.found, workspaces))
    differences = {}
    for files, result, fresh in zip(workspaces, results, found, strict=True):
        assert result.error is None
        if rows_of(list(result.diagnostics)) != fresh:
            differences[next(iter(files))] = set(rows_of(list(result.diagnostics))) ^ set(fresh)
    assert not differences
    assert sum(len(result.diagnostics) for result in results) > 500  # there was something to compare
