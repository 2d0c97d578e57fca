"""Resource watch: samples a child's resident memory and counts its processes; kills it above a limit.

Address space (RLIMIT_AS) can't be limited instead: node reserves gigabytes of it when it starts.

Tested by `tests/repair/language_servers/test_confinement.py`.
"""

import itertools
import threading

from repair.closing import Closing
from repair.language_servers import child

MOST_MEGABYTES = 4096.0
MOST_PROCESSES = 16
"""Of a child, itself included. A server needs one, and one more for a moment when it asks an interpreter."""
_SAMPLE_S = 0.05
_COUNTED_EVERY = 10  # samples: to walk the tree of processes takes longer than to read one number


class MemoryWatch(Closing):
    """Watches `process` in a thread of its own until `close()`, or the end of its `with` block."""

    def __init__(self, process: child.Child, most_megabytes: float) -> None:
        self._process = process
        self._most = most_megabytes
        self._closed = threading.Event()
        self.fault: str | None = None
        """Why the process was killed; null: it was not."""
        threading.Thread(target=self._watch, name="memory-watch", daemon=True).start()

    def close(self) -> None:
        """Stops to watch."""
        self._closed.set()

    def _watch(self) -> None:
        pid = self._process.program_pid
        for sample in itertools.count():
            if self._closed.wait(_SAMPLE_S):
                return
            if child.resident_megabytes(pid) > self._most:
                self._end(f"it held more than {self._most:g} MB of memory")
            elif not sample % _COUNTED_EVERY and child.count_processes(pid, MOST_PROCESSES) > MOST_PROCESSES:
                self._end(f"it started more than {MOST_PROCESSES} processes")

    def _end(self, fault: str) -> None:
        self.fault = f"{fault} and was killed"
        child.kill(self._process)
        self.close()
