"""Pool of workers, each with a warm pyright and ruff, for workspaces given as path -> text.

Tested by `tests/repair/language_servers/test_remote.py`.
"""

import itertools
import logging
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from repair.closing import Closing
from repair.database import PostgresAddress
from repair.diagnostics.diagnostic import HINT, Diagnostic
from repair.errors import ConfigurationError
from repair.language_servers import programs
from repair.language_servers.cache import ResultCache
from repair.language_servers.environment import Environment, installed, nothing_installed
from repair.language_servers.errors import LanguageServerError, ServersClosedError, unexpected_check
from repair.language_servers.scratch import Scratch
from repair.language_servers.worker import CheckOutcome, Worker
from repair.language_servers.workspace import PreparedWorkspace
from repair.ordered_map import ordered_map
from repair.sandbox import confinement

if TYPE_CHECKING:
    from repair.language_servers.shared_cache import SharedResultCache

CONFINED = "bubblewrap"
_log = logging.getLogger(__name__)
_BATCH = 8  # workspaces that share one ruff run
_FORM = "linux, form 3"  # of the cached results; part of a key, as are the versions and the environment
_AHEAD = 4  # batches for each worker that are read ahead of the results


@dataclass(frozen=True, slots=True)
class Request:
    """A workspace (path -> text), and the paths whose diagnostics are wanted; None: all Python files.

    `edited`, without `paths`: files that are, or may be, edited. Then only the files that an edit of them may
    reach (`repair.text.python_imports`) are wanted: the diagnostics of the others can't change.

    `hints`: whether the code that pyright finds unreachable is wanted too, as diagnostics of severity `hint`.
    """

    files: Mapping[str, str]
    paths: tuple[str, ...] | None = None
    edited: tuple[str, ...] | None = None
    hints: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The diagnostics of a request, sorted by path and position; or the error."""

    diagnostics: Sequence[Diagnostic] = ()
    error: LanguageServerError | None = None
    ignored: tuple[str, ...] = ()
    """The workspace's own settings that were not honoured, as `pyrightconfig.json: venvPath`: they point
    outside it, or name an interpreter or a folder of another machine."""
    python: str | None = None
    """The version of Python that the workspace requires or configures, as `3.12`, and pyright checked for;
    null: the running one."""

    @property
    def reason(self) -> str | None:
        """The stable name of the error; None without one."""
        return self.error.reason if self.error else None


class LanguageServers(Closing):
    """Pool of warm pyright and ruff servers. A context manager; processes start with the first request.

    `workers` is the number of pyright processes; `timeout` the seconds that a server may take for one
    workspace; a pyright that comes near `memory_limit_mb` is replaced before the next workspace; `cache`
    is the file of the results' cache, shared with other processes, or the address of a server for it, which
    machines share; `environment` holds the third-party
    packages that are seen. Without one there are none, and Python is the running one. Pyright checks for
    another version where the workspace requires one (`repair.language_servers.python_version`).

    A workspace sees the environment's Python on Linux with its standard library and packages, and its own
    settings of pyright and ruff as far as they stay inside it. The results equal those of `pyright` and
    `ruff check` in a folder that holds nothing but the workspace; a file that is requested by its path is
    checked as one that an editor opens, even where the project's settings exclude it.

    It may be used from several threads. After a fork, or in another process, make another one.
    """

    def __init__(
        self,
        workers: int = 1,
        timeout: float = 60.0,
        memory_limit_mb: float = 1500.0,
        cache: str | Path | PostgresAddress | None = None,
        environment: Environment | None = None,
    ) -> None:
        if workers < 1 or timeout <= 0:
            raise ConfigurationError(f"expected workers >= 1 and timeout > 0, got {workers} and {timeout}")
        found = programs.programs()
        reason = confinement.unavailable()
        if reason:
            _warn_unconfined(reason)
        self._confinement = reason or CONFINED
        self._scratch = Scratch()
        try:
            seen = (
                installed(environment)
                if environment
                else nothing_installed(self._scratch.path / "environment")
            )
        except BaseException:
            self._scratch.close()
            raise
        self._label, self._python = seen.label, seen.version
        self._workers = [
            Worker(
                found,
                folder,
                seen,
                timeout=timeout,
                memory_limit_mb=memory_limit_mb,
                confined=self.confinement == CONFINED,
            )
            for folder in (self._scratch.path / f"worker-{number}" for number in range(workers))
        ]
        self._cache = _cache(cache) if cache else None
        versions = {**self.versions, "python": seen.version}
        self._identity = (*(f"{name} {version}" for name, version in versions.items()), seen.label, _FORM)
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, "language-servers")
        self._closed = False
        self._lock = threading.Lock()

    @property
    def versions(self) -> dict[str, str]:
        """`{"pyright": ..., "ruff": ...}`."""
        return programs.versions()

    @property
    def confinement(self) -> str:
        """`bubblewrap`, or why the servers run without it (the results are the same)."""
        return self._confinement

    @property
    def environment(self) -> str:
        """`none`, or the environment's name and a hash over what is installed in it."""
        return self._label

    @property
    def pids(self) -> list[int]:
        """The process ids of the warm servers."""
        return [pid for worker in self._workers for pid in worker.pids]

    def check(self, files: Mapping[str, str], path: str) -> list[Diagnostic]:
        """The diagnostics of the file `path` of a workspace, sorted. Raises `LanguageServerError`."""
        return self._checked(Request(files, (path,)))

    def check_workspace(self, files: Mapping[str, str]) -> list[Diagnostic]:
        """The diagnostics of all Python files of a workspace, sorted. Raises `LanguageServerError`."""
        return self._checked(Request(files))

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        """The result of each request, in their order, from all workers.

        Requests are read a few batches ahead of the results. The error of one request is in its result and
        does not affect the others.
        """
        self._require_open()
        remaining = iter(requests)
        batches = iter(lambda: list(itertools.islice(remaining, _BATCH)), [])
        ahead = _AHEAD * len(self._workers)
        for results in ordered_map(self._threads, self._results, batches, ahead=ahead):
            yield from results

    def close(self) -> None:
        """Waits for the checks in progress, then ends every process and removes the folders."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._threads.shutdown(cancel_futures=True)
        for _ in self._workers:
            self._idle.get().close()
        for worker in self._workers:
            self._idle.put(worker)  # wakes the threads that wait for one: they find the servers closed
        if self._cache:
            self._cache.close()
        self._scratch.close()

    def _checked(self, request: Request) -> list[Diagnostic]:
        self._require_open()
        [result] = self._results([request])
        if result.error:
            raise result.error
        return list(result.diagnostics)

    def _results(self, requests: Sequence[Request]) -> list[Result]:
        prepared = [_prepared(request, self._python) for request in requests]
        keys = [
            item.digest(*self._identity) if isinstance(item, PreparedWorkspace) else "" for item in prepared
        ]
        # equal requests of a batch are checked once: several diagnostics often share a workspace
        distinct = {
            key: item for key, item in zip(keys, prepared, strict=True) if isinstance(item, PreparedWorkspace)
        }
        outcomes = self._outcomes(distinct)
        return [
            _result(outcomes[key], item, hints=request.hints)
            if isinstance(item, PreparedWorkspace)
            else Result(error=item)
            for key, item, request in zip(keys, prepared, requests, strict=True)
        ]

    def _outcomes(self, workspaces: Mapping[str, PreparedWorkspace]) -> dict[str, CheckOutcome]:
        cached: dict[str, CheckOutcome] = {}
        if self._cache:
            found = {key: self._cache.get(key) for key in workspaces}
            cached = {key: diagnostics for key, diagnostics in found.items() if diagnostics is not None}
        missing = {key: workspace for key, workspace in workspaces.items() if key not in cached}
        if not missing:
            return cached
        with self._worker() as worker:
            fresh = dict(zip(missing, worker.check(list(missing.values())), strict=True))
        for key, outcome in fresh.items():
            if self._cache and not isinstance(outcome, LanguageServerError):
                self._cache.put(key, outcome)
        return {**cached, **fresh}

    @contextmanager
    def _worker(self) -> Generator[Worker]:
        worker = self._idle.get()
        try:
            self._require_open()
            yield worker
        finally:
            self._idle.put(worker)

    def _require_open(self) -> None:
        if self._closed:
            raise ServersClosedError("these servers are closed; use them inside their `with` block")


def _cache(location: str | Path | PostgresAddress) -> "ResultCache | SharedResultCache":
    if not isinstance(location, PostgresAddress):
        return ResultCache(Path(location))
    from repair.language_servers.shared_cache import SharedResultCache

    return SharedResultCache(location)


@cache  # it is said once
def _warn_unconfined(reason: str) -> None:
    _log.warning(
        "the language servers run without confinement by the operating system (docs/security.md): %s", reason
    )


def _prepared(request: Request, python: str) -> PreparedWorkspace | LanguageServerError:
    try:
        return PreparedWorkspace.of(request.files, request.paths, request.edited, python)
    except LanguageServerError as error:
        return error
    except Exception as error:
        return unexpected_check(error)


def _result(outcome: CheckOutcome, workspace: PreparedWorkspace, *, hints: bool) -> Result:
    if isinstance(outcome, LanguageServerError):
        return Result(error=outcome, ignored=workspace.ignored, python=workspace.python)
    wanted = outcome if hints else [diagnostic for diagnostic in outcome if diagnostic.severity != HINT]
    return Result(wanted, ignored=workspace.ignored, python=workspace.python)
