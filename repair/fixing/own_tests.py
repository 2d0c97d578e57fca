"""FAIL_TO_PASS and PASS_TO_PASS: a project's own tests before and after a fix, run in the sandbox.

The terms are SWE-bench's (Jimenez et al. 2024). Tests that failed and pass reach what was broken; those that
passed and still do say only that nothing else broke; those that fail before and after may do so for what is
broken elsewhere.

The tests see the project's folder as it is on the disk, read-only, with the files of the fix in the place of
theirs, and `/tmp` to write to. They can't start a process and have no network. A program can end itself with
exit code 0, and so claim that its tests passed.

Tested by `tests/repair/fixing/test_own_tests.py`.
"""

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

from repair import sandbox
from repair.errors import ConfigurationError
from repair.language_servers.environment import Environment, installed
from repair.sandbox import Limits, ProgramResult, Project

LIMITS = Limits(
    cpu_seconds=60,
    wall_seconds=120,
    memory_bytes=4 << 30,
    threads=64,
    file_bytes=64 << 20,
    output_bytes=8 << 20,
)
_RUN = """
import os, runpy, sys
sys.path.insert(0, os.getcwd())
sys.argv = {command!r}
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
_FIND = """
import importlib.util, os, sys
sys.path.insert(0, os.getcwd())
sys.exit(importlib.util.find_spec({module!r}) is None)
"""
_ENDED = {
    "timeout": "they had not ended after {cpu_seconds} s of a processor or {wall_seconds:g} s",
    "output": "they printed more than {output_bytes:,} bytes",
    "killed": "a signal ended them",
}


class Transition(StrEnum):
    """How the tests end before and after a fix."""

    FAIL_TO_PASS = "fail_to_pass"  # noqa: S105 (no password)
    PASS_TO_PASS = "pass_to_pass"  # noqa: S105
    FAIL_TO_FAIL = "fail_to_fail"
    PASS_TO_FAIL = "pass_to_fail"  # noqa: S105

    @classmethod
    def of(cls, *, before: bool, after: bool) -> "Transition":
        """From whether they pass before and after."""
        if after:
            return cls.PASS_TO_PASS if before else cls.FAIL_TO_PASS
        return cls.PASS_TO_FAIL if before else cls.FAIL_TO_FAIL

    def told(self, *, errors_left: bool) -> "Transition | None":
        """What they tell of the fix: nothing if they failed before and do after, and it left errors in the
        files that it changes, which may be why."""
        return None if errors_left and self == Transition.FAIL_TO_FAIL else self


class OwnTests:
    """The tests of the project in `folder`, whose files on the disk are `files` (path in it -> text).

    `command`: a module and its arguments, as after `python -m`. `python`: the interpreter of the project's
    environment; None: they see no third-party packages.

    Raises:
        ConfigurationError: the sandbox does not work here, or there is no such module.
    """

    def __init__(
        self,
        command: str,
        folder: Path,
        files: Mapping[str, str],
        python: Path | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._folder, self._files, self._command = folder, files, _words(command)
        self._limits = limits
        environment = installed(Environment("local", python)) if python else None
        self._python = environment and environment.python
        self._readable = environment.files if environment else ()
        self._failures: dict[tuple[tuple[str, str], ...], str | None] = {}
        if folder in (Path("/tmp"), Path("/")):  # noqa: S108 (the sandbox has its own there)
            raise ConfigurationError(f"tests can't be run in {folder}: move the project to a folder below")
        found = self._run(_FIND.format(module=self._command[0]), {})
        if found.outcome != "ok":
            place = python or "the standard library: name the project's environment by --python"
            raise ConfigurationError(f"no module {self._command[0]} in {folder} or {place}{_told(found)}")

    def of_fix(self, before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Transition, str]:
        """How they end before and after the change from `before` to `after`, and how they fail after it."""
        passed, failure = self.failure(before) is None, self.failure(after)
        return Transition.of(before=passed, after=failure is None), failure or ""

    def failure(self, files: Mapping[str, str]) -> str | None:
        """How the tests fail on the project with these files; None: they pass. Known answers are kept."""
        changed = tuple(sorted((path, text) for path, text in files.items() if text != self._files.get(path)))
        if changed not in self._failures:
            self._failures[changed] = self._failure(dict(changed))
        return self._failures[changed]

    def _failure(self, changed: Mapping[str, str]) -> str | None:
        result = self._run(_RUN.format(command=self._command), changed)
        if result.outcome == "ok":
            return None
        if ended := _ENDED.get(result.outcome):
            return f"{ended.format(**asdict(self._limits))}{_told(result)}"
        return f"exit code {result.exit_code}{_told(result)}"

    def _run(self, source: str, changed: Mapping[str, str]) -> ProgramResult:
        contents = {path: text.encode("utf-8", "surrogatepass") for path, text in changed.items()}
        project = Project(self._folder, self._python, self._readable, contents)
        return sandbox.run(source, limits=self._limits, project=project)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"the tests' command {command!r} can't be read: {error}") from error
    if not words or not all(part.isidentifier() for part in words[0].split(".")):
        raise ConfigurationError(
            f"expected a module and its arguments, as 'pytest -q tests' or 'doctest shop.py', got {command!r}"
        )
    return words


def _told(result: ProgramResult) -> str:
    """The last lines of what was printed."""
    lines = [line.strip() for line in f"{result.stderr}\n{result.stdout}".splitlines() if line.strip()]
    return f": {' | '.join(lines[-2:])}" if lines else ""
