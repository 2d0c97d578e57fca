"""On-disk response cache of language models (SQLite, WAL), so that no answer is paid for twice.

A reply is committed when it arrives, before it is parsed, and an answer as soon as the reply is found to be
one: a process that is killed and started again asks only what had no answer yet. Several threads and
processes may share a file.

| table | holds |
|---|---|
| `answers` | the answer to a question: final |
| `replies` | what was paid for and is not (yet) an answer: its question is asked again |
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repair.closing import Closing
from repair.errors import StoreError
from repair.sqlite import connect
from repair.synthesis.lm.reply import Reply

_ANSWERS = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL,
    asked_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    finish_reason TEXT,
    seconds REAL
) WITHOUT ROWID
"""

_REPLIES = """
CREATE TABLE IF NOT EXISTS replies (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    content TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost_usd REAL,
    asked_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    seconds REAL
)
"""

# Columns that files of earlier releases lack.
_LATER_COLUMNS = (("answers", "finish_reason TEXT"), ("answers", "seconds REAL"), ("replies", "seconds REAL"))

# Another process writes one small row at a time: a lock held for this long means that something is broken.
_BUSY_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer with its tokens and cost; a null count, cost or finish reason is not known."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    finish_reason: str | None = None
    """Why the text ended, as the service says it: `stop`, `length` (cut at `max_tokens`), ..."""
    seconds: float | None = None
    """From the request to the reply; null: of an earlier release."""


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply in the cache that is no answer yet, with its number there."""

    number: int
    reply: Reply


def answer_key(
    *,
    model: str,
    messages: Sequence[Mapping[str, str]],
    sampling: Mapping[str, Any],
    prompt_version: str,
    answer_format: str,
    sample: int,
) -> str:
    """Cache key of an answer: a hash of everything that it depends on.

    A model is known by its name: its address is not part of the key, so that a gateway may move.
    """
    question = {
        "model": model,
        "messages": [dict(message) for message in messages],
        "sampling": dict(sampling),
        "prompt_version": prompt_version,
        "answer_format": answer_format,
        "sample": sample,
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


class ResponseCache(Closing):
    """Cache of answers in one SQLite file, which is created if absent; thread-safe. A context manager.

    Raises StoreError, here and in every method, if the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path, _ANSWERS, timeout=_BUSY_S)
            try:
                self._connection.execute(_REPLIES)
                self._connection.execute("CREATE INDEX IF NOT EXISTS replies_of ON replies (key)")
                self._add_later_columns()
            except BaseException:
                self._connection.close()
                raise

    def get(self, key: str) -> Answer | None:
        """The cached answer, or None."""
        query = (
            "SELECT text, input_tokens, output_tokens, cost_usd, finish_reason, seconds FROM answers"
            " WHERE key = ?"
        )
        with self._told():
            row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else Answer(*row)

    def replies(self, key: str) -> list[StoredReply]:
        """The replies under `key` that are no answer yet, in the order in which they came."""
        query = (
            "SELECT number, content, input_tokens, output_tokens, cost_usd, seconds FROM replies"
            " WHERE key = ? ORDER BY number"
        )
        with self._told():
            rows = self._connection.execute(query, (key,)).fetchall()
        return [StoredReply(number, Reply(*reply)) for number, *reply in rows]

    def put_reply(self, key: str, model: str, reply: Reply) -> StoredReply:
        """Store a reply as it came."""
        statement = (
            "INSERT INTO replies (key, model, content, input_tokens, output_tokens, cost_usd, seconds)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        values = (
            *(key, model, reply.content, reply.input_tokens, reply.output_tokens, reply.cost_usd),
            reply.seconds,
        )
        with self._told():
            number = self._connection.execute(statement, values).lastrowid
        return StoredReply(number or 0, reply)

    def put(self, key: str, model: str, answer: Answer, reply: int | None = None) -> None:
        """Store `answer`; the first one under a key stays. `reply` is the number of the reply that it was."""
        values = (
            *(key, model, answer.text, answer.input_tokens, answer.output_tokens, answer.cost_usd),
            *(answer.finish_reason, answer.seconds),
        )
        statement = (
            "INSERT OR IGNORE INTO answers"
            " (key, model, text, input_tokens, output_tokens, cost_usd, finish_reason, seconds)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        with self._told(), self._transaction():
            self._connection.execute(statement, values)
            self._connection.execute("DELETE FROM replies WHERE number = ?", (reply,))

    def demote(self, key: str) -> None:
        """Make an answer that is none a reply again: it was paid for, and its question is asked again."""
        columns = "key, model, input_tokens, output_tokens, cost_usd, asked_at, seconds"
        content = "json_object('outputs', json_array(text), 'finish_reason', finish_reason, 'body', NULL)"
        with self._told(), self._transaction():
            self._connection.execute(
                f"INSERT INTO replies ({columns}, content)"  # noqa: S608 (names of columns)
                f" SELECT {columns}, {content} FROM answers WHERE key = ?",
                (key,),
            )
            self._connection.execute("DELETE FROM answers WHERE key = ?", (key,))

    def __len__(self) -> int:
        with self._told():
            return self._connection.execute("SELECT count(*) FROM answers").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _add_later_columns(self) -> None:
        for table, column in _LATER_COLUMNS:
            known = {name for _, name, *_ in self._connection.execute(f"PRAGMA table_info({table})")}
            if column.partition(" ")[0] in known:
                continue
            try:
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
            except sqlite3.OperationalError as error:  # another process was faster
                if "duplicate column" not in str(error):
                    raise

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _told(self) -> Generator[None]:
        """One thread at a time; errors name the file and what to do."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise StoreError(
                    f"{self._path}, the response cache of the language model, can't be used"
                    f" ({type(error).__name__}: {error}): make it a file that can be read and written, on a"
                    " disk with room; if it is damaged, move it away, and what it held is asked again"
                ) from error
