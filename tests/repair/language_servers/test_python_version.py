"""The version of Python that a project requires: what is read, and that both paths of pyright obey it."""

from pathlib import Path

import pytest

from repair.language_servers import LanguageServers, Request
from repair.language_servers.python_version import project_python, required_by_setup_py
from repair.language_servers.remote import RemoteLanguageServers
from repair.language_servers.workspace import PreparedWorkspace
from tests.cpu_time import cpu_bound
from tests.servers_over_http import Instance

RUNNING = "3.11.7"


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        (">=3.12", "3.12"),
        (">= 3.12, <4", "3.12"),
        ("~=3.12.1", "3.12"),
        (">3.12", "3.12"),  # 3.12.1
        ("==3.13.*", "3.13"),
        ("==3.13.1", "3.13"),
        (">=3.13.0b1", "3.13"),
        (">=3.9,!=3.11.*", "3.12"),
        ("<3.11", "3.10"),
        (">=3.8, <3.10", "3.9"),
        # the running version is admitted
        (">=3.8", None),
        (">=3.11.9", None),
        ("!=3.10.*", None),
        # Python 2, nonsense
        ("==2.7.*", None),
        ("three", None),
        ("", None),
        (">=3.12," * 1000, None),
    ],
)
def test_requires_python(requires: str, expected: str | None) -> None:
    files = {"pyproject.toml": f'[project]\nrequires-python = "{requires}"\n'}
    assert project_python(files, RUNNING) == expected
    assert project_python({"src/pyproject.toml": files["pyproject.toml"]}, RUNNING) is None


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ('"^3.12"', "3.12"),
        ('"~3.12"', "3.12"),
        ('"^3.12.1"', "3.12"),
        ('"3.12.*"', "3.12"),
        ('"3.12"', "3.12"),
        ('">=3.12 <4.0"', "3.12"),
        ('"~3.10 || ^3.13"', "3.13"),
        ('{version = "^3.12"}', "3.12"),
        ('"^3.8"', None),
        ('"*"', None),
        ("3.12", None),  # a number
    ],
)
def test_poetry(requires: str, expected: str | None) -> None:
    files = {"pyproject.toml": f"[tool.poetry.dependencies]\npython = {requires}\n"}
    assert project_python(files, RUNNING) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("setup.cfg", "[options]\npython_requires = >=3.12\n", "3.12"),
        ("setup.cfg", "[options]\npython_requires =\n    >=3.12\n    <4\n", "3.12"),
        ("setup.cfg", "[metadata]\npython_requires = >=3.12\n", None),
        ("setup.cfg", "python_requires = >=3.12\n%[", None),
        ("setup.py", "setup(\n    python_requires='>=3.12',\n)\n", "3.12"),
        ("setup.py", 'setup(python_requires = ">=3.12")\n', "3.12"),
        ("setup.py", "# python_requires='>=3.12'\nsetup(python_requires=OURS)\n", None),
        (".python-version", "3.12.4\n", "3.12"),
        (".python-version", "3.13\n3.11\n", "3.13"),
        (".python-version", "3.11.2\n", None),
        (".python-version", "pypy3.10-7.3.12\n", None),
        (".python-version", "", None),
        ("pyproject.toml", "project = 1", None),
        ("pyproject.toml", "[project", None),
    ],
)
def test_other_files(name: str, text: str, expected: str | None) -> None:
    assert project_python({name: text}, RUNNING) == expected


def test_the_first_file_that_says_a_version_counts() -> None:
    files = {
        ".python-version": "3.14",
        "setup.py": "setup(python_requires='>=3.13')",
        "pyproject.toml": '[project]\nrequires-python = ">=3.12"\n',
    }
    assert project_python(files, RUNNING) == "3.12"
    del files["pyproject.toml"]
    assert project_python(files, RUNNING) == "3.13"


def test_a_strangers_files_take_linear_time() -> None:
    with cpu_bound(10):
        project_python(
            {"setup.py": "python_requires" * 200_000, "setup.cfg": "[options]\n" * 50_000}, RUNNING
        )
        assert required_by_setup_py("python_requires=" + " " * 500_000) is None


MODERN = "type Name = str\nd = {'a': 1}\nprint(f'{d['a']}')\n"
PROJECT = {
    "main.py": MODERN,
    "pyproject.toml": '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.12"\n',
}


def as_set(version: str) -> dict[str, str]:
    return {"main.py": MODERN, "pyrightconfig.json": f'{{"pythonVersion": "{version}"}}'}


def test_pyright_checks_for_it_warm_and_on_the_command_line(servers: LanguageServers) -> None:
    plain = servers.check({"main.py": MODERN}, "main.py")
    assert any("requires Python 3.12" in found.message for found in plain)
    of_pyright = [found for found in servers.check(PROJECT, "main.py") if found.code.startswith("pyright")]
    assert of_pyright == []
    # a stub folder makes it the command line's
    assert servers.check({**PROJECT, "typings/a.pyi": ""}, "main.py") == servers.check(PROJECT, "main.py")
    assert servers.check({**PROJECT, **as_set("3.11")}, "main.py") == plain  # an explicit setting wins
    old = {"main.py": "import tomllib\n", ".python-version": "3.10\n"}
    assert "tomllib" in servers.check(old, "main.py")[0].message
    assert not [d for d in servers.check({"main.py": "import tomllib\n"}, "main.py") if d.severity == "error"]


def test_it_is_part_of_the_effective_settings() -> None:
    prepared = PreparedWorkspace.of(PROJECT, None, python=RUNNING)
    assert prepared.configuration == '{"pythonVersion": "3.12"}'
    newer = PreparedWorkspace.of(PROJECT, None, python="3.12.1")
    assert newer.configuration is None
    assert newer.digest("v") != prepared.digest("v")


def test_over_http_as_here(servers: LanguageServers, tmp_path: Path) -> None:
    requests = [Request(PROJECT), Request({**PROJECT, **as_set("3.11")}), Request({"main.py": MODERN})]
    with (
        Instance(tmp_path / "log", token="a token") as started,
        RemoteLanguageServers(started.url, "a token") as remote,
    ):
        found = [list(result.diagnostics) for result in remote.check_many(requests)]
    assert found == [list(result.diagnostics) for result in servers.check_many(requests)]
