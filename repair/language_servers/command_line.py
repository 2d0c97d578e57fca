"""Runs pyright's command line on one workspace: exact for every configuration, but one process each.

Tested by `tests/repair/language_servers/test_exactness.py`.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import child
from repair.language_servers.configuration import PYRIGHT_FILE
from repair.language_servers.convert import from_pyright, without_folder
from repair.language_servers.environment import Installed
from repair.language_servers.errors import ServerCrashError, ServerTimeoutError
from repair.language_servers.memory_watch import MemoryWatch
from repair.language_servers.path_guard import write_guard
from repair.language_servers.programs import Programs, clean_variables
from repair.language_servers.scratch import temporary_folder
from repair.language_servers.slots import server_settings
from repair.language_servers.workspace import PreparedWorkspace, write
from repair.sandbox.confinement import Confinement

_SEVERITIES = {"error": 1, "warning": 2, "information": 3}
_FINDINGS = (0, 1)
_START = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}


def check(
    programs: Programs,
    workspace: PreparedWorkspace,
    folder: Path,
    environment: Installed,
    timeout: float,
    most_mb: float,
    confinement: Confinement | None = None,
) -> list[Diagnostic]:
    """The diagnostics of the workspace's targets; `folder` must not exist and is removed afterwards.

    Raises `ServerTimeoutError`, `ServerCrashError`.
    """
    folder.mkdir(parents=True)
    write(workspace.pyright_files, folder)
    # files that were named in the request are checked even where the settings exclude them
    settings = server_settings(workspace.settings) if workspace.explicit else workspace.settings
    (folder / PYRIGHT_FILE).write_text(json.dumps(settings), encoding="utf-8")
    guard, temporary = folder.with_suffix(".cjs"), temporary_folder(folder.parent)
    option = write_guard(guard, trees=(folder, guard, temporary, *programs.files, *environment.visible))
    command = [programs.node, option, programs.pyright_command, "--outputjson"]
    command += ["--pythonpath", str(environment.python), "--project", str(folder / PYRIGHT_FILE)]
    if workspace.explicit:
        command += [str(folder / path) for path in workspace.targets]
    with (folder.with_suffix(".log")).open("w+b") as log:
        process = child.start(
            command,
            cwd=folder,
            env=clean_variables(temporary),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            confinement=confinement,
            folders=(folder, guard),
        )
        try:
            with MemoryWatch(process, most_mb) as watch:
                output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ServerTimeoutError(f"pyright's command line took longer than {timeout:g} s") from None
        finally:
            child.kill(process)
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".log").unlink()
            guard.unlink()
        if watch.fault:
            raise ServerCrashError(f"pyright's command line: {watch.fault}")
        log.seek(0)
        if process.returncode not in _FINDINGS:
            output = log.read()[-500:].decode(errors="replace")
            raise ServerCrashError(f"pyright's command line ended with {process.returncode}: {output}")
    # what it says of odd settings comes first; of the report alone a line is nothing but a brace
    report = output[output.rfind(b"\n{\n") + 1 :]
    try:
        items = json.loads(report)["generalDiagnostics"]
    except (ValueError, KeyError, TypeError):
        raise ServerCrashError(f"pyright's command line answered nonsense: {output[:80]!r}") from None
    return _converted(workspace, folder, items)


def _converted(workspace: PreparedWorkspace, folder: Path, items: list[dict[str, Any]]) -> list[Diagnostic]:
    by_path: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        path = item["file"][len(str(folder)) + 1 :]
        lsp = {
            "range": _START,  # of the file, for a finding on all of it
            **item,
            "severity": _SEVERITIES[item["severity"]],
            "code": item.get("rule"),
            "message": without_folder(item["message"], folder),
        }
        by_path.setdefault(path, []).append(lsp)
    result: list[Diagnostic] = []
    for path in workspace.targets:
        result += from_pyright(path, workspace.texts[path], by_path.get(path, ()))
    return result
