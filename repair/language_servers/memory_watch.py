"""Memory watch: samples the resident memory of a child process and kills it above a limit.

Address space (RLIMIT_AS) can't be limited instead: node reserves gigabytes of it when it starts.

Tested by `tests/repair/language_servers/test_confinement.py`.
"""

import threading
from types import TracebackType
from typing import Self

from repair.language_servers import child

MOST_MEGABYTES = 4096.0
_SAMPLE_S = 0.05


class MemoryWatch:
    """Watches `process` in a thread of its own until `close()`, or the end of its `with` block."""

    def __init__(self, process: child.Child, most_megabytes: float) -> None:
        self._process = process
        self._most = most_megabytes
        self._closed = threading.Event()
        self.fault: str | None = None
        """Why the process was killed; null: it was not."""
        threading.Thread(target=self._watch, name="memory-watch", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops to watch."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(_SAMPLE_S):
            if child.resident_megabytes(self._process.program_pid) > self._most:
                self.fault = f"it held more than {self._most:g} MB of memory and was killed"
                child.kill(self._process)
                return
