"""A worker of the pool: checks one batch of workspaces after another with a warm pyright and with ruff.

Tested by `tests/repair/language_servers/test_robustness.py`.
"""

import contextlib
import itertools
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from repair.diagnostics.diagnostic import HINT, Diagnostic
from repair.language_servers import command_line, ruff
from repair.language_servers.environment import Installed
from repair.language_servers.errors import (
    LanguageServerError,
    ServerCrashError,
    ServerTimeoutError,
    unexpected_check,
)
from repair.language_servers.memory_watch import MOST_MEGABYTES
from repair.language_servers.programs import Programs
from repair.language_servers.pyright_server import HEAP_MB, PyrightServer
from repair.language_servers.slots import has_partial_stubs, poolable, server_settings
from repair.language_servers.workspace import PreparedWorkspace
from repair.sandbox.confinement import Confinement

_ATTEMPTS = 2
_SERVERS = 3  # configurations whose servers stay warm
_ABOUT_REACHABILITY = frozenset({"defineConstant", "pythonPlatform", "pythonVersion"})

# The diagnostics of a workspace, or the error.
CheckOutcome = list[Diagnostic] | LanguageServerError


class Worker:
    """A worker whose servers run below `folder`. One thread at a time may use it."""

    def __init__(
        self,
        programs: Programs,
        folder: Path,
        environment: Installed,
        *,
        timeout: float,
        memory_limit_mb: float,
        heap_mb: int = HEAP_MB,
        most_mb: float = MOST_MEGABYTES,
        confined: bool = False,
    ) -> None:
        self._programs = programs
        self._folder = folder
        self._environment = environment
        self._timeout = timeout
        self._memory_limit_mb = memory_limit_mb
        self._heap_mb = heap_mb
        self._most_mb = most_mb
        readable = (*programs.files, *environment.files)
        self._confinement = Confinement(readable) if confined else None
        self._ruff_confinement = Confinement((Path(programs.ruff),)) if confined else None
        self._servers: OrderedDict[str, PyrightServer] = OrderedDict()  # by settings, last used last
        self._numbers = itertools.count()
        self._ruff = ThreadPoolExecutor(1, "ruff")
        folder.mkdir(parents=True)

    @property
    def pids(self) -> list[int]:
        """The process ids of the warm servers."""
        return [server.pid for server in list(self._servers.values())]

    def check(self, workspaces: Sequence[PreparedWorkspace]) -> list[CheckOutcome]:
        """The diagnostics of both servers for each workspace's targets, sorted, or the error.

        A server that dies or hangs is replaced and the workspace retried once, so that one workspace does not
        affect the others.
        """
        future = self._ruff.submit(self._ruff_outcomes, workspaces)
        by_pyright = [self._pyright_outcome(workspace) for workspace in workspaces]
        pairs = zip(by_pyright, future.result(), strict=True)
        return [_joined(pyright, by_ruff) for pyright, by_ruff in pairs]

    def close(self) -> None:
        """Ends the worker's processes."""
        self._ruff.shutdown()
        for key in list(self._servers):
            self._end_server(key)

    def _pyright_outcome(self, workspace: PreparedWorkspace) -> CheckOutcome:
        error: LanguageServerError = ServerCrashError("not tried")
        settings = server_settings(workspace.settings)
        key = json.dumps(settings, sort_keys=True)
        for _ in range(_ATTEMPTS):
            try:
                if poolable(workspace.settings) and not has_partial_stubs(workspace.data):
                    return self._warm_server(key, settings).check(workspace)
                found = command_line.check(
                    self._programs,
                    workspace,
                    self._fresh("command"),
                    self._environment,
                    self._timeout,
                    self._most_mb,
                    self._confinement,
                )
                return found + self._hints(workspace)
            except (ServerCrashError, ServerTimeoutError) as raised:
                error = raised
                self._end_server(key)
            except Exception as raised:
                self._end_server(key)
                return unexpected_check(raised)
        return error

    def _hints(self, workspace: PreparedWorkspace) -> list[Diagnostic]:
        """What the command line does not print: a warm server's hints, by the settings that decide them."""
        settings = {name: value for name, value in workspace.settings.items() if name in _ABOUT_REACHABILITY}
        key = json.dumps(settings, sort_keys=True)
        try:
            found = self._warm_server(key, settings).check(workspace)
        except (ServerCrashError, ServerTimeoutError):
            self._end_server(key)
            raise
        return [diagnostic for diagnostic in found if diagnostic.severity == HINT]

    def _warm_server(self, key: str, settings: Mapping[str, Any]) -> PyrightServer:
        server = self._servers.get(key)
        if server and not server.has_room(self._memory_limit_mb):
            self._end_server(key)
            server = None
        if server is None:
            while len(self._servers) >= _SERVERS:
                self._end_server(next(iter(self._servers)))
            server = PyrightServer(
                self._programs,
                self._fresh("pyright"),
                self._environment,
                self._timeout,
                settings=settings,
                heap_mb=self._heap_mb,
                most_mb=self._most_mb,
                confinement=self._confinement,
            )
            self._servers[key] = server
        self._servers.move_to_end(key)
        return server

    def _end_server(self, key: str) -> None:
        server = self._servers.pop(key, None)
        if server:
            server.close()

    def _ruff_outcomes(self, workspaces: Sequence[PreparedWorkspace]) -> list[CheckOutcome]:
        with contextlib.suppress(Exception):
            return self._checked_by_ruff(workspaces)
        # one of them broke the run: check them one by one
        return [self._ruff_outcome(workspace) for workspace in workspaces]

    def _ruff_outcome(self, workspace: PreparedWorkspace) -> CheckOutcome:
        try:
            return self._checked_by_ruff([workspace])[0]
        except LanguageServerError as error:
            return error
        except Exception as error:
            return unexpected_check(error)

    def _checked_by_ruff(self, workspaces: Sequence[PreparedWorkspace]) -> list[CheckOutcome]:
        limits = (self._timeout, self._most_mb)
        return list(
            ruff.check(self._programs, workspaces, self._fresh("ruff"), *limits, self._ruff_confinement)
        )

    def _fresh(self, name: str) -> Path:
        return self._folder / f"{name}-{next(self._numbers)}"


def _joined(pyright: CheckOutcome, by_ruff: CheckOutcome) -> CheckOutcome:
    if isinstance(pyright, LanguageServerError):
        return pyright
    return by_ruff if isinstance(by_ruff, LanguageServerError) else sorted(pyright + by_ruff)
