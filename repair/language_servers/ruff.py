"""Runs ruff on a batch of workspaces at once.

A ruff process costs 27 to 40 ms, whatever it checks, so one run serves a whole batch: each workspace in a
folder of its own, with its own settings, which ruff finds file by file. Files are named one by one and
`--force-exclude` is set, as an editor does; `.gitignore` files are ignored.

Tested by `tests/repair/language_servers/test_exactness.py`.
"""

import json
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import child
from repair.language_servers.convert import from_ruff
from repair.language_servers.errors import ServerCrashError, ServerTimeoutError
from repair.language_servers.memory_watch import MemoryWatch
from repair.language_servers.programs import Programs, clean_variables
from repair.language_servers.scratch import temporary_folder
from repair.language_servers.workspace import PreparedWorkspace, write
from repair.sandbox.confinement import Confinement

_OPTIONS = (
    "check",
    "--no-cache",
    "--output-format",
    "json",
    "--force-exclude",
    "--no-respect-gitignore",
    "--quiet",
)
# Messages name a root that is a package; this name is valid for a module.
_NAME = "workspace"
_FINDINGS = (0, 1)  # exit codes: clean, or something was found
_SIGNALS = 128


class _SettingsError(Exception):
    """Ruff did not run: its settings are broken."""


def check(
    programs: Programs,
    workspaces: Sequence[PreparedWorkspace],
    folder: Path,
    timeout: float,
    most_mb: float,
    confinement: Confinement | None = None,
) -> list[list[Diagnostic]]:
    """The diagnostics of each workspace's targets; `folder` must not exist and is removed afterwards.

    A workspace whose own settings ruff can't read is checked with the default settings, as ruff's
    language server does. Raises `ServerTimeoutError`, `ServerCrashError`.
    """
    for number, workspace in enumerate(workspaces):
        write({**workspace.data, **workspace.ruff_files}, folder / str(number) / _NAME)
    try:
        return _run(programs, workspaces, range(len(workspaces)), folder, timeout, most_mb, confinement)
    except _SettingsError:
        return [
            _one(programs, workspaces, number, folder, timeout, most_mb, confinement)
            for number in range(len(workspaces))
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one(
    programs: Programs,
    workspaces: Sequence[PreparedWorkspace],
    number: int,
    folder: Path,
    timeout: float,
    most_mb: float,
    confinement: Confinement | None,
) -> list[Diagnostic]:
    try:
        return _run(programs, workspaces, [number], folder, timeout, most_mb, confinement)[0]
    except _SettingsError:
        try:
            return _run(programs, workspaces, [number], folder, timeout, most_mb, confinement, "--isolated")[
                0
            ]
        except _SettingsError as error:
            raise ServerCrashError(f"ruff does not run: {error}") from None


def _run(
    programs: Programs,
    workspaces: Sequence[PreparedWorkspace],
    numbers: Sequence[int],
    folder: Path,
    timeout: float,
    most_mb: float,
    confinement: Confinement | None,
    *more: str,
) -> list[list[Diagnostic]]:
    names = [f"{number}/{_NAME}/{path}" for number in numbers for path in workspaces[number].targets]
    if not names:
        return [[] for _ in numbers]
    (folder / "arguments.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    command = [programs.ruff, *_OPTIONS, *more, "@arguments.txt"]
    process = child.start(
        command,
        cwd=folder,
        env=clean_variables(temporary_folder(folder.parent)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        confinement=confinement,
        folders=(folder,),
    )
    try:
        with MemoryWatch(process, most_mb) as watch:
            output, log = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ServerTimeoutError(f"ruff took longer than {timeout:g} s on {len(names)} files") from None
    finally:
        child.kill(process)
    if watch.fault:
        raise ServerCrashError(f"ruff: {watch.fault}")
    code = process.returncode
    if code < 0 or code > _SIGNALS:  # bubblewrap tells a signal as a shell does
        raise ServerCrashError(f"ruff was ended by signal {-code if code < 0 else code - _SIGNALS}")
    if code not in _FINDINGS:
        raise _SettingsError(log.decode(errors="replace")[-2000:])
    try:
        items = json.loads(output)
    except ValueError:
        raise ServerCrashError(f"ruff answered nonsense: {output[:80]!r}") from None
    return _by_workspace(workspaces, numbers, folder, items)


def _by_workspace(
    workspaces: Sequence[PreparedWorkspace], numbers: Sequence[int], folder: Path, items: list[dict[str, Any]]
) -> list[list[Diagnostic]]:
    by_file: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    start = len(str(folder)) + 1
    for item in items:
        number, _, path = item["filename"][start:].split("/", 2)
        by_file[int(number), path].append(item)
    result: list[list[Diagnostic]] = []
    for number in numbers:
        found: list[Diagnostic] = []
        for path in workspaces[number].targets:
            found += from_ruff(path, workspaces[number].texts[path], by_file.get((number, path), ()))
        result.append(found)
    return result
