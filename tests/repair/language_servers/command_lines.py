"""The oracle of the warm servers: `pyright` and `ruff check`, run fresh, and what they found once.

    python -m tests.repair.language_servers.command_lines

runs them on every workspace and writes what they find to a file, with their versions: a fresh run takes a
second. Written without the code under test: the programs' own output is read here once more.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path

from repair.language_servers.programs import clean_variables, empty_environment, programs, versions
from tests.repair.language_servers.workspaces import WORKSPACES

# path, start line, start column, end line, end column, code, message, severity; lines and columns
# 0-based, pyright's in UTF-16 units and ruff's in code points
Told = tuple[str, int, int, int, int, str, str, str]

RECORDED = Path(__file__).with_name("command_lines.jsonl")


class CommandLines:
    """Runs both programs, each time in a new folder below `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._python = empty_environment(home / "environment")
        self._count = count()

    def found(self, files: Mapping[str, str]) -> list[Told]:
        """Sorted: what stands in a folder with nothing but the workspace."""
        folder = self._home / str(next(self._count)) / "workspace"
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
        settings = ("--outputjson", "--pythonpath", str(self._python))
        command = [programs().node, programs().pyright_command, *settings]
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


def made_by() -> dict[str, str]:
    """The programs here; the environment of the workspaces is of this Python."""
    return {**versions(), "python": f"{sys.version_info.major}.{sys.version_info.minor}"}


@cache
def recorded() -> tuple[dict[str, str], dict[str, list[Told]]]:
    """The programs that were run, and what they found in each workspace."""
    programs, *lines = map(json.loads, RECORDED.read_text().splitlines())
    return programs, {line["workspace"]: list(map(tuple, line["found"])) for line in lines}


def record() -> None:
    with tempfile.TemporaryDirectory() as home:
        lines = CommandLines(Path(home))
        found = [{"workspace": name, "found": lines.found(files)} for name, files in WORKSPACES.items()]
    RECORDED.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [made_by(), *found]))


if __name__ == "__main__":
    record()
