"""Micro-batching: one thread answers all queries that came while it answered the ones before.

Tested by `tests/repair/fixing/test_app.py`.
"""

import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from repair.closing import Closing
from repair.errors import RepairError
from repair.fixing.fix import LATE, Task
from repair.fixing.fixer import Fixer
from repair.fixing.query import Query, answer_of, no_answer
from repair.language_servers import Request
from repair.language_servers.scheduler import Servers
from repair.unexpected import detail_of

MOST_AT_ONCE = 16
GATHER_S = 0.005
"""How long the first query of a batch waits for others."""


class ClosedError(RepairError):
    """The batcher is closed, or closed before the query's turn came."""


@dataclass(frozen=True, slots=True)
class _Job:
    query: Query
    k: int
    deadline: float
    answer: "Future[Mapping[str, Any]]" = field(default_factory=Future)

    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline


class Batcher(Closing):
    """Answers queries with `fixer`, at most `k` answers each, the model's work batched. A context manager."""

    def __init__(self, fixer: Fixer, servers: Servers, *, k: int) -> None:
        self.k = k
        self._fixer, self._servers = fixer, servers  # the fixer is replaced in one step
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    @property
    def versions(self) -> Mapping[str, str]:
        """Those of the model that answers the next batch."""
        return self._fixer.models.versions

    def replace(self, fixer: Fixer) -> None:
        """Hot swap: `fixer` answers from the next batch on; what is being answered ends on the old one."""
        self._fixer = fixer

    def submit(self, query: Query, deadline: float) -> "Future[Mapping[str, Any]]":
        """The answer to come; `deadline` by the monotonic clock. Raises ClosedError.

        It may hold what `Fixer` and the servers raise where every query would fail.
        """
        job = _Job(query, min(query.k or self.k, self.k), deadline)
        with self._lock:
            if self._closed:
                raise ClosedError("the service is shutting down")
            self._jobs.put(job)
        return job.answer

    def close(self) -> None:
        """Answers what it has begun with; what waits ends in ClosedError."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (jobs := self._next()) is not None:
            begun = [job for job in jobs if job.answer.set_running_or_notify_cancel()]
            try:
                if self._closed:
                    raise ClosedError("the service is shutting down")
                self._answer(begun)
            except Exception as error:
                if not isinstance(error, RepairError):
                    error = RepairError(detail_of(error))
                for job in begun:
                    if not job.answer.done():
                        job.answer.set_exception(error)

    def _next(self) -> list[_Job] | None:
        """The jobs that wait, as soon as there is one; None at the end."""
        job = self._jobs.get()
        jobs: list[_Job] = []
        until = time.monotonic() + GATHER_S
        while job is not None:
            jobs.append(job)
            if len(jobs) == MOST_AT_ONCE:
                return jobs
            try:
                job = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return jobs
        if jobs:
            self._jobs.put(None)  # the end is for the next call
        return jobs or None

    def _answer(self, jobs: list[_Job]) -> None:
        fixer = self._fixer
        versions = {"versions": fixer.models.versions}
        timely = [job for job in jobs if not job.is_late()]
        for job in jobs:
            if job not in timely:
                job.answer.set_result(no_answer(LATE, "its turn came too late") | versions)
        requests = [Request(job.query.workspace, edited=(job.query.path,)) for job in timely]
        tasks: list[Task] = []
        asked: list[_Job] = []
        for job, result in zip(timely, self._servers.check_many(requests), strict=True):
            target = job.query.target(result.diagnostics)
            if result.error:
                job.answer.set_result(no_answer(result.error.reason, str(result.error)) | versions)
            elif target is None:
                detail = "the servers report no such diagnostic in the file"
                job.answer.set_result(no_answer("diagnostic_absent", detail) | versions)
            else:
                query = job.query
                tasks.append(Task(query.workspace, target, result.diagnostics, job.k, query.unsure))
                asked.append(job)
        for index, fix in fixer.stream(tasks, is_late=lambda index: asked[index].is_late()):
            asked[index].answer.set_result(answer_of(fix, fixer.models.version) | versions)
