"""Hostile workspaces: nothing is written outside the servers' folder, and none of their code runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from repair.language_servers import LanguageServers, Request


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the servers make theirs."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    home.mkdir()
    return home


@pytest.fixture(scope="module")
def hostile(home: Path) -> Iterator[LanguageServers]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("repair.language_servers.scratch._home", lambda: home)
        servers = LanguageServers()
    with servers:
        yield servers
    assert not list(home.glob("repair-*"))  # they leave nothing behind


def tree(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Every path below `folder` outside the servers' own: mode, size, time of change, target of a link."""
    found: dict[str, tuple[int, int, int, str]] = {}
    for current, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith("repair-servers-")]
        for name in [*folders, *names]:
            path = Path(current, name)
            state = path.lstat()
            target = str(path.readlink()) if path.is_symlink() else ""
            found[str(path.relative_to(folder))] = (state.st_mode, state.st_size, state.st_mtime_ns, target)
    return found


def canaries(folder: Path) -> None:
    """Files and folders that a path could hit if it led out of a workspace."""
    for name in ("a.py", "main.py", "pkg/a.py", "ruff.toml", "pyrightconfig.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
    if not (folder / "to").is_symlink():
        (folder / "link.py").symlink_to(folder / "a.py")
        (folder / "to").symlink_to(folder / "pkg", target_is_directory=True)


CLIMBING = [
    "..",
    "../a.py",
    "../../a.py",
    "../../../a.py",
    "../../../../main.py",
    "pkg/../../../a.py",
    "./../../a.py",
]


def test_no_path_writes_outside_the_workspaces_own_folder(hostile: LanguageServers, home: Path) -> None:
    canaries(home)
    canaries(home.parent)
    absolute = [
        str(home / "a.py"),
        str(home.parent / "new.py"),
        "/" + str(home / "a.py"),
        "~/a.py",
        f"{home}/to/a.py",
    ]
    odd = [
        "a.py\0",
        "a\n../b.py",
        "\ud800/../a.py",
        "a\\..\\..\\b.py",
        "x" * 300 + ".py",
        "C:/a.py",
        "link.py/b.py",
    ]
    before = tree(home.parent)
    asked = [Request({path: "y = 2\n", "good.py": "x = y\n"}) for path in [*CLIMBING, *absolute, *odd]]
    asked += [Request({"good.py": "x = y\n"})]
    results = list(hostile.check_many(asked))
    assert tree(home.parent) == before
    # what is a plain name, however odd, is a file like any other
    named = {next(iter(request.files)): result.reason for request, result in zip(asked, results, strict=True)}
    accepted = {"~/a.py", "link.py/b.py", "good.py"}
    assert named == {path: None if path in accepted else "unsafe_path" for path in named}
    assert results[-1].diagnostics


def test_a_link_in_the_servers_folder_is_none_of_a_workspaces(hostile: LanguageServers, home: Path) -> None:
    """A workspace is text: it can't hold a link, and the text of one is only text."""
    canaries(home)
    before = tree(home)
    for name in ("link.py", "to/a.py", "pkg"):
        files = {name if name.endswith(".py") else f"{name}/__init__.py": str(home / "a.py"), "good.py": ""}
        assert hostile.check_workspace(files) is not None
    assert tree(home) == before


def test_no_code_of_a_project_is_run(hostile: LanguageServers, home: Path) -> None:
    mark = home / "canary"
    act = f"import pathlib\npathlib.Path({str(mark)!r}).write_text('run')\n"
    settings = (
        '{"venvPath": ".", "venv": "venv", "extends": "../base.json", "plugins": ["./plugin.js"],'
        ' "executionEnvironments": [{"root": ".", "extraPaths": ["lib"]}], "stubPath": "stubs"}'
    )
    files = {
        **dict.fromkeys(
            (
                *(
                    "conftest.py",
                    "sitecustomize.py",
                    "usercustomize.py",
                    "setup.py",
                    "__init__.py",
                    "__main__.py",
                ),
                *("pkg/__init__.py", "lib/json.py", "ruff_plugin.py", "typing.py", "stubs/os/__init__.pyi"),
            ),
            act,
        ),
        "main.py": "import pkg, json, sitecustomize, conftest\nfrom typing import *\nx = undefined\n",
        "evil.pth": f"import pathlib; pathlib.Path({str(mark)!r}).write_text('pth')\n",
        "plugin.js": f"require('fs').writeFileSync({str(mark)!r}, 'js')\n",
        "package.json": '{"scripts": {"preinstall": "touch canary"}, "main": "plugin.js"}',
        "venv/bin/python": f"#!/bin/sh\ntouch {mark}\n",
        "pyrightconfig.json": settings,
        "ruff.toml": 'extend = "../ruff.toml"\nsrc = ["/", ".."]\ncache-dir = "../cache"\nfix = true\n',
        "pyproject.toml": '[tool.ruff]\nfix = true\n[build-system]\nrequires = ["./pkg"]\n',
    }
    before = tree(home.parent)
    # both ways: a warm server, and the command line, which settings with paths go to
    warm = {path: text for path, text in files.items() if path != "pyrightconfig.json"}
    for workspace in (files, warm):
        found = hostile.check_workspace(workspace)
        assert any(one.path == "main.py" and "undefined" in one.message for one in found)
    assert not mark.exists()
    assert tree(home.parent) == before


def test_names_that_differ_in_case_alone_are_two_modules(hostile: LanguageServers) -> None:
    # settings with a path go to pyright's command line, whose word counts
    files = {"Main.py": "a = 1\n", "main.py": "b = 1\n", "pyrightconfig.json": '{"include": ["."]}'}
    for module, other in (("main", "a"), ("Main", "b")):
        use = f"import {module}\n\nprint({module}.{other})\n"
        found = hostile.check_workspace({**files, "use.py": use})
        assert [one.message for one in found] == [f'"{other}" is not a known attribute of module "{module}"']


def test_a_text_with_nul_is_checked_like_any_other(hostile: LanguageServers) -> None:
    found = hostile.check({"a.py": "x = undefined\ny = '\0'\n", "b.py": "\0"}, "a.py")
    assert any("undefined" in one.message for one in found)


def test_a_workspace_without_python_has_no_diagnostics(hostile: LanguageServers) -> None:
    assert hostile.check_workspace({"README.md": "read", "main.rs": "fn main() {}", "data.json": "\0"}) == []
