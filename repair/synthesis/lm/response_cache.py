"""On-disk response cache of language models (SQLite, WAL), so that no answer is paid for twice.

An answer is committed when it arrives, before it is used: a process that is killed and started again asks
only what had no answer yet. Several threads and processes may share a file.
"""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from repair.sqlite import connect

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL,
    asked_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) WITHOUT ROWID
"""

# Another process writes one small row at a time: a lock held for this long means that something is broken.
_BUSY_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer with its tokens and cost; a null count or cost is not known."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


def answer_key(
    *,
    model: str,
    messages: Sequence[Mapping[str, str]],
    sampling: Mapping[str, Any],
    prompt_version: str,
    answer_format: str,
    sample: int,
) -> str:
    """Cache key of an answer: a hash of everything that it depends on."""
    question = {
        "model": model,
        "messages": [dict(message) for message in messages],
        "sampling": dict(sampling),
        "prompt_version": prompt_version,
        "answer_format": answer_format,
        "sample": sample,
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


class ResponseCache:
    """Cache of answers in one SQLite file, which is created if absent; thread-safe. A context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = connect(path, _TABLE, timeout=_BUSY_S)

    def get(self, key: str) -> Answer | None:
        """The cached answer, or None."""
        query = "SELECT text, input_tokens, output_tokens, cost_usd FROM answers WHERE key = ?"
        with self._lock:
            row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else Answer(*row)

    def put(self, key: str, model: str, answer: Answer) -> None:
        """Store `answer`; the first one under a key stays."""
        values = (key, model, answer.text, answer.input_tokens, answer.output_tokens, answer.cost_usd)
        statement = (
            "INSERT OR IGNORE INTO answers (key, model, text, input_tokens, output_tokens, cost_usd)"
            " VALUES (?, ?, ?, ?, ?, ?)"
        )
        with self._lock:
            self._connection.execute(statement, values)

    def __len__(self) -> int:
        with self._lock:
            return self._connection.execute("SELECT count(*) FROM answers").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> "ResponseCache":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
