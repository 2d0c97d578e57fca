"""Staging area: results of tasks on their way from the workers to the process that writes the partition.

A worker writes the record batches of each task to a file of its own, as an Arrow stream, in a folder of the
store; only the file's name travels back. So nobody holds more than a batch, batches keep their schema to the
letter, and what a worker has finished outlives it. A task that is worked on twice (its worker died, or was
slow) writes twice, and the file counts whose name came back.
"""

import contextlib
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa

from repair.errors import StoreError
from repair.execution.error_codec import decode_error, encode_error
from repair.store.manifest import CHUNK_BYTES, SWEEP_AFTER
from repair.store.reader import PartitionStore

# Beside the assets' folders; a name that no asset has.
FOLDER = "_staging"
_ERROR_FILE = re.compile(r"([0-9]{1,18})\.error")

STAGED = pa.schema(
    [
        pa.field("task", pa.int64(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Staged:
    """The result of one task."""

    task: int
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Staging:
    """One stage's results on their way."""

    store: PartitionStore
    token: str

    @classmethod
    def new(cls, store: PartitionStore) -> "Staging":
        """A fresh folder; those that killed processes left are swept once they are older than a day."""
        staging = cls(store, uuid.uuid4().hex[:16])
        staging._sweep()
        fs, folder = staging._folder()
        fs.makedirs(folder, exist_ok=True)
        return staging

    def write(self, task: int, batches: Iterable[pa.RecordBatch]) -> Staged:
        """Stages the result of a task, batch by batch."""
        fs, folder = self._folder()
        file = f"{task}-{uuid.uuid4().hex[:16]}.arrows"
        with fs.open(f"{folder}/{file}", "wb") as handle:
            counted = _Counted(handle)
            writer: pa.RecordBatchStreamWriter | None = None
            for batch in batches:
                if writer is None:
                    options = pa.ipc.IpcWriteOptions(compression="zstd")
                    writer = pa.ipc.new_stream(cast(Any, counted), batch.schema, options=options)
                writer.write_batch(batch)
            if writer is not None:
                writer.close()
        return Staged(task, file, counted.size)

    def read(self, staged: Staged) -> Iterator[pa.RecordBatch]:
        """The batches that were staged."""
        fs, folder = self._folder()
        path = f"{folder}/{staged.file}"
        try:
            size = fs.info(path)["size"]
        except FileNotFoundError:
            size = None
        if size != staged.bytes:
            raise StoreError(
                f"{path} has {size} bytes, a worker wrote {staged.bytes}: all of them must see the same "
                f"store (here {self.store.base_uri}); use gs://... or a folder that all of them mount"
            )
        if size:
            with fs.open(path, "rb") as handle:
                yield from pa.ipc.open_stream(handle)

    def write_error(self, task: int, error: Exception) -> None:
        """Keeps why a task failed."""
        with contextlib.suppress(Exception):  # it must not hide the error itself, which is raised next
            fs, folder = self._folder()
            fs.pipe_file(f"{folder}/{task}.error", encode_error(error))

    def error(self) -> Exception | None:
        """The error of the first task, by index, that failed. What no worker wrote is not looked at."""
        fs, folder = self._folder()
        found: dict[int, str] = {}
        for path in cast(list[str], fs.find(folder)):
            if match := _ERROR_FILE.fullmatch(path.rpartition("/")[2]):
                found[int(match[1])] = path
        for _, path in sorted(found.items()):
            with contextlib.suppress(FileNotFoundError):
                if (error := decode_error(fs.cat_file(path))) is not None:
                    return error
        return None

    def close(self) -> None:
        """Takes the folder away. What a task writes at the same moment (another one failed, and it does not
        know yet) stays, to be swept: it must not hide why the stage failed."""
        fs, folder = self._folder()
        with contextlib.suppress(OSError):
            fs.rm(folder, recursive=True)

    def _folder(self) -> tuple[Any, str]:
        fs, root = self._root()
        return fs, f"{root}/{self.token}"

    def _root(self) -> tuple[Any, str]:
        return self.store.locate(FOLDER, {})

    def _sweep(self) -> None:
        fs, root = self._root()
        now = datetime.now(UTC)
        for path in cast(list[str], fs.find(root)):
            with contextlib.suppress(FileNotFoundError):
                if now - fs.modified(path) > SWEEP_AFTER:
                    fs.rm_file(path)


class _Counted:
    """Looks like a file to Arrow's writer, and knows how much was written."""

    def __init__(self, handle: Any) -> None:
        self.size = 0
        self.closed = False
        self._handle = handle

    def write(self, data: Any) -> int:
        view = memoryview(data)
        for start in range(0, view.nbytes, CHUNK_BYTES):
            self._handle.write(view[start : start + CHUNK_BYTES])
        self.size += view.nbytes
        return view.nbytes

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self._handle.flush()
