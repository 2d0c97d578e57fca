"""Decisions of annotators: an append-only log of JSON Lines, on the disk before a decision counts as saved.

Of an annotator's rows about one sample the last by timestamp counts, so that the files of several annotators
may be concatenated. A row names the sample by its id and by the hash of what was shown: where that has
changed, the row is not about the sample any more.
"""

import fcntl
import hashlib
import json
import os
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, TypeVar, cast

import msgspec
from fsspec.core import url_to_fs

from repair.declared_types import UnexpectedValueError, converted
from repair.errors import ConfigurationError, InputError
from repair.messages import shown

T = TypeVar("T")
ACCEPT, CORRECT, REJECT, SKIP = "accept", "correct", "reject", "skip"
RIGHT, WRONG, UNSURE = "right", "wrong", "unsure"
ADJUDICATOR = "adjudicator"
"""The annotator whose decision counts where the others disagree."""

LONGEST_NAME, LONGEST_REASON = 60, 500  # characters
_BEGINNING = b'{"sample_id": '
_TICK = timedelta(microseconds=1)


class ServersVerdict(msgspec.Struct, frozen=True):
    """What the language servers found about a correction: `repair.verification.verifier.Verdict`."""

    accepted: bool
    reason: str | None
    evidence: str
    versions: dict[str, str]


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the log."""

    sample_id: str
    sample_sha256: str
    annotator: str
    decision: Literal["accept", "correct", "reject", "skip", "right", "wrong", "unsure"]
    reason: str
    line_diff: str
    """The diff that was shown; of a correction, the corrected one."""
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    verdict: ServersVerdict | None = None

    @property
    def stand(self) -> tuple[str, str]:
        """What annotators have to agree on: a reference's diff, or the decision where there is none."""
        if self.decision in (ACCEPT, CORRECT):
            return ACCEPT, self.line_diff
        return self.decision, ""


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the annotators of a sample say together; `decision` is None where they disagree."""

    decision: str | None
    line_diff: str
    annotators: tuple[str, ...]
    detail: str


class Decisions:
    """The latest decision of each annotator about each sample."""

    def __init__(self, rows: Iterable[Decision] = ()) -> None:
        self._latest: dict[tuple[str, str], dict[str, Decision]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Decision) -> None:
        """Take in a row; an older one than the known changes nothing."""
        of_sample = self._latest.setdefault((row.sample_id, row.sample_sha256), {})
        known = of_sample.get(row.annotator)
        if known is None or known.timestamp <= row.timestamp:
            of_sample[row.annotator] = row

    def of(self, sample_id: str, sample_sha256: str) -> Mapping[str, Decision]:
        """The decisions about a sample as it was shown, by annotator."""
        return dict(self._latest.get((sample_id, sample_sha256), {}))

    def __iter__(self) -> Iterator[Decision]:
        return (row for of_sample in self._latest.values() for row in of_sample.values())


def consensus(decisions: Mapping[str, Decision]) -> Consensus | None:
    """What all annotators, or else the adjudicator, say of a sample; None: nobody has decided."""
    decided = {name: row for name, row in sorted(decisions.items()) if row.decision != SKIP}
    if not decided:
        return None
    stands = {row.stand for row in decided.values()}
    if len(stands) > 1 and ADJUDICATOR not in decided:
        detail = ", ".join(f"{name}: {row.decision}" for name, row in decided.items())
        return Consensus(None, "", tuple(decided), detail)
    stand = decided[ADJUDICATOR].stand if ADJUDICATOR in decided else next(iter(stands))
    agreed = {name: row for name, row in decided.items() if row.stand == stand}
    detail = "; ".join(f"{name}: {row.reason}" if row.reason else name for name, row in agreed.items())
    return Consensus(*stand, tuple(agreed), detail)


def sample_sha256(files: Mapping[str, str], diagnostic: Mapping[str, Any], line_diff: str = "") -> str:
    """SHA-256 of a diagnostic in its workspace; `line_diff`, if the diff belongs to what is decided."""
    content = [sorted(files.items()), sorted(diagnostic.items()), line_diff]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def annotator_name(text: str) -> str:
    """The name in its normal form: two spellings of it must not count as two people. Raises InputError."""
    name = " ".join(unicodedata.normalize("NFKC", text).split()).casefold()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"an annotator's name is {shown(text)}: expected 1 to {LONGEST_NAME} characters")
    return name


def parse_rows(data: bytes, name: str) -> Iterator[Decision]:
    """The rows of a log, which is called `name` in errors.

    Raises:
        InputError: a line is no decision.
    """
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            where = f"{name}, line {number}"
            row = parse_value(line, Decision, where)
            yield msgspec.structs.replace(row, annotator=annotator_name(row.annotator))


def parse_value(text: bytes, declared: type[T], name: str) -> T:
    """JSON of a declared type; its texts may hold lone surrogates. Raises InputError."""
    try:
        return converted(json.loads(text), declared, name)
    except UnexpectedValueError as error:
        raise InputError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON: {str(error)[:100]}") from None


def read_decisions(data: bytes, uri: str) -> Decisions:
    """The decisions in the bytes of a file. Raises InputError."""
    return Decisions(parse_rows(data, uri))


def decisions_bytes(uri: str) -> bytes:
    """The file of decisions at a path or a URI that fsspec knows. Raises InputError."""
    fs, path = cast(tuple[Any, str], url_to_fs(uri))
    try:
        return cast(bytes, fs.cat_file(path))
    except OSError as error:
        raise InputError(f"the decisions of annotators can't be read from {uri}: {error}") from error


class DecisionLog:
    """The file that decisions are appended to; a context manager, one process at a time, thread-safe.

    `append` returns once the row is on the disk. What a power cut leaves of a row that was not yet saved is
    cut off when the file is opened again; `cut` is the number of those bytes.

    Raises:
        ConfigurationError: another process has the file open.
        InputError: the file holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._take()
            data = path.read_bytes()
            kept = self._whole(data)
            self.decisions = Decisions(parse_rows(data[:kept], str(path)))
            self.cut = len(data) - kept
            if self.cut:
                os.ftruncate(self._handle, kept)
            elif data and not data.endswith(b"\n"):
                self._write(b"\n")
            folder = os.open(path.resolve().parent, os.O_RDONLY)
            os.fsync(folder)  # the name of a new file
            os.close(folder)
        except BaseException:
            os.close(self._handle)
            raise
        self._last = max((row.timestamp for row in self.decisions), default=datetime.min.replace(tzinfo=UTC))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def append(self, row: Decision, *, instead_of: Decision | None = None) -> Decision:
        """Save a row under the present time; `instead_of`: only if that is still its annotator's latest.

        Raises:
            InputError: the file was replaced or removed meanwhile.
            OSError: the disk took less than the row; the file is as it was before.
        """
        with self._lock:
            latest = self.decisions.of(row.sample_id, row.sample_sha256).get(row.annotator)
            if instead_of is not None and latest is not None and latest != instead_of:
                return latest
            self._require_own_file()
            self._last = max(datetime.now(UTC), self._last + _TICK)  # a clock may be set back
            row = msgspec.structs.replace(row, timestamp=self._last)
            self._write(json.dumps(msgspec.to_builtins(row)).encode() + b"\n")
            self.decisions.add(row)
        return row

    def _take(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another `repair annotate` has {self.path} open; end it, or name another file"
            ) from None

    @staticmethod
    def _whole(data: bytes) -> int:
        """The number of bytes without the torn row at the end, if there is one."""
        start = data.rfind(b"\n") + 1
        torn = data[start:]
        if not torn or not torn.startswith(_BEGINNING[: len(torn)]):
            return len(data)
        try:
            json.loads(torn)
        except ValueError:
            return start
        return len(data)

    def _require_own_file(self) -> None:
        own = os.fstat(self._handle)
        try:
            same = os.path.samestat(own, self.path.stat())
        except FileNotFoundError:
            same = False
        if not same:
            raise InputError(f"{self.path} was removed or replaced: start `repair annotate` again")

    def _write(self, data: bytes) -> None:
        size = os.fstat(self._handle).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, size)
            raise
