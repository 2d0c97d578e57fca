"""Shared servers, and the oracle: both command lines, run fresh in a clean folder."""

import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from repair.language_servers import LanguageServers
from repair.language_servers.programs import clean_variables, empty_environment, programs

# path, start line, start column, end line, end column, code, message, severity; lines and columns
# 0-based, pyright's in UTF-16 units and ruff's in code points
Told = tuple[str, int, int, int, int, str, str, str]


@pytest.fixture(scope="session")
def servers() -> Iterator[LanguageServers]:
    with LanguageServers(workers=1) as warm:  # each worker starts a server for each settings
        yield warm


@pytest.fixture(scope="session")
def standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


@pytest.fixture(scope="session")
def afresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, str]], list[Told]]:
    """The diagnostics of fresh runs of `pyright` and `ruff check` in a folder with nothing but the workspace.

    Written without the code under test: the programs' own output is read here once more.
    """
    home = tmp_path_factory.mktemp("afresh")
    python = empty_environment(home / "environment")
    count = iter(range(10**6))

    def run(files: Mapping[str, str]) -> list[Told]:
        folder = home / str(next(count)) / "workspace"
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
        command = [programs().node, programs().pyright_command, "--outputjson", "--pythonpath", str(python)]
        output = subprocess.run(command, cwd=folder, env=clean_variables(), capture_output=True, check=False)
        diagnostics = [
            _from_pyright(item, folder) for item in json.loads(output.stdout)["generalDiagnostics"]
        ]
        for path, text in files.items():
            if path.endswith((".py", ".pyi")):
                command = [
                    programs().ruff,
                    "check",
                    "--no-cache",
                    "--output-format",
                    "json",
                    "--force-exclude",
                ]
                command += ["--stdin-filename", path, "-"]
                output = subprocess.run(
                    command,
                    cwd=folder,
                    env=clean_variables(),
                    input=text.encode(),
                    capture_output=True,
                    check=False,
                )
                diagnostics += [_from_ruff(item, folder, text) for item in json.loads(output.stdout)]
        return sorted(diagnostics)

    return run


def _from_pyright(item: dict, folder: Path) -> Told:
    start, end = item["range"]["start"], item["range"]["end"]
    code = f"pyright[{item['rule']}]" if "rule" in item else "pyright"
    path = str(Path(item["file"]).relative_to(folder))
    position = (start["line"], start["character"], end["line"], end["character"])
    return (path, *position, code, item["message"], item["severity"])


def _from_ruff(item: dict, folder: Path, text: str) -> Told:
    start, end = item["location"], item["end_location"]
    path = str(Path(item["filename"]).relative_to(folder))
    # a byte order mark is a code point of the text, and none of ruff's columns
    first, last = (int(text.startswith("\ufeff") and where["row"] == 1) for where in (start, end))
    position = (start["row"] - 1, start["column"] - 1 + first, end["row"] - 1, end["column"] - 1 + last)
    return (path, *position, f"ruff[{item['code']}]", item["message"], str(item["fix"] is not None))
