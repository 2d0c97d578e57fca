"""Response cache of language models (an SQLite file, or PostgreSQL), so that no answer is paid for twice.

A reply is committed when it arrives, before it is parsed, and an answer as soon as the reply is found to be
one: a process that is killed and started again asks only what had no answer yet. Several threads, processes
and, with PostgreSQL, machines may share a cache: a question is claimed before it is asked.

| table | holds |
|---|---|
| `answers` | the answer to a question: final |
| `replies` | what was paid for and is not (yet) an answer: its question is asked again |
"""

import hashlib
import json
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from repair.closing import Closing
from repair.database import Database, DatabaseError, Execute, Location, open_database
from repair.database.sqlite import SqliteDatabase
from repair.errors import StoreError
from repair.synthesis.lm.reply import Reply

_ANSWERS = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    text {dialect.text} NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE PRECISION,
    asked_at TEXT NOT NULL DEFAULT {dialect.utc_text},
    finish_reason TEXT,
    seconds DOUBLE PRECISION
)
"""

_REPLIES = """
CREATE TABLE IF NOT EXISTS replies (
    number {dialect.serial},
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    content TEXT NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE PRECISION,
    asked_at TEXT NOT NULL DEFAULT {dialect.utc_text},
    seconds DOUBLE PRECISION,
    token TEXT
)
"""

# Columns that files of earlier releases lack.
_LATER_COLUMNS = (
    *(("answers", "finish_reason TEXT"), ("answers", "seconds REAL"), ("replies", "seconds REAL")),
    ("replies", "token TEXT"),
)
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS replies_of ON replies (key)",
    "CREATE UNIQUE INDEX IF NOT EXISTS replies_by_token ON replies (token)",
)


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
    """Cache of answers in one database, whose tables are created if absent; thread-safe. A context manager.

    Raises StoreError, here and in every method, if it can't be read or written.
    """

    def __init__(self, location: Location) -> None:
        self._name = str(location)
        with self._told():
            self.database = open_database(location)
            try:
                self.database.create([_ANSWERS, _REPLIES])
                _add_later_columns(self.database)
                self.database.create(_INDEXES)
            except BaseException:
                self.database.close()
                raise

    def get(self, key: str) -> Answer | None:
        """The cached answer, or None."""
        query = (
            "SELECT text, input_tokens, output_tokens, cost_usd, finish_reason, seconds FROM answers"
            " WHERE key = ?"
        )
        with self._told():
            rows = self.database.execute(query, (key,))
        return None if not rows else Answer(_decoded(rows[0][0]), *rows[0][1:])

    def replies(self, key: str) -> list[StoredReply]:
        """The replies under `key` that are no answer yet, in the order in which they came."""
        query = (
            "SELECT number, content, input_tokens, output_tokens, cost_usd, seconds FROM replies"
            " WHERE key = ? ORDER BY number"
        )
        with self._told():
            rows = self.database.execute(query, (key,))
        return [StoredReply(number, Reply(*reply)) for number, *reply in rows]

    def put_reply(self, key: str, model: str, reply: Reply) -> StoredReply:
        """Store a reply as it came."""
        token = uuid4().hex  # where a connection is lost at the end of a transaction, it is tried twice
        values = (
            *(token, key, model, reply.content, reply.input_tokens, reply.output_tokens),
            *(reply.cost_usd, reply.seconds),
        )

        def put(execute: Execute) -> int:
            execute(
                "INSERT INTO replies"
                " (token, key, model, content, input_tokens, output_tokens, cost_usd, seconds)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token) DO NOTHING",
                values,
            )
            [[number]] = execute("SELECT number FROM replies WHERE token = ?", (token,))
            return number

        with self._told():
            return StoredReply(self.database.transact(put), reply)

    def put(self, key: str, model: str, answer: Answer, reply: int | None = None) -> None:
        """Store `answer`; the first one under a key stays. `reply` is the number of the reply that it was."""
        values = (
            *(key, model, self.database.encoded(answer.text), answer.input_tokens, answer.output_tokens),
            *(answer.cost_usd, answer.finish_reason, answer.seconds),
        )

        def put(execute: Execute) -> None:
            execute(
                "INSERT INTO answers"
                " (key, model, text, input_tokens, output_tokens, cost_usd, finish_reason, seconds)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                values,
            )
            execute("DELETE FROM replies WHERE number = ?", (reply,))

        with self._told():
            self.database.transact(put)

    def remove_texts(self, texts: Collection[str]) -> int:
        """Removes the answers that are one of these texts; returns how many there were."""
        wanted = set(texts)
        with self._told():
            rows = self.database.execute("SELECT key, text FROM answers")
            keys = [key for key, text in rows if _decoded(text) in wanted]
            for key in keys:
                self.database.execute("DELETE FROM answers WHERE key = ?", (key,))
        return len(keys)

    def demote(self, key: str) -> None:
        """Make an answer that is none a reply again: it was paid for, and its question is asked again."""
        columns = "key, model, input_tokens, output_tokens, cost_usd, asked_at, seconds"

        def demote(execute: Execute) -> None:
            for text, finish_reason in execute(
                "SELECT text, finish_reason FROM answers WHERE key = ?", (key,)
            ):
                content = {"outputs": [_decoded(text)], "finish_reason": finish_reason, "body": None}
                execute(
                    f"INSERT INTO replies ({columns}, content)"  # noqa: S608 (names of columns)
                    f" SELECT {columns}, CAST(? AS TEXT) FROM answers WHERE key = ?",
                    (json.dumps(content), key),
                )
            execute("DELETE FROM answers WHERE key = ?", (key,))

        with self._told():
            self.database.transact(demote)

    def claim(self, key: str) -> bool:
        """Whether this process alone may ask the question now, until `release`."""
        with self._told():
            return self.database.claim(key)

    def release(self, key: str) -> None:
        """End a claim."""
        with self._told():
            self.database.release(key)

    def __len__(self) -> int:
        with self._told():
            return self.database.execute("SELECT count(*) FROM answers")[0][0]

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def _told(self) -> Generator[None]:
        """Errors name the database and what to do."""
        try:
            yield
        except DatabaseError as error:
            raise StoreError(
                f"{self._name}, the response cache of the language model, can't be used: {error}"
            ) from error


def _add_later_columns(database: Database) -> None:
    """PostgreSQL's tables are as new as the first release that made them, SQLite's may be older."""
    if not isinstance(database, SqliteDatabase):
        return
    for table, column in _LATER_COLUMNS:
        if column.partition(" ")[0] in database.columns(table):
            continue
        try:
            database.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        except DatabaseError as error:  # another process was faster
            if "duplicate column" not in str(error):
                raise


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else bytes(text).decode()
