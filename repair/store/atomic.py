"""Atomic writes: a file or a folder is there whole, or as it was before."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec


def is_local(filesystem: Any) -> bool:
    """Whether an fsspec file system is this machine's own."""
    protocol = filesystem.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def write_whole(filesystem: Any, path: str, data: bytes) -> None:
    """Atomic, durable write: whoever opens `path` finds all of `data`, or what was there before."""
    if not is_local(filesystem):
        filesystem.pipe_file(path, data)  # an object is replaced in one step
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as pending:
        pending.write_bytes(data)


@contextmanager
def whole_file(target: Path) -> Generator[Path]:
    """A path beside the local file `target` to write to; it replaces `target` if the block succeeds."""
    pending = target.with_name(f".{target.name}-{uuid.uuid4().hex[:16]}")
    try:
        yield pending
        with pending.open("rb") as handle:
            os.fsync(handle.fileno())  # what is renamed must not be lost in a crash that the name survives
        pending.replace(target)
    finally:
        pending.unlink(missing_ok=True)


@contextmanager
def whole_folder(destination: str, *, last: str) -> Generator[Path]:
    """A local folder to write into, which is at `destination` if and only if the block succeeds.

    A local destination is replaced by renaming, any other one by copying with the file `last` at the end.
    Whatever ends the block, the folder that was written into is gone afterwards.
    """
    fs, root = fsspec.url_to_fs(destination)
    local = is_local(fs)
    if local:
        Path(root).parent.mkdir(parents=True, exist_ok=True)
    parent = str(Path(root).parent) if local else None
    folder = Path(tempfile.mkdtemp(prefix=f".{Path(root).name}.", suffix=".partial", dir=parent))
    try:
        yield folder
        if local:
            folder.chmod(0o755)  # a temporary folder is made for its owner alone
            for path in folder.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
            _replace(folder, Path(root))
        else:
            _upload(fs, folder, root, last)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replace(folder: Path, destination: Path) -> None:
    if not destination.exists():
        folder.rename(destination)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".old", dir=destination.parent))
    destination.rename(old / "replaced")
    try:
        folder.rename(destination)
    except OSError:
        (old / "replaced").rename(destination)
        raise
    finally:
        shutil.rmtree(old)


def _upload(fs: Any, folder: Path, root: str, last: str) -> None:
    with suppress(FileNotFoundError):
        fs.rm_file(f"{root}/{last}")
    names = sorted(
        os.path.relpath(path, folder) for path in folder.rglob("*") if path.is_file() and path.name != last
    )
    fs.makedirs(root, exist_ok=True)
    for name in names:
        fs.put_file(str(folder / name), f"{root}/{name}")
    for path in fs.find(root):
        if os.path.relpath(path, root) not in names:
            fs.rm_file(path)
    fs.put_file(str(folder / last), f"{root}/{last}")
