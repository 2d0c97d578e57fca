"""Append-only log of decoded answers (JSON lines), so that a killed decoding resumes.

A line is an answer to a prompt, which it names by its SHA-256. Lines are appended a batch at a time and
synced to the disk. What a killed writer left of a line is dropped by the next one; a reader never sees it.

A log outlives the run that wrote it: with another model in the list, or more answers, the next one decodes
only what is new. One that no run has used for `UNUSED_DAYS` is removed.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from repair.errors import StoreError
from repair.models.model import Completion, FinishReason

Key = tuple[str, int]
"""The SHA-256 of a prompt, and the number of the answer to it."""


UNUSED_DAYS = 30


def prompt_sha256(prompt: str) -> str:
    """SHA-256 of a prompt's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(prompt.encode(errors="surrogatepass")).hexdigest()


def logged_answers(path: Path) -> dict[Key, Completion]:
    """The answers that are in the log as whole lines; none if there is no file."""
    try:
        return _parsed(path.read_bytes())[0]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, error) from error


def use_log(path: Path) -> None:
    """Marks the log at `path` as used, and removes those of its folder that were not for `UNUSED_DAYS`."""
    if path.exists():
        os.utime(path)
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    for other in path.parent.glob("*.jsonl"):
        try:
            if other.stat().st_mtime < oldest:
                with other.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not while a writer has it open
                    other.unlink()
        except OSError:  # it is in use, removed already, or not ours to remove: it costs a little room
            continue


class AnswerLog:
    """The log at `path`, open for one writer: another one waits until this one is closed. A context manager.

    Raises StoreError, here and in `append`, if the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(path)
            self._file.seek(0)
            self.answers, whole = _parsed(self._file.read())
            self._file.truncate(whole)
        except OSError as error:
            raise _unusable(path, error) from error

    def append(self, answers: Iterable[tuple[Key, Completion]]) -> None:
        """Append answers; they are on the disk when this returns."""
        added = dict(answers)
        lines = "".join(
            json.dumps({"prompt": prompt, "number": number, **asdict(completion)}) + "\n"
            for (prompt, number), completion in added.items()
        )
        try:
            self._file.write(lines.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unusable(self._path, error) from error
        self.answers.update(added)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _locked(path: Path) -> BufferedRandom:
    while True:
        file = path.open("a+b")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # it was removed while this one waited


def _parsed(data: bytes) -> tuple[dict[Key, Completion], int]:
    """The answers of the whole lines at the beginning, and the number of their bytes."""
    answers: dict[Key, Completion] = {}
    whole = 0
    for line in data.splitlines(keepends=True):
        try:
            row: dict[str, Any] = json.loads(line)
            key = str(row.pop("prompt")), int(row.pop("number"))
            row["finish_reason"] = FinishReason(row["finish_reason"])
            completion = Completion(**row)
        except (ValueError, TypeError, KeyError, AttributeError):
            break
        if not line.endswith(b"\n"):
            break
        answers[key] = completion
        whole += len(line)
    return answers, whole


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}, the log of decoded answers, can't be used ({type(error).__name__}: {error}): make it a file"
        " that can be read and written, on a disk with room; without it, its answers are decoded again"
    )
